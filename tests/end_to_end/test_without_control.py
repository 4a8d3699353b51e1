"""A sidecar that serves a folder of documents, and the traces, samples and metrics that it sends to others than control."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest
import pytest_asyncio
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from hyperplan.sample import Sample
from tests.end_to_end.stacks import Log, Uncontrolled, document, until
from tests.envoy.running import ModelServer
from tests.support.otlp import OtlpReceiver

ModelServers = Callable[..., Awaitable[ModelServer]]

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def uncontrolled(receiver: OtlpReceiver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Uncontrolled]:
    async with Uncontrolled(tmp_path_factory.mktemp("uncontrolled"), receiver.url, Log()) as uncontrolled:
        yield uncontrolled


async def test_endpoints_are_served_as_their_files_say_and_as_they_are_edited(
    uncontrolled: Uncontrolled, model_server: ModelServers
) -> None:
    model = await model_server()
    models = {"a@1": model.url("/a"), "b@1": model.url("/b")}
    uncontrolled.write(document("filed", models))
    await uncontrolled.served("filed")
    assert (await uncontrolled.predict("filed")).headers["x-hyperplan-model"] == "a@1"
    uncontrolled.write(document("filed", models, routing={"split": {"b@1": 1}}))

    async def edited() -> bool:
        return (await uncontrolled.predict("filed")).headers["x-hyperplan-model"] == "b@1"

    await until(edited)
    (uncontrolled.endpoints / "filed.yaml").unlink()

    async def gone() -> bool:
        return (await uncontrolled.predict("filed")).status_code == 404

    await until(gone)


async def test_a_file_that_becomes_bad_changes_nothing_and_the_log_says_where_and_what(
    uncontrolled: Uncontrolled, model_server: ModelServers
) -> None:
    model = await model_server()
    good = document("spoilt", {"a@1": model.url()})
    uncontrolled.write(good)
    await uncontrolled.served("spoilt")
    # Another file changes at the same time: a folder is served whole or not at all.
    uncontrolled.write(document("neighbour", {"a@1": model.url()}))
    (uncontrolled.endpoints / "spoilt.yaml").write_text("name: spoilt\nmatch: { path: /x }\nprotocol: tfservin\n")

    async def refused() -> bool:
        return "is refused" in uncontrolled.log.of("sidecar")

    await until(refused)
    log = uncontrolled.log.of("sidecar")
    [line] = [line for line in log.splitlines() if "/protocol" in line]
    assert "spoilt.yaml" in line
    assert "line 3" in line
    assert "tfserving" in line
    response = await uncontrolled.predict("spoilt")
    assert (response.status_code, response.headers["x-hyperplan-model"]) == (200, "a@1")
    uncontrolled.write(good)
    await uncontrolled.served("neighbour")
    for name in ("spoilt", "neighbour"):
        (uncontrolled.endpoints / f"{name}.yaml").unlink()


class Traced:
    """The spans of one trace, by what they are."""

    def __init__(self, receiver: OtlpReceiver, trace: str) -> None:
        self.spans = [(service, span) for service, span in receiver.spans if span.trace_id.hex() == trace]

    def of(self, service: str, kind: int) -> list[Span]:
        return [span for sender, span in self.spans if sender == service and span.kind == kind]

    def by_id(self) -> dict[bytes, Span]:
        return {span.span_id: span for _, span in self.spans}


def sample_of(receiver: OtlpReceiver, response: httpx.Response) -> LogRecord | None:
    """The record of the sample of the request that got this answer."""
    prediction = response.headers["x-hyperplan-prediction-id"]
    for record in receiver.logs:
        if Sample.decode(record.body.bytes_value).prediction_id == prediction:
            return record
    return None


async def traced(uncontrolled: Uncontrolled, receiver: OtlpReceiver, trace: str, name: str, count: int) -> Traced:
    """The spans of a trace once so many have come. Envoy sends spans when it has some, so it is given more."""

    async def complete() -> bool:
        await uncontrolled.predict(name)
        found = Traced(receiver, trace)
        return len(found.spans) >= count

    await until(complete)
    return Traced(receiver, trace)


async def test_envoy_and_sidecar_report_spans_of_one_trace_and_the_sample_carries_it(
    uncontrolled: Uncontrolled, receiver: OtlpReceiver, model_server: ModelServers
) -> None:
    model = await model_server()
    uncontrolled.write(document("traced", {"a@1": model.url()}))
    await uncontrolled.served("traced")
    response = await uncontrolled.predict("traced")
    prediction = response.headers["x-hyperplan-prediction-id"]
    record = await until(lambda: found(lambda: sample_of(receiver, response)))
    assert record
    trace = record.trace_id.hex()
    assert int(trace, 16)
    found_trace = await traced(uncontrolled, receiver, trace, "traced", 4)
    spans = found_trace.by_id()
    [decide] = found_trace.of("hyperplan-sidecar", Span.SPAN_KIND_SERVER)
    [ingress] = found_trace.of("hyperplan-envoy", Span.SPAN_KIND_SERVER)
    attributes = {item.key: item.value.string_value for item in decide.attributes}
    assert decide.name == "hyperplan.decide"
    assert (attributes["hyperplan.prediction_id"], attributes["hyperplan.arm"]) == (prediction, "a@1")
    # The sidecar's span hangs under Envoy's call of it, which hangs under the client's request.
    call = spans[decide.parent_span_id]
    assert call.kind == Span.SPAN_KIND_CLIENT
    assert call.parent_span_id == ingress.span_id
    assert ingress.parent_span_id == b""
    assert record.span_id == decide.parent_span_id
    # So does the span of the request to the model, which was told the trace.
    [seen] = [seen for seen in model.seen if trace in seen.headers.get("traceparent", "")]
    attempt = spans[bytes.fromhex(seen.headers["traceparent"].split("-")[2])]
    assert (attempt.kind, attempt.parent_span_id) == (Span.SPAN_KIND_CLIENT, ingress.span_id)
    assert ingress.start_time_unix_nano <= decide.start_time_unix_nano <= decide.end_time_unix_nano
    assert decide.end_time_unix_nano <= ingress.end_time_unix_nano


async def test_a_clients_trace_is_continued_to_the_sidecar_and_the_sample(
    uncontrolled: Uncontrolled, receiver: OtlpReceiver, model_server: ModelServers
) -> None:
    model = await model_server()
    uncontrolled.write(document("continued", {"a@1": model.url()}))
    await uncontrolled.served("continued")
    response = await uncontrolled.predict("continued", traceparent=f"00-{TRACE}-{PARENT}-01")
    found_trace = await traced(uncontrolled, receiver, TRACE, "continued", 4)
    [ingress] = found_trace.of("hyperplan-envoy", Span.SPAN_KIND_SERVER)
    [decide] = found_trace.of("hyperplan-sidecar", Span.SPAN_KIND_SERVER)
    assert ingress.parent_span_id.hex() == PARENT
    assert found_trace.by_id()[decide.parent_span_id].parent_span_id == ingress.span_id
    record = await until(lambda: found(lambda: sample_of(receiver, response)))
    assert record
    assert record.trace_id.hex() == TRACE


async def test_metrics_count_all_requests(
    uncontrolled: Uncontrolled, receiver: OtlpReceiver, model_server: ModelServers
) -> None:
    model = await model_server()
    uncontrolled.write(document("measured", {"a@1": model.url()}, on_violation="reject", sampling={"rate": 0}))
    await uncontrolled.served("measured")
    before = receiver.total("hyperplan.requests", endpoint="measured", outcome="rejected")
    for _ in range(5):
        assert (await uncontrolled.predict("measured", b"{}")).status_code == 422

    async def counted() -> bool:
        return receiver.total("hyperplan.requests", endpoint="measured", outcome="rejected") == before + 5

    await until(counted)
    assert receiver.total("hyperplan.flaws", endpoint="measured", flaw="no_rows") == 5


async def found(look: Callable[[], LogRecord | None]) -> LogRecord | None:
    return look()
