"""Which requests Envoy traces, and in which trace."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import grpc.aio
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from cli.addresses import parse_address
from extproc.xds import XdsServer
from tests.envoy.running import PATIENCE, ModelServer, RunningEnvoy, endpoint_document, resources

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector(TraceServiceServicer):
    """An OTLP receiver that keeps the spans."""

    def __init__(self) -> None:
        self.spans: asyncio.Queue[Span] = asyncio.Queue()
        self.services: set[str] = set()

    async def Export(  # noqa: N802 - the name in the protocol
        self, request: ExportTraceServiceRequest, _context: grpc.aio.ServicerContext
    ) -> ExportTraceServiceResponse:
        for batch in request.resource_spans:
            attributes = batch.resource.attributes
            self.services |= {item.value.string_value for item in attributes if item.key == "service.name"}
            for scope in batch.scope_spans:
                for span in scope.spans:
                    self.spans.put_nowait(span)
        return ExportTraceServiceResponse()


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    server, collector = grpc.aio.server(), Collector()
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield collector, f"127.0.0.1:{port}"
    await server.stop(None)


Sampling = Callable[[float], Awaitable[RunningEnvoy]]


@pytest.fixture
async def envoy_sampling(
    run: Path,
    xds: XdsServer,
    model_server: Callable[[], Awaitable[ModelServer]],
    collector: tuple[Collector, str],
) -> AsyncIterator[Sampling]:
    """Starts an Envoy that traces this percentage of requests, with one endpoint."""
    async with AsyncExitStack() as stack:

        async def start(percent: float) -> RunningEnvoy:
            model = await model_server()
            await xds.start(resources(endpoint_document({"a@1": model.url()})))
            envoy = await RunningEnvoy.launch(
                run, traces=parse_address(collector[1], "--traces"), trace_sampling=percent
            )
            stack.push_async_callback(envoy.stop)
            await envoy.ready()
            return envoy

        yield start


async def predict(client: httpx.AsyncClient, envoy: RunningEnvoy, sampled: bool | None = None) -> None:
    """Two requests, as part of a client's trace (sampled or not) or of none: Envoy sends out five spans at a time."""
    headers = {} if sampled is None else {"traceparent": f"00-{TRACE}-{PARENT}-0{int(sampled)}"}
    for _ in range(2):
        response = await client.post(envoy.url + "/v1/models/delay:predict", content=b"{}", headers=headers)
        assert response.status_code == 200


async def five_spans(collector: Collector) -> list[Span]:
    return [await asyncio.wait_for(collector.spans.get(), PATIENCE) for _ in range(5)]


async def test_a_clients_trace_is_continued_whatever_the_sampling(
    envoy_sampling: Sampling, collector: tuple[Collector, str], client: httpx.AsyncClient
) -> None:
    envoy = await envoy_sampling(0)
    await predict(client, envoy)
    await predict(client, envoy, sampled=True)
    spans = await five_spans(collector[0])
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert PARENT in {span.parent_span_id.hex() for span in spans}
    assert collector[0].services == {"hyperplan-envoy"}


async def test_a_client_that_does_not_sample_is_heeded_and_others_are_sampled(
    envoy_sampling: Sampling, collector: tuple[Collector, str], client: httpx.AsyncClient
) -> None:
    envoy = await envoy_sampling(100)
    await predict(client, envoy, sampled=False)
    await predict(client, envoy)
    assert TRACE not in {span.trace_id.hex() for span in await five_spans(collector[0])}
