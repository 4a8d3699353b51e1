"""Exploration and evaluation over HTTP, and on a control that runs."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from control.alerts.alerting import Alerting
from control.app import create_app
from control.plans import PlanFeed
from control.registry import Change, Registry, Write
from control.serve import ControlSettings, serve
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from tests.control_exploration.test_exploring import weighted
from tests.support.waiting import eventually

Client = TestClient[Litestar]
MakeTraffic = Callable[..., list[Sample | Feedback]]
EXPLORATION = "/v1/endpoints/flight-delay/exploration"
EVALUATION = "/v1/endpoints/flight-delay/evaluation"


@pytest.fixture
def client(registry: Registry, store: Store) -> Iterator[Client]:
    with TestClient(create_app(registry, store, PlanFeed(registry), Alerting(registry, store))) as client:
        yield client


@pytest.fixture
def earned(store: Store, traffic: MakeTraffic, now: int) -> None:
    store.ingest(traffic(now, 400))  # type: ignore[arg-type]


@pytest.mark.usefixtures("earned")
def test_what_exploration_thinks_can_be_read(client: Client) -> None:
    report = client.get(EXPLORATION).json()
    assert (report["revision"], report["thought"]["doing"]) == (1, "publishes")
    arm = report["thought"]["arms"]["logit@1"]
    assert (arm["share"], arm["rows"]) == (0.5, 200)
    assert arm["wanted"] == pytest.approx(0.9)
    assert arm["mean"] == pytest.approx(0.8, abs=0.1)
    assert "spare@1" not in report["thought"]["arms"]


@pytest.mark.usefixtures("earned")
def test_held_weights_say_by_whom_and_are_let_go(client: Client, registry: Registry) -> None:
    registry.edit("flight-delay", Change.ROUTING, Write("ada"), weighted(gbm=70, logit=30))
    thought = client.get(EXPLORATION).json()["thought"]
    assert thought["doing"] == "held"
    assert "ada set the weights by hand (revision 2)" in thought["words"]
    assert client.post(f"{EXPLORATION}/resume").json()["thought"]["doing"] == "publishes"
    assert client.get(EXPLORATION).json()["thought"]["doing"] == "publishes"


def test_an_endpoint_that_does_not_explore_says_so(client: Client, registry: Registry, endpoint: Endpoint) -> None:
    registry.put(msgspec.structs.replace(endpoint, exploration=None), Change.APPLY, Write())
    answer = client.get(EXPLORATION)
    assert answer.status_code == 404
    assert "declare an exploration" in answer.json()["detail"]


@pytest.mark.usefixtures("earned")
def test_policies_are_evaluated_with_their_intervals(client: Client) -> None:
    policies = ["logit@1=1", "gbm@1=1 if carrier=AA; logit@1=1", "spare@1=1"]
    report = client.get(EVALUATION, params={"policy": policies}).json()
    one, by_slice, unseen = report["policies"]
    assert (one["rows"], one["effective"]) == (400, pytest.approx(200))
    for name in ("ips", "snips", "dr"):
        assert one["estimates"][name]["low"] < 0.8 < one["estimates"][name]["high"], name
        assert by_slice["estimates"][name]["low"] < 0.5 < by_slice["estimates"][name]["high"], name
    assert one["more"]["low"] > 0
    assert unseen["estimates"] == {}
    assert "took no traffic" in unseen["words"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"policy": "tree@1=1"}, "'tree@1' is no arm of this endpoint; known: gbm@1, logit@1, spare@1"),
        ({"policy": "gbm@1"}, "no arm with a weight, like gbm@1=1"),
        ({"policy": "gbm@1=1 if origin=EWR; gbm@1=1"}, "'origin' is no slice of this endpoint; known: carrier"),
        ({"policy": "gbm@1=1", "of": "money"}, "money"),
        ({}, "policy"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_a_sentence(client: Client, params: dict[str, str], words: str) -> None:
    answer = client.get(EVALUATION, params=params)
    assert answer.status_code in (400, 422)
    assert words in answer.text


async def test_a_control_that_runs_explores_by_what_it_is_told(
    tmp_path: Path, endpoint: Endpoint, traffic: MakeTraffic, now: int, caplog: pytest.LogCaptureFixture
) -> None:
    stop = asyncio.Event()
    settings = ControlSettings(("127.0.0.1", 0), ("127.0.0.1", 0), tmp_path / "data", bucket=60.0)
    caplog.set_level("INFO", "hyperplan.control")
    serving = asyncio.create_task(serve(settings, stop))
    try:
        said = r"at (http://\S+), OTLP is received on port (\d+)"
        await eventually(lambda: bool(re.search(said, caplog.text)))
        found = re.search(said, caplog.text)
        assert found is not None
        async with httpx.AsyncClient(base_url=found[1], timeout=30) as client:
            document = msgspec.json.encode(endpoint)
            (await client.put("/v1/endpoints/flight-delay", content=document)).raise_for_status()
            made = traffic(now, 400)
            await _export(int(found[2]), [one for one in made if isinstance(one, Sample)])
            told = [
                {
                    "endpoint": one.endpoint,
                    "prediction_id": one.prediction_id,
                    "reward": one.reward,
                    "time": one.time / 1e9,
                }
                for one in made
                if isinstance(one, Feedback)
            ]
            (await client.post("/v1/feedback", json=told)).raise_for_status()
            await eventually(lambda: "exploration" in caplog.text or "thompson" in caplog.text, 40)
            newest = (await client.get("/v1/endpoints/flight-delay")).json()
            assert (newest["change"], newest["author"]) == ("exploration", "hyperplan")
            assert newest["document"]["routing"]["split"]["logit@1"] == 90
            report = (await client.get(EVALUATION, params={"policy": "logit@1=1"})).json()
            assert report["policies"][0]["estimates"]["dr"]["low"] > 0.5
    finally:
        stop.set()
        await asyncio.wait_for(serving, 20)


@pytest.mark.usefixtures("earned")
def test_predictions_too_young_to_have_their_labels_are_left_out_and_counted_unless_asked_for(
    client: Client, store: Store, now: int
) -> None:
    told = Feedback(
        endpoint="flight-delay", prediction_id="p-399-gbm@1", reward=1.0, time=now, received=now, revision=1
    )
    store.ingest([told])  # type: ignore[list-item]
    others = [msgspec.structs.replace(told, prediction_id=f"p-{number}-logit@1") for number in range(0, 400, 2)]
    store.ingest(others)  # type: ignore[arg-type]
    report = client.get(EVALUATION, params={"policy": "gbm@1=1"}).json()
    assert report["unripe"] > 0
    assert report["policies"][0]["rows"] + report["unripe"] == 400
    report = client.get(EVALUATION, params={"policy": "gbm@1=1", "labels": "all"}).json()
    assert (report["unripe"], report["policies"][0]["rows"]) == (0, 400)


async def _export(port: int, samples: list[Sample]) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for sample in samples:
        record = records.add()
        record.event_name = Sample.EVENT_NAME
        record.body.bytes_value = sample.encode()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        await export(request.SerializeToString())
