"""The `hyperplan` command: one function for each command, thin, and importing what it needs only when it is called.

The sidecar must not pay for control's libraries, nor `hyperplan --help` for any of them.
"""

import asyncio
import enum
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, urlencode, urlsplit

import typer

from cli.addresses import checked_url, claim_each, collector, parse_address
from cli.failure import Failure, report
from hyperplan import __version__
from hyperplan.endpoint import ENDPOINT_NAME, Endpoint, parse_endpoint
from hyperplan.problems import Invalid

if TYPE_CHECKING:
    import httpx

    from cli.api import ControlApi

app = typer.Typer(
    name="hyperplan",
    help="One stable endpoint in front of any number of models: a sidecar for Envoy, and what watches over it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

LISTEN = "127.0.0.1:8080"
CONTROL_LISTEN = "127.0.0.1:7070"
OTLP_LISTEN = "127.0.0.1:4417"
NONE = "none"
"""Said of an option, it takes away what was there. No model and hardly a header has this name."""
CONTROL = f"http://{CONTROL_LISTEN}"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines; long-running commands log JSON lines.")]
ControlUrl = Annotated[str, typer.Option("--control", envvar="HYPERPLAN_CONTROL", help="The URL of control.")]
Run = Annotated[
    Path, typer.Option("--run", envvar="HYPERPLAN_RUN", help="The folder of the sockets Envoy connects to.")
]
Data = Annotated[
    Path, typer.Option("--data", envvar="HYPERPLAN_DATA", help="The folder of what must outlive a restart.")
]
Author = Annotated[str | None, typer.Option(envvar="HYPERPLAN_AUTHOR", help="Who makes the change.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the revision.")]
Wait = Annotated[
    bool,
    typer.Option(
        "--wait", help="Return only when every sidecar that control knows has it in force; fail if one refuses."
    ),
]
Bucket = Annotated[
    float,
    typer.Option("--bucket", envvar="HYPERPLAN_BUCKET", min=0.1, help="Seconds of traffic that one profile covers."),
]
Traces = Annotated[
    str | None,
    typer.Option(
        "--traces",
        envvar="HYPERPLAN_TRACES",
        help="Where traces go, as OTLP over gRPC: a collector's or Jaeger's http://HOST:4317.",
        show_default="nowhere",
    ),
]
Listen = Annotated[str, typer.Option("--listen", envvar="HYPERPLAN_LISTEN", help="Where Envoy takes requests.")]
ControlListen = Annotated[
    str,
    typer.Option("--control", envvar="HYPERPLAN_CONTROL_LISTEN", help="Where control's HTTP API and console answer."),
]
OtlpListen = Annotated[
    str,
    typer.Option("--otlp-listen", envvar="HYPERPLAN_OTLP_LISTEN", help="Where control receives samples and metrics."),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        envvar="HYPERPLAN_WORKERS",
        min=1,
        max=64,
        help="Processes that decide; more than one share the connections that Envoy opens, one for each of its threads.",
    ),
]
TraceSampling = Annotated[
    float,
    typer.Option(envvar="HYPERPLAN_TRACE_SAMPLING", min=0, max=100, help="Percent of the requests that are traced."),
]
Upstream = Annotated[
    str | None,
    typer.Option(envvar="HYPERPLAN_DEFAULT_UPSTREAM", help="The URL that gets every request that is no prediction."),
]


class TransportName(enum.StrEnum):
    """How the sidecar speaks gRPC with Envoy."""

    h2 = enum.auto()
    grpcio = enum.auto()


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """One stable endpoint in front of any number of models: a sidecar for Envoy, and what watches over it."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


# Processes.


@app.command()
def sidecar(
    control: Annotated[
        str | None, typer.Option(envvar="HYPERPLAN_CONTROL", help="Plans come from this control.", show_default=CONTROL)
    ] = None,
    endpoints: Annotated[
        Path | None,
        typer.Option(envvar="HYPERPLAN_ENDPOINTS", help="Plans come from this folder of documents instead."),
    ] = None,
    run: Run = Path("run"),
    data: Data = Path("data/sidecar"),
    default_upstream: Upstream = None,
    transport: Annotated[
        TransportName,
        typer.Option(envvar="HYPERPLAN_TRANSPORT", help="Who speaks gRPC with Envoy: our own code, or grpcio's."),
    ] = TransportName.h2,
    workers: Workers = 1,
    spool_bytes: Annotated[
        int,
        typer.Option(
            envvar="HYPERPLAN_SPOOL_BYTES",
            min=0,
            help="How much of --data samples may take while they wait for a sink that is away, in its folder spool; "
            "the oldest are dropped first. 0: they wait in memory only.",
        ),
    ] = 256 << 20,
    as_json: Json = False,
) -> None:
    """Run the data plane next to Envoy: decides on each request, and configures Envoy's clusters and routes.

    Telemetry follows the OTEL_* variables; unset, samples and metrics go to control on this machine. Samples that cannot be
    sent wait on disk, outlive a restart and are sent when the receiver is back.
    """
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # workers are other programs, not copies of this one
    import uvloop

    from extproc.sidecar import SidecarSettings, serve
    from extproc.telemetry.settings import SpoolSettings, TelemetrySettings

    if control is not None and endpoints is not None:
        raise Failure("--control and --endpoints exclude each other: plans come from one place")
    if endpoints is not None and not endpoints.is_dir():
        raise Failure(f"--endpoints {endpoints} is not a folder")
    if workers > 1 and transport is not TransportName.h2:
        raise Failure(f"--workers {workers} needs --transport h2: grpcio keeps its connections to itself")
    settings = SidecarSettings(
        source=endpoints or urlsplit(checked_url(control or CONTROL, "--control")),
        run=run,
        data=data,
        default_upstream=checked_url(default_upstream, "--default-upstream") if default_upstream else None,
        telemetry=TelemetrySettings.read(
            os.environ, SpoolSettings(data / "spool", spool_bytes) if spool_bytes else None
        ),
        transport=transport,
        workers=workers,
    )
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    _run_until_signalled(lambda stop: serve(settings, stop), as_json=as_json)


@app.command()
def control(
    listen: Annotated[
        str, typer.Option(envvar="HYPERPLAN_CONTROL_LISTEN", help="Where the HTTP API and the console answer.")
    ] = CONTROL_LISTEN,
    otlp_listen: Annotated[
        str,
        typer.Option(envvar="HYPERPLAN_OTLP_LISTEN", help="Where samples and metrics are received, as OTLP over gRPC."),
    ] = OTLP_LISTEN,
    data: Data = Path("data/control"),
    bucket: Bucket = 60.0,
    as_json: Json = False,
) -> None:
    """Run the control plane: the registry of endpoints, the plans of sidecars, samples, profiles and skew."""
    from control.serve import ControlSettings, serve

    api_at, otlp_at = claim_each({"--listen": listen, "--otlp-listen": otlp_listen})
    settings = ControlSettings(listen=api_at, otlp=otlp_at, data=data, bucket=bucket)
    _run_until_signalled(lambda stop: serve(settings, stop), as_json=as_json)


@app.command()
def up(
    endpoints: Annotated[
        Path | None,
        typer.Option(
            envvar="HYPERPLAN_ENDPOINTS", help="Documents in this folder that control does not know yet are applied."
        ),
    ] = None,
    listen: Listen = LISTEN,
    control: ControlListen = CONTROL_LISTEN,
    otlp_listen: OtlpListen = OTLP_LISTEN,
    data: Data = Path("data"),
    default_upstream: Upstream = None,
    traces: Traces = None,
    trace_sampling: TraceSampling = 1.0,
    bucket: Bucket = 60.0,
    workers: Workers = 1,
    as_json: Json = False,
) -> None:
    """Run Envoy, a sidecar and control on this machine, until Ctrl-C. A port of 0 takes a free one."""
    from cli.stack import StackSettings
    from cli.up import run

    if endpoints is not None and not endpoints.is_dir():
        raise Failure(f"--endpoints {endpoints} is not a folder")
    if traces:
        collector(traces, "--traces")
    envoy_at, control_at, otlp_at = claim_each({"--listen": listen, "--control": control, "--otlp-listen": otlp_listen})
    settings = StackSettings(
        listen=envoy_at,
        control=control_at,
        otlp=otlp_at,
        data=data,
        endpoints=endpoints,
        default_upstream=default_upstream,
        traces=traces,
        trace_sampling=trace_sampling,
        bucket=bucket,
        workers=workers,
    )
    _run_until_signalled(lambda stop: run(settings, stop, as_json=as_json), as_json=as_json)


@app.command("envoy-config")
def envoy_config(
    listen: Listen = LISTEN,
    run: Run = Path("run"),
    admin: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERPLAN_ADMIN",
            help="Envoy's admin interface.",
            show_default="the unix socket admin.sock in --run",
        ),
    ] = None,
    traces: Traces = None,
    trace_sampling: TraceSampling = 1.0,
    authorities: Annotated[
        Path,
        typer.Option(envvar="HYPERPLAN_AUTHORITIES", help="The certificate authorities that vouch for https models."),
    ] = AUTHORITIES,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", envvar="HYPERPLAN_ENVOY_CONFIG", help="Write it to this file instead."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the bootstrap of an Envoy that works with a sidecar: run it with `envoy -c FILE`."""
    from cli.envoy_config import EnvoySettings, render, render_json

    settings = EnvoySettings(
        listen=parse_address(listen, "--listen"),
        run=run,
        admin=parse_address(admin, "--admin") if admin else None,
        traces=collector(traces, "--traces") if traces else None,
        trace_sampling=trace_sampling,
        authorities=authorities,
    )
    text = render_json(settings) if as_json else render(settings)
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write_text(output, text)


@app.command()
def demo(
    listen: Listen = LISTEN,
    control: ControlListen = CONTROL_LISTEN,
    otlp_listen: OtlpListen = OTLP_LISTEN,
    flights: Annotated[int, typer.Option(min=200, help="How many flights are replayed, spread evenly.")] = 20_000,
    every: Annotated[bool, typer.Option("--all", help="Replay every flight of the half year: 170,618.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Exit when the replay is over, even on a terminal.")] = False,
    traces: Traces = None,
    as_json: Json = False,
) -> None:
    """Replay half a year of flights through Envoy and two models, with an edit, a crash and two broken feeds on the way.

    Nothing needs to be set up: the models are trained first, and everything is removed at the end.
    """
    from demo.run import DemoSettings, run

    if traces:
        collector(traces, "--traces")
    envoy_at, control_at, otlp_at = claim_each({"--listen": listen, "--control": control, "--otlp-listen": otlp_listen})
    settings = DemoSettings(
        listen=envoy_at,
        control=control_at,
        otlp=otlp_at,
        flights=None if every else flights,
        stays=sys.stdout.isatty() and not once and not as_json,
        traces=traces,
        as_json=as_json,
    )
    _run_until_signalled(lambda stop: run(settings, stop), as_json=as_json)


# Endpoints.


@app.command()
def apply(
    file: Annotated[
        list[Path],
        typer.Option("--file", "-f", help="An endpoint document, - for standard input; several are applied in turn."),
    ],
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Make endpoints be what their documents say."""
    from cli.api import ControlApi
    from cli.following import follow, in_words

    applied = []
    with ControlApi(control, author=author, reason=reason) as api:
        for path in file:
            text = _read_text(path)
            try:
                name = parse_endpoint(text).name
            except Invalid as error:
                raise Failure.of(_named(path), error) from None
            applied.append(api.call("PUT", f"/v1/endpoints/{quote(name)}", content=text))
            if not as_json:
                typer.echo(f"{name}: revision {applied[-1]['revision']}")
        if wait:
            sidecars = follow(api, max(one["plan"] for one in applied))
            if not as_json:
                typer.echo(in_words(sidecars))
    if as_json:
        typer.echo(json.dumps(applied))


@app.command()
def get(
    endpoint: Annotated[str | None, typer.Argument(help="The endpoint; left out, all are listed.")] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show the endpoints, or one of them whole."""
    import msgspec

    from cli.api import ControlApi
    from cli.showing import show_endpoint, show_endpoints

    with ControlApi(control) as api:
        found = api.call("GET", "/v1/endpoints" if endpoint is None else _path_of(endpoint))
    if as_json:
        typer.echo(json.dumps(found))
    elif endpoint:
        show_endpoint(found["revision"], msgspec.convert(found["document"], Endpoint))
    else:
        show_endpoints(found)


@app.command()
def route(
    endpoint: Annotated[str, typer.Argument(help="The endpoint.")],
    split: Annotated[
        str | None, typer.Option(help="The new weights, like gbm@2=10,gbm@1=90; an arm left out gets none.")
    ] = None,
    fallback: Annotated[
        str | None,
        typer.Option(help="Who answers when the chosen arm cannot, in this order, like logit@1,prior@1; or none."),
    ] = None,
    shadow: Annotated[str | None, typer.Option(help="Who sees a copy of each request, like gbm@3; or none.")] = None,
    sticky: Annotated[
        bool | None,
        typer.Option("--sticky/--no-sticky", help="Whether an entity stays on its arm.", show_default="as it is"),
    ] = None,
    default: Annotated[
        str | None, typer.Option(help="Who answers when the sidecar cannot decide; none is the heaviest arm.")
    ] = None,
    force_header: Annotated[
        str | None, typer.Option(help="The header with which a request names its arm, like x-force-model; or none.")
    ] = None,
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Change how an endpoint chooses who answers: what is not named stays as it is. Sidecars follow at once.

    A canary: `hyperplan route flight-delay --split gbm@2=10,gbm@1=90 --reason "10 % to the new one" --wait`.
    `hyperplan dry-run` says beforehand who would answer, `hyperplan rollback` undoes it.
    """
    from cli.api import ControlApi

    named = {"fallback": _listed(fallback), "shadow": _listed(shadow)}
    edits: dict[str, object] = {field: models for field, models in named.items() if models is not None}
    if split is not None:
        edits["split"] = _parse_split(split)
    if sticky is not None:
        edits["sticky"] = sticky
    for field, value in (("default", default), ("force_header", force_header)):
        if value is not None:
            edits[field] = None if value == NONE else value
    if not edits:
        raise Failure("nothing to change; name what is to be another, like --split gbm@2=10,gbm@1=90")
    path = f"{_path_of(endpoint)}/routing"
    with ControlApi(control, author=author, reason=reason) as api:
        current = api.send("GET", path)
        routing = current.json() | edits
        changed = api.send("PUT", path, content=json.dumps(routing), headers={"if-match": current.headers["etag"]})
        _finish(api, endpoint, _revision_of(changed), wait=wait, as_json=as_json)


@app.command()
def drain(
    endpoint: Annotated[str, typer.Argument(help="The endpoint.")],
    model: Annotated[str, typer.Argument(help="The model that is to get no request any more, like gbm@1.")],
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Take a model out of service: out of split, fallback, shadow and default. It stays a model of the endpoint.

    With --wait no new request goes to it any more when the command returns; those under way end within the endpoint's timeout.
    `hyperplan rollback` brings it back.
    """
    import msgspec

    from cli.api import ControlApi

    path = _path_of(endpoint)
    with ControlApi(control, author=author, reason=reason) as api:
        current = api.send("GET", path)
        drained = api.send(
            "POST", f"{path}/models/{quote(model, safe='')}/drain", headers={"if-match": current.headers["etag"]}
        )
        _finish(api, endpoint, _revision_of(drained), wait=wait, as_json=as_json)
    if wait and not as_json:
        document = msgspec.convert(current.json()["document"], Endpoint)
        typer.echo(f"{model} gets no new request; those under way end within {document.timeout:g} seconds")


@app.command("dry-run")
def dry_run(
    endpoint: Annotated[str, typer.Argument(help="The endpoint.")],
    data: Annotated[
        str, typer.Option("--data", "-d", help="The body; @FILE reads it from a file, @- from standard input.")
    ] = "",
    header: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", help="A header of the request, like 'x-user-id: 7'; may be repeated."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Ask as if these were the weights, like gbm@2=10,gbm@1=90; nothing is changed.")
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Say who would answer a request, and why; no model is called and nothing is counted.

    `hyperplan dry-run flight-delay --data @body.json -H 'x-user-id: 7'` tells what is wrong with the body and what is done about it, whom
    the request is about, which arm it would get (or could, where it is drawn) and who answers when that one cannot.
    """
    import base64

    from cli.api import ControlApi
    from cli.showing import show_dry_run

    asked: dict[str, object] = {
        "headers": dict(map(_parse_header, header or [])),
        "base64": base64.b64encode(_body_of(data)).decode(),
    }
    path = _path_of(endpoint)
    with ControlApi(control) as api:
        if split is not None:
            weights: dict[str, float | None] = dict.fromkeys(api.call("GET", f"{path}/routing")["split"])
            weights.update(_parse_split(split))
            asked["routing"] = {"split": weights}
        found = api.call("POST", f"{path}/dry-run", content=json.dumps(asked))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_dry_run(found)


@app.command()
def rollback(
    endpoint: Annotated[str, typer.Argument(help="The endpoint.")],
    to: Annotated[int, typer.Option(min=1, help="The revision to go back to; `hyperplan revisions` lists them.")],
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Make an endpoint be what it was at an earlier revision, as a new one. One that was deleted comes back."""
    from cli.api import ControlApi

    path = _path_of(endpoint)
    with ControlApi(control, author=author, reason=reason) as api:
        newest = api.call("GET", f"{path}/revisions?limit=1")["revisions"][0]
        gone = newest["change"] == "delete"
        condition = {"if-none-match": "*"} if gone else {"if-match": str(newest["revision"])}
        changed = api.call("POST", f"{path}/rollback", content=json.dumps({"to": to}), headers=condition)
        _finish(api, endpoint, changed["revision"], wait=wait, as_json=as_json)


@app.command()
def revisions(
    endpoint: Annotated[str, typer.Argument(help="The endpoint; one that was deleted still has its history.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, from the newest on.")] = 20,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show who changed an endpoint, when and why, newest first."""
    from cli.api import ControlApi
    from cli.showing import show_revisions

    with ControlApi(control) as api:
        found = api.call("GET", f"{_path_of(endpoint)}/revisions?limit={limit}")
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_revisions(found["revisions"])


@app.command()
def diff(
    endpoint: Annotated[str, typer.Argument(help="The endpoint.")],
    older: Annotated[
        int | None, typer.Option("--from", min=0, help="A revision.", show_default="the one before --to")
    ] = None,
    newer: Annotated[int | None, typer.Option("--to", min=0, help="A revision.", show_default="the newest")] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show what was changed between two revisions of an endpoint; without options, what the last change did.

    A later revision as --from and an earlier one as --to show what `hyperplan rollback` would change.
    """
    from cli.api import ControlApi
    from cli.showing import show_diff

    asked = {name: number for name, number in (("from", older), ("to", newer)) if number is not None}
    with ControlApi(control) as api:
        found = api.call("GET", f"{_path_of(endpoint)}/diff?{urlencode(asked)}")
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_diff(found)


@app.command()
def shadow(
    endpoint: Annotated[str, typer.Argument(help="The endpoint.")],
    since: Annotated[str, typer.Option(help="From when: a time, or as long ago as -15m, -1h, -7d.")] = "-1h",
    until: Annotated[str | None, typer.Option(help="Until when.", show_default="now")] = None,
    model: Annotated[str | None, typer.Option(help="This shadow only.", show_default="all of them")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="From which score on a prediction of a binary task counts as the class 1.", show_default="0.5"
        ),
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show how the shadows of an endpoint compare with the models that answered.

    A shadow gets a copy of each request; its answer goes to nobody. Name it under routing.shadow in the document, and of the
    requests that are sampled its answers are set beside those that clients got: how often the two say the same class, by how
    much their numbers differ, how many fail and how long they take.

    Rates, means and quantiles are estimates of all requests: each sampled one counts for 1 / the probability with which it was
    sampled. What stands behind a rate in brackets is its 95 % interval; a dash says that there is too little to tell. The latency of
    the primary is what the client waited for, failovers included; that of the shadow is of its one try.
    """
    from cli.api import ControlApi
    from cli.shadow import show_shadows

    asked = {"since": since, "until": until, "model": model, "threshold": threshold}
    given = {name: value for name, value in asked.items() if value is not None}
    with ControlApi(control) as api:
        report = api.call("GET", f"{_path_of(endpoint)}/shadow?{urlencode(given)}")
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show_shadows(report)


@app.command()
def profile(
    file: Annotated[Path, typer.Argument(help="The training data: Parquet or CSV, a column for each feature.")],
    endpoint: Annotated[str, typer.Option(help="The endpoint whose schema describes the columns.")],
    model: Annotated[str, typer.Option(help="The model version that was trained on it, like gbm@1.")],
    time_column: Annotated[
        str | None, typer.Option(help="The column by which rows are put in the order of time.")
    ] = None,
    chunk_rows: Annotated[int, typer.Option(min=1, help="Rows in one profile of the series.")] = 50_000,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Profile training data, and give it to control as the reference of a model. The data itself stays where it is."""
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from cli.api import ControlApi
    from cli.profiling import profile_file

    path = _path_of(endpoint)
    with ControlApi(control) as api, Progress(console=Console(stderr=True, quiet=as_json)) as progress:
        document = msgspec.convert(api.call("GET", path)["document"], Endpoint)
        task = progress.add_task(f"profiling {file}", total=None)
        try:
            reference = profile_file(
                file,
                document,
                model,
                time_column=time_column,
                chunk_rows=chunk_rows,
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        except Invalid as error:
            raise Failure(f"{file} cannot be profiled", error.problems) from None
        kept = api.call("PUT", f"{path}/models/{quote(model)}/reference", content=reference.encode())
    if as_json:
        typer.echo(json.dumps(kept))
    else:
        typer.echo(f"{model}: reference of {kept['rows']:,} rows in {kept['chunks']} profiles")


def _path_of(endpoint: str) -> str:
    """Where the API has an endpoint.

    Raises:
        Failure: no endpoint can have this name; as part of a path it would lead elsewhere.
    """
    if not ENDPOINT_NAME.fullmatch(endpoint):
        raise Failure(f"{endpoint!r} is no name of an endpoint; `hyperplan get` lists those that there are")
    return f"/v1/endpoints/{endpoint}"


def _finish(api: "ControlApi", endpoint: str, revision: int, *, wait: bool, as_json: bool) -> None:
    """Say which revision an edit made, and, if asked to, wait until it is in force."""
    from cli.following import follow, in_words

    made: dict[str, object] = {"endpoint": endpoint, "revision": revision}
    words = f"{endpoint}: revision {revision}"
    if wait:
        plan = api.call("GET", f"{_path_of(endpoint)}/revisions/{revision}")["plan"]
        sidecars = follow(api, plan)
        made |= {"plan": plan, "sidecars": sidecars}
        words += f", {in_words(sidecars)}"
    typer.echo(json.dumps(made) if as_json else words)


def _revision_of(response: "httpx.Response") -> int:
    return int(response.headers["etag"].strip('"'))


def _listed(text: str | None) -> list[str] | None:
    """Models separated by commas; None if nothing was said."""
    if text is None:
        return None
    return [] if text == NONE else [name.strip() for name in text.split(",")]


def _body_of(data: str) -> bytes:
    if not data.startswith("@"):
        return data.encode("utf-8", "surrogateescape")
    try:
        return sys.stdin.buffer.read() if data == "@-" else Path(data[1:]).read_bytes()
    except OSError as error:
        raise Failure(f"--data: {data[1:]} cannot be read: {error.strerror}") from None


def _parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Failure(f"--header: {text!r} must be a name and a value, like 'x-user-id: 7'")
    return name.strip().lower(), value.strip()


def _parse_split(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in text.split(","):
        arm, equals, weight = part.strip().partition("=")
        if arm in weights:
            raise Failure(f"--split: names {arm!r} twice; give each arm one weight")
        try:
            weights[arm] = float(weight)
        except ValueError:
            equals = ""
        if not arm or not equals:
            raise Failure(f"--split: {part.strip()!r} must be model=weight, like gbm@1=90")
    return weights


# Running things.


def _run_until_signalled(main: Callable[[asyncio.Event], Awaitable[None]], *, as_json: bool) -> None:
    """Run a coroutine function that takes a stop event, and set the event on SIGINT or SIGTERM."""
    from cli import logs

    logs.set_up(as_json=as_json)

    async def supervised() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await main(stop)

    try:
        asyncio.run(supervised())
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None


def _read_text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"{_named(path)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Failure(f"{_named(path)} is not UTF-8: {error.reason} at byte {error.start}") from None


def _named(path: Path) -> str:
    return "standard input" if str(path) == "-" else str(path)


def _write_text(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None


def main() -> None:
    """Run the command line."""
    try:
        app()
    except Failure as failure:
        report(failure, as_json="--json" in sys.argv[1:])
        sys.exit(1)
    except Invalid as error:
        report(Failure.of("the configuration", error), as_json="--json" in sys.argv[1:])
        sys.exit(1)
    except ModuleNotFoundError as error:
        sys.exit(
            f"error: this command needs a part that is not installed ({error.name}): pip install 'hyperplan[demo]'"
        )


if __name__ == "__main__":
    main()
