"""The rows of the benchmark: Envoy alone, ours in several ways, and empty processors of others.

Ours does its whole job: the flights' schema, a sticky split over two arms, and, unless a row says else, a sample of 1 % of the
requests and a trace of 1 %.
"""

from bench.flights import bodies
from bench.load import write_script
from bench.measure import Show, Target
from bench.peers.build import Peer, build
from bench.stand import ROOT, Stand

ENVOY = "Envoy alone"
OURS = "Hyperplan"
NEITHER = "Hyperplan, no samples or traces"
SUPERVISED = "Hyperplan, telemetry in a process"
SILENT = "Hyperplan, telemetry off"
INTERPRETED = "Hyperplan, not compiled"
GRPCIO = "Hyperplan on grpcio"
EMPTY_GRPCIO, GO, CPP = "grpc.aio, empty", "Go, empty", "C++, empty"
PEERS = {EMPTY_GRPCIO: "grpcio", GO: "go", CPP: "cpp"}

SHARE = 0.01


async def start(stand: Stand, show: Show) -> tuple[dict[str, Target], dict[str, str]]:
    """Start every row; and those that cannot be built here, with the reason."""
    peers = build(show)
    script = stand.folder / "flights.lua"
    write_script(script, bodies())
    sampled, plain = [stand.document(SHARE)], [stand.document()]
    tracing = SHARE * 100
    show("starting Envoys and processors")
    rows = {
        ENVOY: await stand.envoy_alone(),
        OURS: await stand.sidecar(OURS, sampled, tracing=tracing),
        NEITHER: await stand.sidecar(NEITHER, plain),
        SUPERVISED: await stand.sidecar(SUPERVISED, sampled, tracing=tracing, program=("-m", "bench.supervised")),
        SILENT: await stand.sidecar(SILENT, sampled, tracing=tracing, settings={"OTEL_SDK_DISABLED": "true"}),
        INTERPRETED: await stand.sidecar(INTERPRETED, sampled, tracing=tracing, code=ROOT),
        GRPCIO: await stand.sidecar(GRPCIO, sampled, "--transport", "grpcio", tracing=tracing),
    }
    missing = {}
    for row, name in PEERS.items():
        peer = peers[name]
        if isinstance(peer, Peer):
            rows[row] = await stand.peer(row, peer.command)
        else:
            missing[row] = peer.reason
    return {name: Target(served, script) for name, served in rows.items()}, missing
