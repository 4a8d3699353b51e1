"""Where the telemetry of the benchmark goes: an OTLP receiver that takes everything and keeps nothing.

`python -m bench.sink PORT`. A real one, so that exporting costs what it costs; control's own work is not what is measured.
"""

import asyncio
import sys
from typing import Any

import grpc
import grpc.aio

SERVICES = (
    "opentelemetry.proto.collector.logs.v1.LogsService",
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "opentelemetry.proto.collector.trace.v1.TraceService",
)


async def _take(_request: bytes, _context: Any) -> bytes:
    return b""


async def serve(port: int) -> None:
    """Listen on loopback until the process ends."""
    server = grpc.aio.server()
    export = grpc.unary_unary_rpc_method_handler(_take)
    for service in SERVICES:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": export}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
