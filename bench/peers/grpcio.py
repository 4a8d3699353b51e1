"""An empty external processor on `grpc.aio` and uvloop: what most write who write one in Python.

`python -m bench.peers.grpcio SOCKET`.
"""

import asyncio
import platform
import signal
import sys
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import grpc
import grpc.aio
import uvloop

from extproc.wire import BodyResponse, HeadersResponse, ProcessingRequest, ProcessingResponse, TrailersResponse

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
ANSWERS = {
    "request_headers": ProcessingResponse(request_headers=HeadersResponse()),
    "response_headers": ProcessingResponse(response_headers=HeadersResponse()),
    "request_body": ProcessingResponse(request_body=BodyResponse()),
    "response_body": ProcessingResponse(response_body=BodyResponse()),
    "request_trailers": ProcessingResponse(request_trailers=TrailersResponse()),
    "response_trailers": ProcessingResponse(response_trailers=TrailersResponse()),
}
"""The empty answer to each kind of request."""

GRACE = 1.0
"""Seconds that open streams have to end after SIGTERM."""


async def process(_requests: AsyncIterator[ProcessingRequest], context: grpc.aio.ServicerContext) -> None:
    """Answer one stream, with `read` and `write`, which cost a little less than a generator does."""
    while (request := await context.read()) is not grpc.aio.EOF:
        kind = request.WhichOneof("request")
        if kind is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a request of no kind that is known here")
        await context.write(ANSWERS[kind])


async def serve(socket: Path) -> None:
    """Listen until SIGTERM."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(
        process,
        request_deserializer=ProcessingRequest.FromString,
        response_serializer=ProcessingResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Process": handler}),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    await asked.wait()
    await server.stop(GRACE)


def main() -> None:
    """Do what the only argument says."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bench.peers.grpcio SOCKET | --version")
    if sys.argv[1] == "--version":
        print(f"grpcio {version('grpcio')}, uvloop {version('uvloop')}, Python {platform.python_version()}")
        return
    socket = Path(sys.argv[1])
    socket.unlink(missing_ok=True)
    uvloop.run(serve(socket))


if __name__ == "__main__":
    main()
