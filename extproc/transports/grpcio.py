"""The transport on `grpc.aio`: the reference, slow and sure."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from extproc.stages import Stage

log = logging.getLogger("hyperplan.transport")

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
LARGEST_MESSAGE = 72 << 20
"""Bytes of one gRPC message: the largest body that an endpoint may allow, and its frame."""


class GrpcioTransport:
    """Serves a stage on a unix socket."""

    def __init__(self, stage: Stage, socket: Path) -> None:
        self._stage = stage
        self._socket = socket
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Bind the socket, taking it over from a process that is gone, and serve.

        Raises:
            OSError: the socket cannot be bound.
        """
        self._socket.unlink(missing_ok=True)
        limits = [
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.max_send_message_length", LARGEST_MESSAGE),
        ]
        self._server = grpc.aio.server(options=limits)
        process = grpc.stream_stream_rpc_method_handler(self._process)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Process": process}),))
        try:
            self._server.add_insecure_port(f"unix:{self._socket}")
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._socket}: {error}") from None
        await self._server.start()

    async def stop(self, grace: float) -> None:
        """Take no new streams, and give those that are open `grace` seconds to end."""
        if self._server:
            await self._server.stop(grace)

    async def _process(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        exchange = self._stage.open(metadata)
        try:
            async for request in requests:
                yield exchange.receive(request)
                if exchange.over:
                    return
        except DecodeError:
            await context.abort(grpc.StatusCode.INTERNAL, "a message that is no ProcessingRequest")
        except Exception:
            # The stream ends with an error, and Envoy does what the endpoint's on_failure says.
            log.exception("a request could not be processed")
            raise
        finally:
            exchange.close()
