"""Commands that run processes: the sidecar, control, both with an Envoy, and the demo."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cli.addresses import checked_url, claim_each, collector, parse_address
from cli.amounts import size, some_seconds
from cli.app import app
from cli.failure import Failure
from cli.keys import read_secret
from cli.options import (
    AUTHORITIES,
    CONTROL,
    CONTROL_LISTEN,
    LISTEN,
    OTLP_LISTEN,
    Bucket,
    ControlListen,
    Data,
    Jaeger,
    Json,
    Keep,
    KeepBytes,
    KeepWindows,
    KeyFile,
    Listen,
    OtlpListen,
    RegistryUrl,
    Run,
    StoreUrl,
    Traces,
    TraceSampling,
    TransportName,
    Upstream,
    Webhook,
    WebhookSecretFile,
    Workers,
)
from cli.texts import write_text


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
    key_file: KeyFile = None,
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

    What an endpoint marks as personal (pii) is hashed with the key before it leaves. Without a key it does not leave at all, and the log says so.
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
        secret=read_secret(key_file, os.environ),
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
    store: StoreUrl = None,
    registry: RegistryUrl = None,
    bucket: Bucket = 60.0,
    keep: Keep = None,
    keep_bytes: KeepBytes = None,
    keep_windows: KeepWindows = None,
    webhook: Webhook = None,
    webhook_secret_file: WebhookSecretFile = None,
    key_file: KeyFile = None,
    jaeger: Jaeger = None,
    as_json: Json = False,
) -> None:
    """Run the control plane: the registry of endpoints, the plans of sidecars, samples, profiles, skew and alerts.

    Alerts are sent to each --webhook as JSON, signed as Standard Webhooks (https://www.standardwebhooks.com) says, and sent again for a day
    if need be. The secret is read from --webhook-secret-file or HYPERPLAN_WEBHOOK_SECRET, never from the command line, which others can see.

    Control need not know the key that sidecars hash personal values with. If it does, it can be asked for an entity by its name.
    """
    from cli.webhooks import read_webhooks
    from control.serve import ControlSettings, serve
    from control.stores import Keeping

    api_at, otlp_at = claim_each({"--listen": listen, "--otlp-listen": otlp_listen})
    settings = ControlSettings(
        listen=api_at,
        otlp=otlp_at,
        data=data,
        bucket=bucket,
        registry=registry,
        store=store,
        keeping=Keeping(
            samples=some_seconds(keep, "--keep") if keep else None,
            windows=some_seconds(keep_windows, "--keep-windows") if keep_windows else None,
            size=size(keep_bytes, "--keep-bytes") if keep_bytes else None,
        ),
        webhooks=read_webhooks(webhook or [], webhook_secret_file, os.environ),
        secret=read_secret(key_file, os.environ),
        jaeger=checked_url(jaeger, "--jaeger") if jaeger else None,
    )
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
    key_file: KeyFile = None,
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
        key_file=key_file,
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
        write_text(output, text)


@app.command()
def demo(
    listen: Listen = LISTEN,
    control: ControlListen = CONTROL_LISTEN,
    otlp_listen: OtlpListen = OTLP_LISTEN,
    flights: Annotated[int, typer.Option(min=200, help="How many flights are replayed, spread evenly.")] = 20_000,
    every: Annotated[bool, typer.Option("--all", help="Replay every flight of the half year: 170,618.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Exit when the replay is over, even on a terminal.")] = False,
    traces: Traces = None,
    pictures: Annotated[Path, typer.Option(help="The folder for the pictures of what control finds.")] = Path(
        "run/demo"
    ),
    as_json: Json = False,
) -> None:
    """Replay half a year of flights through Envoy and two models, with an edit, a crash and two broken feeds on the way.

    Nothing needs to be set up: the models are trained first, and everything but the pictures is removed at the end.
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
        pictures=pictures,
        as_json=as_json,
    )
    _run_until_signalled(lambda stop: run(settings, stop), as_json=as_json)


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
