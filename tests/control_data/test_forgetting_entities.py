"""An entity is forgotten in each database, also while what is about it arrives, and says how much was erased."""

import json
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.registry import Change, Registry, Write
from control.stores import Store
from control.stores.arrivals import Arrival, arriving
from control.stores.export import Wanted
from control.stores.forgotten import Erased
from control.stores.samples import Question
from control.stores.tables import FORGOTTEN
from hyperplan.endpoint import parse_endpoint
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.secret import Secret
from hyperplan.shadow import ShadowSample
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]


def truth(prediction_id: str | None, **fields: Any) -> Feedback:
    defaults: dict[str, Any] = {"endpoint": "flight-delay", "label": 1.0, "time": 5, "received": 5}
    return Feedback(**(defaults | {"prediction_id": prediction_id} | fields))


def tell(store: Store, *feedback: Feedback) -> int:
    return store.take([Arrival(one) for one in feedback])


def labelled(store: Store) -> list[str]:
    return list(store.feedback.labelled("flight-delay", "binary", 0, 1 << 62).prediction_id)


@EVERYWHERE
def test_all_that_is_kept_of_an_entity_is_erased_and_counted_and_nothing_of_others(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer, t0: int
) -> None:
    store.ingest([make_sample("a", entity="N1"), make_sample("b", entity="N1"), make_sample("c", entity="N2")])
    store.ingest([make_answer("a"), make_answer("c")])
    tell(store, truth("a"), truth("c"), truth(None, entity="N1", predicted_at=t0, received=6), truth("x", entity="N1"))
    assert store.forget_entity(["N1"], None, t0 + 1) == [Erased("flight-delay", 2, 1, 3)]
    assert [sample.prediction_id for sample in store.samples.find(Question("flight-delay"))] == ["c"]
    assert store.samples.get("flight-delay", "a") is None
    assert [store.shadows.get("flight-delay", each) != [] for each in "abc"] == [False, False, True]
    assert labelled(store) == ["c"]
    assert store.forget_entity(["N1"], None, t0 + 2) == [], "there is nothing left"


@EVERYWHERE
def test_what_comes_later_about_predictions_made_before_is_not_kept(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer, t0: int
) -> None:
    store.ingest([make_sample("a", entity="N1")])
    store.forget_entity(["N1"], None, t0 + 10 * 10**9)
    assert store.ingest([make_answer("late")]) == 1, "nobody knows yet whose it is"
    assert store.ingest([make_sample("a", entity="N1"), make_sample("late", 5, entity="N1")]) == 0
    assert store.ingest([make_answer("a"), make_answer("late", 6)]) == 0
    assert tell(store, truth("a"), truth("late"), truth(None, entity="N1", predicted_at=t0, received=9)) == 0
    assert store.samples.find(Question("flight-delay")) == []
    assert store.shadows.answers("flight-delay", 0, 1 << 62) == {}


@EVERYWHERE
def test_an_entity_that_comes_back_is_a_new_one(store: Store, make_sample: MakeSample, t0: int) -> None:
    store.forget_entity(["N1"], None, t0)
    assert store.ingest([make_sample("new", 5, entity="N1")]) == 1
    tell(store, truth(None, entity="N1", predicted_at=t0 + 5 * 10**9, tolerance=10**9))
    assert labelled(store) == ["new"]


@EVERYWHERE
def test_feedback_that_names_an_entity_beside_an_unknown_prediction_is_kept_without_it(store: Store, t0: int) -> None:
    store.forget_entity(["N1"], None, t0)
    assert tell(store, truth("unknown", entity="N1")) == 1
    assert [one.entity for one in store.feedback.named("unknown")] == [None]


@EVERYWHERE
def test_it_may_be_forgotten_at_one_endpoint_alone(store: Store, make_sample: MakeSample, t0: int) -> None:
    store.ingest([make_sample("a", entity="N1"), make_sample("b", endpoint="other", entity="N1")])
    assert store.forget_entity(["N1"], "other", t0 + 1) == [Erased("other", 1, 0, 0)]
    assert store.samples.get("flight-delay", "a") is not None
    assert store.ingest([make_sample("c", endpoint="other", entity="N1"), make_sample("d", entity="N1")]) == 1


@EVERYWHERE
def test_an_export_after_it_holds_nothing_of_it(store: Store, make_sample: MakeSample, endpoint: Any, t0: int) -> None:
    store.ingest([make_sample("a", entity="N1"), make_sample("b", 1, entity="N2")])
    store.forget_entity(["N1"], None, t0 + 1)
    rows = [row for batch in store.export(endpoint, Wanted("flight-delay", 0, 1 << 62)) for row in batch.to_pylist()]
    assert [row["hyperplan_entity"] for row in rows] == ["N2"]


@EVERYWHERE
def test_what_arrives_while_it_is_forgotten_does_not_bring_it_back(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer, t0: int
) -> None:
    """Several threads send samples, answers and the truth about one entity, and about another, while it is forgotten."""
    begun, stop = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def send(name: str) -> None:
        try:
            for number in range(60):
                each = f"{name}-{number}"
                arrivals = [
                    *arriving([make_answer(each)]),
                    Arrival(truth(each)),
                    *arriving([make_sample(each, entity="N1")]),
                ]
                store.take(arrivals[number % 3 :] + arrivals[: number % 3])
                store.take([Arrival(truth(None, entity="N1", predicted_at=t0, received=number))])
                if number == 5:
                    begun.set()
                if stop.is_set() and number > 20:
                    return
            begun.set()
        except BaseException as error:
            failures.append(error)
            begun.set()

    store.ingest([make_sample("other", entity="N2")])
    threads = [threading.Thread(target=send, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    (erased,) = store.forget_entity(["N1"], None, t0 + 1)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert erased.samples > 0
    assert [sample.prediction_id for sample in store.samples.find(Question("flight-delay"))] == ["other"]
    assert store.shadows.answers("flight-delay", 0, 1 << 62) == {}
    assert store.feedback.coverage("flight-delay", 0, 1 << 62).unsampled == 0
    assert store.forget_entity(["N1"], None, t0 + 2) == []


def test_tombstones_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch, t0: int) -> None:
    monkeypatch.setattr("control.stores.forgotten.MOST_TOMBSTONES", 3)
    for number in range(6):
        store.forget_entity([f"N{number}"], None, t0 + number)
    with store._database.reading() as reader:
        times = [time for (time,) in reader.rows(FORGOTTEN.query.select("time"))]
    assert sorted(times) == [t0 + 3, t0 + 4, t0 + 5]


Api = TestClient[Litestar]


def test_the_api_says_what_it_erased_and_what_stays(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample("a", entity="a/b c//d")])
    answer = api.delete("/v1/entities/a%2Fb%20c%2F%2Fd")
    assert answer.status_code == 200
    said = answer.json()
    assert (said["samples"], said["shadows"], said["feedback"]) == (1, 0, 0)
    assert said["endpoints"] == [{"endpoint": "flight-delay", "samples": 1, "shadows": 0, "feedback": 0}]
    assert "windows" in said["stays"]
    assert api.delete("/v1/entities/a%2Fb%20c%2F%2Fd").json()["samples"] == 0
    assert api.delete("/v1/entities/a?endpoint=nobody").status_code == 404
    assert api.delete("/v1/entities/a?hashed=N1").status_code == 422


def test_where_entities_are_hashes_a_name_needs_the_key_or_its_hash_beside_it(
    api: Api, store: Store, registry: Registry, make_sample: MakeSample
) -> None:
    secret = Secret(b"a key that is long enough to be one")
    document = msgspec.to_builtins(registry.get("flight-delay")[1]) | {"entity": {"header": "x-user", "pii": "hash"}}
    registry.put(parse_endpoint(json.dumps(document)), Change.APPLY, Write())
    store.ingest([make_sample("a", entity=secret.entity("N1")), make_sample("b", entity=secret.entity("N2"))])
    refused = api.delete("/v1/entities/N1")
    assert refused.status_code == 422
    assert "flight-delay" in refused.json()["detail"]
    assert "--key-file" in refused.json()["detail"]
    assert api.delete(f"/v1/entities/N1?hashed={secret.entity('N1')}").json()["samples"] == 1
    assert api.delete(f"/v1/entities/{secret.entity('N2')}").json()["samples"] == 1
    store.ingest([make_sample("c", 5, entity=secret.entity("N3"))])
    store.secret = secret
    assert api.delete("/v1/entities/N3").json()["samples"] == 1


def test_feedback_by_a_hashed_entity_finds_its_prediction_where_control_knows_the_key(
    api: Api, store: Store, registry: Registry, make_sample: MakeSample, t0: int
) -> None:
    secret = Secret(b"a key that is long enough to be one")
    document = msgspec.to_builtins(registry.get("flight-delay")[1]) | {"entity": {"header": "x-user", "pii": "hash"}}
    registry.put(parse_endpoint(json.dumps(document)), Change.APPLY, Write())
    store.ingest([make_sample("a", entity=secret.entity("N1"))])
    named = {"endpoint": "flight-delay", "entity": "N1", "predicted_at": t0 // 10**9, "label": 1}
    refused = api.post("/v1/feedback", json=named)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/entity")
    store.secret = secret
    assert api.post("/v1/feedback", json=named).status_code == 200
    assert labelled(store) == ["a"]
    found = api.get("/v1/endpoints/flight-delay/samples", params={"entity": "N1"}).json()
    assert [sample["entity"] for sample in found] == [secret.entity("N1")]
