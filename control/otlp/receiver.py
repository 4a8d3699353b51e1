"""The OTLP receiver: a gRPC server that answers only when what it was sent is on disk.

The answer is the promise that the sender may forget. A store that cannot write is UNAVAILABLE to the sender, which the OTLP specification makes a retry;
a record that never will be a sample is rejected in a partial success, which it makes final. Traces are not served here,
and say so: UNIMPLEMENTED.
"""

import asyncio
import logging
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from control.otlp.commits import Commits
from control.otlp.logs import read_logs
from control.otlp.metrics import read_metrics
from control.stores import Store, Unavailable

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 16 << 20
"""Bytes of one request."""
MOST_REQUESTS = 256
"""Requests that may wait for a commit; others are told to come back."""
GRACE = 2.0
"""Seconds that requests under way get to end when the receiver stops."""

_OPTIONS = [("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.so_reuseport", 0)]


class OtlpReceiver:
    """Receives samples and counters into a store. `listen` is host:port; port 0 picks a free one."""

    def __init__(self, store: Store, listen: str) -> None:
        self._store = store
        self._listen = listen
        self._server: grpc.aio.Server | None = None

    async def start(self) -> int:
        """Begin to listen; returns the port.

        Raises:
            RuntimeError: the address is taken, or none of this machine.
        """
        server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MOST_REQUESTS)
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Logs(self._store), server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self._store), server)
        try:
            port = int(server.add_insecure_port(self._listen))
        except RuntimeError:
            raise RuntimeError(f"cannot listen on {self._listen} for OTLP: is the address in use?") from None
        await server.start()
        self._server = server
        return port

    async def stop(self) -> None:
        """Answer what is under way, then stop listening."""
        if self._server is not None:
            await self._server.stop(GRACE)
            self._server = None


class _Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, store: Store) -> None:
        self._commits = Commits(store)

    async def Export(self, request: ExportLogsServiceRequest, context: Any) -> ExportLogsServiceResponse:  # noqa: N802
        logs = await asyncio.to_thread(read_logs, request)
        if logs.rejected:
            log.warning(
                "%d of %d samples were refused: %s", logs.rejected, logs.rejected + len(logs.samples), logs.reason
            )
        if logs.ignored:
            log.debug("%d log records are no samples and were ignored", logs.ignored)
        try:
            if logs.samples:
                await self._commits.commit(logs.samples)
        except Unavailable as error:
            await _come_back(context, error)
        response = ExportLogsServiceResponse()
        if logs.rejected:
            response.partial_success.rejected_log_records = logs.rejected
            response.partial_success.error_message = logs.reason
        return response


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def Export(self, request: ExportMetricsServiceRequest, context: Any) -> ExportMetricsServiceResponse:  # noqa: N802
        metrics = read_metrics(request)
        try:
            await asyncio.to_thread(self._store.count, metrics.sums)
        except Unavailable as error:
            await _come_back(context, error)
        response = ExportMetricsServiceResponse()
        if metrics.rejected:
            response.partial_success.rejected_data_points = metrics.rejected
            response.partial_success.error_message = "counters must be cumulative, monotonic sums of integers"
        return response


async def _come_back(context: Any, error: Unavailable) -> None:
    log.error("the store could not write, senders are asked to try again: %s", error)
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the store cannot write now; send this again")
