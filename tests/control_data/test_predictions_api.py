"""From a prediction's id to all that is known of it."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.registry import Change, Registry, Write
from control.stores import Store
from control.stores.arrivals import Arrival
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample
from tests.control_data.conftest import T0
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]
Api = TestClient[Litestar]
LINEAGE = {"data": {"hash": "e3b0"}, "code_revision": "4fd2", "run": {"id": "r-1", "url": "http://mlflow/#/r-1"}}


def told(prediction_id: str | None = "p-1", label: float = 1.0, seconds: int = 60, **fields: Any) -> Feedback:
    at = T0 + seconds * 10**9
    defaults: dict[str, Any] = {"endpoint": "flight-delay", "time": at, "received": at}
    return Feedback(prediction_id=prediction_id, label=label, **(defaults | fields))


def tell(store: Store, *feedback: Feedback) -> None:
    store.take([Arrival(one) for one in feedback])


def edited(registry: Registry, endpoint: Endpoint, change: Change, write: Write, **changes: Any) -> Endpoint:
    found = msgspec.convert(msgspec.to_builtins(endpoint) | changes, Endpoint)
    registry.put(found, change, write)
    return found


def explained(api: Api, prediction_id: str = "p-1") -> dict[str, Any]:
    answer = api.get(f"/v1/predictions/{prediction_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@EVERYWHERE
def test_an_id_leads_to_all_that_is_known(
    api: Api, store: Store, endpoint: Endpoint, make_sample: MakeSample, make_answer: MakeAnswer
) -> None:
    sample = make_sample(
        schema_version=endpoint.schema.version(),
        rows=[{"dist": -1, "carrier": "AA"}],
        predictions=[0.7],
        entity="N1",
        answered="logit@1",
        attempts=2,
        trace_id="ab" * 16,
        trace_recorded=True,
    )
    store.ingest([sample, make_answer(predictions=[0.2]), make_sample("p-2")])
    tell(store, told(label=0.0), told(label=1.0, seconds=120, revision=1), told("p-2"))
    found = explained(api)
    assert (
        found["summary"]
        == "gbm@1 was chosen (probability 0.9), logit@1 answered at attempt 2; 2 times the truth was told"
    )
    assert (found["endpoint"], found["sampled"], found["notes"]) == ("flight-delay", True, [])
    assert found["trace"] == {"id": "ab" * 16, "recorded": True, "url": f"http://jaeger:16686/trace/{'ab' * 16}"}
    assert found["request"]["rows"] == [{"values": {"distance": -1, "carrier": "AA"}, "unknown": {}}]
    assert {each["kind"] for each in found["request"]["violations"]} == {"renamed"}
    assert found["schema"]["version"] == endpoint.schema.version()
    assert set(found["schema"]["document"]["features"]) == {"distance", "carrier"}
    assert found["choice"] == {"arm": "gbm@1", "propensity": 0.9, "forced": False, "inclusion": 0.5}
    assert (found["answer"]["model"], found["answer"]["attempts"], found["answer"]["predictions"]) == (
        "logit@1",
        2,
        [0.7],
    )
    assert [(each["model"], each["predictions"]) for each in found["shadows"]] == [("logit@1", [0.2])]
    assert [(each["label"], each["revision"], each["counts"]) for each in found["feedback"]] == [
        (0, 0, False),
        (1, 1, True),
    ]
    assert [(each["model"], each["roles"]) for each in found["models"]] == [
        ("gbm@1", ["chosen"]),
        ("logit@1", ["answered", "shadow"]),
    ]


@EVERYWHERE
def test_one_that_was_never_sampled_says_so_and_what_is_kept(api: Api, store: Store) -> None:
    tell(store, told("p-9", reward=2.0))
    found = explained(api, "p-9")
    assert (found["sampled"], found["request"], found["routing"]) == (False, None, None)
    assert found["notes"] == [
        "it was not sampled, so its features, the arm and the answer are not known; the feedback for it was kept"
    ]
    assert [(each["label"], each["reward"]) for each in found["feedback"]] == [(1, 2)]


def test_the_routing_is_that_of_then_with_who_set_it_and_why(
    api: Api, store: Store, registry: Registry, endpoint: Endpoint, make_sample: MakeSample
) -> None:
    split = msgspec.to_builtins(endpoint.routing) | {"split": {"gbm@1": 1, "logit@1": 1}}
    routed = edited(registry, endpoint, Change.ROUTING, Write("ada", "half and half"), routing=split)
    limited = edited(registry, routed, Change.APPLY, Write("bob", "slow models"), timeout=20.0)
    edited(registry, limited, Change.ROUTING, Write("eve", "all"), routing=split | {"split": {"gbm@1": 1}})
    store.ingest([make_sample(revision=3)])
    routing = explained(api)["routing"]
    assert (routing["revision"], routing["in_force"]["author"]) == (3, "bob")
    assert (routing["routed_by"]["revision"], routing["routed_by"]["author"]) == (2, "ada")
    assert routing["routed_by"]["reason"] == "half and half"
    assert routing["document"]["split"] == {"gbm@1": 1, "logit@1": 1}


def test_the_model_is_that_of_then_with_its_run_and_what_it_repeats(
    api: Api, store: Store, registry: Registry, endpoint: Endpoint, make_sample: MakeSample
) -> None:
    models = msgspec.to_builtins(endpoint.models)
    models["logit@1"]["lineage"] = LINEAGE | {"run": {"id": "r-0"}}
    first = edited(registry, endpoint, Change.MODEL, Write(), models=models)
    models["gbm@1"]["lineage"] = LINEAGE
    second = edited(registry, first, Change.MODEL, Write(), models=models)
    del models["gbm@1"]["lineage"]
    edited(registry, second, Change.MODEL, Write(), models=models)
    store.ingest([make_sample(revision=3)])
    (model,) = explained(api)["models"]
    assert model["document"]["lineage"] == LINEAGE
    assert [each["sentence"] for each in model["repeats"]] == [
        "gbm@1 repeats logit@1 (revision 2): the same data, code and parameters"
    ]


@EVERYWHERE
def test_feedback_that_named_the_entity_in_place_of_the_id_is_told_too(
    api: Api, store: Store, make_sample: MakeSample
) -> None:
    store.ingest([make_sample(entity="N1"), make_sample("p-2", 30, entity="N1")])
    tell(store, told(None, entity="N1", predicted_at=T0 + 10**9, tolerance=60 * 10**9))
    assert len(explained(api)["feedback"]) == 1
    assert explained(api, "p-2")["feedback"] == []


def test_a_trace_that_was_not_recorded_leads_nowhere(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(trace_id="ab" * 16), make_sample("p-2")])
    assert explained(api)["trace"] == {"id": "ab" * 16, "recorded": False, "url": None}
    assert explained(api, "p-2")["trace"] is None


def test_what_the_registry_has_lost_is_said(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(revision=70, endpoint="gone"), make_sample("p-2", schema_version="other")])
    lost = explained(api)
    assert "the registry knows no revision 70 of gone" in lost["notes"][0]
    assert (lost["schema"]["document"], lost["routing"]["document"], lost["models"][0]["document"]) == (
        None,
        None,
        None,
    )
    assert explained(api, "p-2")["schema"] == {"version": "other", "document": None}


def test_an_id_that_two_endpoints_have_had_needs_the_endpoint(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample()])
    tell(store, told(endpoint="churn"))
    refused = api.get("/v1/predictions/p-1")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "?endpoint")
    assert "churn, flight-delay" in refused.json()["detail"]
    assert api.get("/v1/predictions/p-1?endpoint=churn").json()["sampled"] is False
    assert api.get("/v1/predictions/p-1?endpoint=flight-delay").json()["feedback"] == []


@pytest.mark.parametrize(
    "path", ["/v1/predictions/nobody", "/v1/predictions/p-1?endpoint=churn", "/v1/predictions/%00"]
)
def test_an_id_of_which_nothing_is_known_is_told_in_a_sentence(
    api: Api, store: Store, make_sample: MakeSample, path: str
) -> None:
    store.ingest([make_sample()])
    answer = api.get(path)
    assert answer.status_code == 404
    assert "nothing is known of a prediction" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "summary"),
    [
        (
            {"chosen": None, "answered": None, "rejected": True, "flaw": "empty"},
            "rejected, as the body had a flaw: empty",
        ),
        ({"chosen": None, "answered": None, "rejected": True}, "rejected, as the body broke the schema"),
        ({"forced": True}, "gbm@1 was chosen (named by the request) and answered"),
        ({"answered": None}, "gbm@1 was chosen (probability 0.9), nobody is known to have answered"),
        ({"propensity": None}, "gbm@1 was chosen (elsewhere, with a probability that is not known) and answered"),
    ],
)
def test_what_became_of_it_is_said_in_a_sentence(
    api: Api, store: Store, make_sample: MakeSample, fields: dict[str, Any], summary: str
) -> None:
    store.ingest([make_sample(**fields)])
    assert explained(api)["summary"] == summary
