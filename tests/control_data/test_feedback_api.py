"""Feedback comes over the API and over OTLP, is on disk when that is answered, and shows on its sample."""

import json
from collections.abc import Callable
from typing import Any

import grpc
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from control.api.feedback import MOST_FEEDBACK
from control.stores import Store
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample

Api = TestClient[Litestar]
MakeSample = Callable[..., Sample]
EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def of(prediction_id: str | None = "p-1", label: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"endpoint": "flight-delay", "prediction_id": prediction_id, "label": label} | fields


def post(api: Api, body: Any, status: int = 200, kind: str = "application/json") -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = api.post("/v1/feedback", content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    return answer.json()


def labels(store: Store) -> dict[str, float]:
    found = store.labelled("flight-delay", 0, 1 << 62)
    return dict(zip(found.prediction_id.tolist(), found.label.tolist(), strict=True))


@pytest.fixture(autouse=True)
def sampled(store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(f"p-{number}", number, predictions=[0.5]) for number in (1, 2, 3)])


def lines(*several: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in several) + b"\n"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps([of(), of("p-2", 0)]).encode()),
        ("application/x-ndjson", lines(of(), of("p-2", 0))),
        ("application/jsonl", lines(of(), of("p-2", 0))),
        ("application/msgpack", msgspec.msgpack.encode([of(), of("p-2", 0)])),
    ],
)
def test_many_come_in_one_request_in_each_form(api: Api, store: Store, kind: str, body: bytes) -> None:
    assert post(api, body, kind=kind) == {"feedback": 2}
    assert labels(store) == {"p-1": 1.0, "p-2": 0.0}


def test_one_comes_alone_twice_and_shows_on_its_sample(api: Api, store: Store) -> None:
    for _ in range(2):
        assert post(api, of(label=True, time="2027-02-01T00:00:00Z", revision=3, source="billing")) == {"feedback": 1}
    (shown,) = api.get("/v1/endpoints/flight-delay/samples/p-1").json()["feedback"]
    assert (shown["label"], shown["time"], shown["revision"]) == (1.0, "2027-02-01T00:00:00Z", 3)
    assert api.get("/v1/endpoints/flight-delay/samples/p-2").json()["feedback"] == []
    assert labels(store) == {"p-1": 1.0}


def test_of_a_batch_with_bad_ones_none_is_kept_and_each_is_told_with_its_place(api: Api, store: Store) -> None:
    bad = [of(), of(label="yes"), of(None), of(endpoint="churn"), of(more=1), "text"]
    told = post(api, bad, 422)
    assert told["detail"] == "5 of 6 cannot be taken, and so none was"
    places = [error["pointer"] for error in told["errors"]]
    assert places == ["/1/label", "/2/prediction_id", "/3/endpoint", "/4/more", "/5"]
    assert labels(store) == {}


def test_of_lines_the_line_is_told(api: Api) -> None:
    told = post(api, lines(of(), of(label=7)), 422, "application/x-ndjson")
    assert [(error["pointer"], error["line"]) for error in told["errors"]] == [("/1/label", 2)]


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b'{"endpoint": "\xff"}', b"[" * 100_000])
def test_what_cannot_be_read_is_refused_in_a_sentence(api: Api, body: bytes) -> None:
    assert "cannot be read" in post(api, body, 422)["errors"][0]["detail"]


def test_a_hundred_thousand_come_in_one_request_and_no_more(api: Api, store: Store) -> None:
    many = [of(f"q-{number}", number % 2) for number in range(MOST_FEEDBACK - 1)]
    assert post(api, [*many, of()]) == {"feedback": MOST_FEEDBACK}
    assert labels(store) == {"p-1": 1.0}
    since = {"since": "2020-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z"}
    coverage = api.get("/v1/endpoints/flight-delay/feedback", params=since).json()
    assert coverage == {"samples": 3, "labelled": 1, "unsampled": MOST_FEEDBACK - 1, "ambiguous": 0}
    assert "100000 of one request" in post(api, [*many, of(), of()], 413)["detail"]


async def export(address: str, *bodies: bytes) -> ExportLogsServiceResponse:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for body in bodies:
        record = records.add()
        record.event_name = Feedback.EVENT_NAME
        record.body.bytes_value = body
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await channel.unary_unary(EXPORT)(request.SerializeToString())
    return ExportLogsServiceResponse.FromString(answer)


async def test_feedback_that_a_sidecar_took_comes_over_otlp_and_what_is_none_is_rejected(
    store: Store, receiver_address: str
) -> None:
    good = Feedback(endpoint="flight-delay", prediction_id="p-2", label=1.0, time=5, received=6)
    nothing = Feedback(endpoint="flight-delay", label=1.0, time=5, received=6)
    for _ in range(2):
        answer = await export(receiver_address, good.encode(), nothing.encode(), b"\xc1")
        assert answer.partial_success.rejected_log_records == 2
    assert labels(store) == {"p-2": 1.0}
