"""The options that several commands share, and the addresses that they default to."""

import enum
from pathlib import Path
from typing import Annotated

import typer

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
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="HYPERPLAN_STORE",
        help="Where samples, windows and counters are kept: postgresql://USER@HOST/DATABASE or "
        "clickhouse://USER@HOST/DATABASE, which several controls may share.",
        show_default="a DuckDB file in --data",
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep",
        envvar="HYPERPLAN_KEEP",
        help="How long samples and what shadows answered are kept: 30d, 36h.",
        show_default="for ever",
    ),
]
KeepBytes = Annotated[
    str | None,
    typer.Option(
        "--keep-bytes",
        envvar="HYPERPLAN_KEEP_BYTES",
        help="How much of them is kept: 20GB; the oldest go first.",
        show_default="all",
    ),
]
KeepWindows = Annotated[
    str | None,
    typer.Option(
        "--keep-windows",
        envvar="HYPERPLAN_KEEP_WINDOWS",
        help="How long windows and counters are kept, which are small and what skew is told from: 400d.",
        show_default="for ever",
    ),
]
RegistryUrl = Annotated[
    str | None,
    typer.Option(
        "--registry",
        envvar="HYPERPLAN_REGISTRY",
        help="Where endpoints and their revisions are kept: postgresql://USER@HOST/DATABASE, which several controls may share.",
        show_default="a SQLite file in --data",
    ),
]
EndpointName = Annotated[str, typer.Argument(help="The endpoint.")]
Since = Annotated[str, typer.Option(help="From when: a time, or as long ago as -15m, -1h, -7d.")]
PredictedSince = Annotated[
    str, typer.Option("--since", help="Predictions from when: a time, or as long ago as -15m, -1h, -7d.")
]
Until = Annotated[str | None, typer.Option(help="Until when.", show_default="now")]
AllLabels = Annotated[
    bool,
    typer.Option("--all-labels", help="Count predictions too that are so new that only fast labels are there."),
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
    typer.Option(
        "--bucket", envvar="HYPERPLAN_BUCKET", min=0.1, max=86_400, help="Seconds of traffic that one profile covers."
    ),
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
Jaeger = Annotated[
    str | None,
    typer.Option(
        "--jaeger",
        envvar="HYPERPLAN_JAEGER",
        help="The URL of Jaeger's pages, so that predictions lead to their traces: http://HOST:16686.",
        show_default="traces are named only",
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

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        envvar="HYPERPLAN_KEY_FILE",
        help="The file of the key that personal values are hashed with, the same for all sidecars; make one with openssl rand -hex 32.",
        show_default="the variable HYPERPLAN_KEY",
    ),
]
Webhook = Annotated[
    list[str] | None,
    typer.Option(
        "--webhook",
        envvar="HYPERPLAN_WEBHOOK",
        help="Where alerts are sent, a URL; may be given several times, in the variable with spaces between.",
        show_default="nowhere",
    ),
]
WebhookSecretFile = Annotated[
    Path | None,
    typer.Option(
        "--webhook-secret-file",
        envvar="HYPERPLAN_WEBHOOK_SECRET_FILE",
        help="The file of the secret that signs what is sent: whsec_ and base64. While it is replaced, the new one, then the old one.",
        show_default="the variable HYPERPLAN_WEBHOOK_SECRET",
    ),
]


class TransportName(enum.StrEnum):
    """How the sidecar speaks gRPC with Envoy."""

    h2 = enum.auto()
    grpcio = enum.auto()
