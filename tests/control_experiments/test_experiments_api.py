"""The experiment API: how one stands, how long it takes, and shadows judged by labels."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.alerts.alerting import Alerting
from control.app import create_app
from control.experiments.verdicts import verdict_of
from control.plans import PlanFeed
from hyperplan.shadow import ShadowSample

Api = TestClient[Litestar]
Shop = Any
PATH = "/v1/endpoints/shop/experiment"
BETTER = {"a@1": 0.2, "b@1": 0.4}
ALIKE = {"a@1": 0.3, "b@1": 0.3}
SECOND = 10**9


@pytest.fixture
def api(shop: Shop) -> Iterator[Api]:
    app = create_app(shop.registry, shop.store, PlanFeed(shop.registry), Alerting(shop.registry, shop.store))
    with TestClient(app) as client:
        yield client


def ask(api: Api, path: str = PATH, status: int = 200, **parameters: Any) -> Any:
    answer = api.get(path, params=parameters)
    assert answer.status_code == status, answer.text
    return answer.json()


def during(shop: Shop) -> dict[str, Any]:
    """A period that holds all that a shop's visitors do in the first minutes."""
    start = shop.start // SECOND
    return {"since": str(start - 60), "until": str(start + 600)}


def test_an_experiment_waits_until_it_was_looked_at(api: Api) -> None:
    report = ask(api)
    assert (report["state"], report["revision"], report["judged_at"]) == ("waiting", 1, None)
    assert report["units"] == {"a@1": 0, "b@1": 0}
    assert report["treatments"] == []


def test_a_report_has_the_verdict_in_words_the_effect_and_what_is_to_go(api: Api, shop: Shop) -> None:
    shop.visit(600, ALIKE)
    shop.look(30)
    report = ask(api)
    assert report["state"] == "running"
    assert sum(report["units"].values()) == 600
    assert report["revisions"][0]["weights"] == {"a@1": 1.0, "b@1": 1.0}
    (treatment,) = report["treatments"]
    assert treatment["verdict"]["decision"] == "go on"
    assert treatment["verdict"]["why"].startswith("nothing is certain yet: the effect is")
    assert (treatment["effect"]["kind"], treatment["effect"]["minimum"]) == ("relative", 0.25)
    assert treatment["decided_at"] is None
    outlook, to_go = treatment["outlook"], treatment["to_go"]
    assert to_go["most"] == outlook["most"] - 600 > to_go["half"]
    assert to_go["most_days"] > 0
    assert not report["sample_ratio"]["broken"]


def test_a_verdict_has_its_time(api: Api, shop: Shop) -> None:
    shop.visit(1500, BETTER)
    shop.look(30)
    (treatment,) = ask(api)["treatments"]
    assert treatment["verdict"]["decision"] == "ship"
    assert treatment["decided_at"] == ask(api)["judged_at"]
    assert treatment["effect"]["low"] >= 0


def test_others_ask_for_the_verdict_on_a_treatment(shop: Shop) -> None:
    book = shop.judging.book
    assert verdict_of(shop.registry, book, "shop", "b@1") is None
    shop.look(1)
    found = verdict_of(shop.registry, book, "shop", "b@1")
    assert found is not None
    assert found.decision == "go on"
    assert verdict_of(shop.registry, book, "shop", "a@1") is verdict_of(shop.registry, book, "nobody", "a@1") is None


def test_weights_that_change_show_before_the_next_look(api: Api, shop: Shop) -> None:
    shop.look(1)
    shop.weigh(a=3, b=1)
    assert [step["weights"] for step in ask(api)["revisions"]] == [{"a@1": 1, "b@1": 1}, {"a@1": 3, "b@1": 1}]


def test_experiments_that_are_over_can_still_be_read(api: Api, shop: Shop) -> None:
    shop.visit(1500, BETTER)
    shop.look(30)
    shop.edit(experiment=None)
    problem = ask(api, status=404)
    assert "has no experiment now; there were some from revisions 1" in problem["detail"]
    report = ask(api, revision=1)
    assert (report["state"], report["treatments"][0]["verdict"]["decision"]) == ("over", "ship")
    assert "known: [1]" in ask(api, status=404, revision=7)["detail"]
    assert ask(api, "/v1/endpoints/nobody/experiment", status=404)["detail"].startswith("there is no endpoint")


def test_the_metrics_tell_of_the_experiments_that_run(api: Api, shop: Shop) -> None:
    shop.visit(1500, BETTER)
    shop.look(30)
    text = api.get("/metrics").text
    assert 'hyperplan_experiment_verdict{decision="ship",endpoint="shop",state="better",treatment="b@1"} 1.0' in text
    assert 'hyperplan_experiment_units{arm="a@1",endpoint="shop"}' in text
    assert 'measure="low"' in text
    shop.edit(experiment=None)
    assert "hyperplan_experiment_verdict{" not in api.get("/metrics").text


def test_a_plan_says_how_many_units_are_needed_and_how_long_that_takes(api: Api, shop: Shop) -> None:
    shop.visit(1000, ALIKE)
    plan = ask(api, f"{PATH}/plan", **during(shop))
    (treatment,) = plan["treatments"]
    outlook = treatment["outlook"]
    assert (plan["rows"], treatment["treatment"], outlook["share"]) == (1000, "b@1", 0.5)
    assert 0.2 < outlook["mean"] < 0.4
    assert outlook["half"] < outlook["most"]
    assert outlook["per_day"] == pytest.approx(1000 * 86_400, rel=0.05)
    finer = ask(api, f"{PATH}/plan", minimum=0.1, **during(shop))["treatments"][0]["outlook"]
    assert finer["fixed"] > 4 * outlook["fixed"]
    uneven = ask(api, f"{PATH}/plan", share=0.1, **during(shop))["treatments"][0]["outlook"]
    assert uneven["fixed"] > 2 * outlook["fixed"]


def test_a_plan_that_nobody_can_make_says_why(api: Api) -> None:
    (treatment,) = ask(api, f"{PATH}/plan")["treatments"]
    assert (treatment["outlook"], treatment["unknown"].startswith("only 0 units")) == (None, True)


def test_an_experiment_that_is_not_declared_yet_is_planned_and_nothing_is_written(api: Api, shop: Shop) -> None:
    shop.visit(500, ALIKE)
    shop.edit(experiment=None)
    assert "give a design to plan" in ask(api, f"{PATH}/plan", status=404)["detail"]
    block: dict[str, Any] = {"arms": ["a@1", "b@1"], "minimum_effect": {"absolute": 0.1}}
    planned = api.post(f"{PATH}/plan", json=block, params=during(shop))
    assert planned.status_code == 200, planned.text
    assert planned.json()["treatments"][0]["outlook"]["fixed"] > 100
    assert shop.registry.get("shop")[0].number == 2
    wrong = api.post(f"{PATH}/plan", json=block | {"arms": ["a@1", "z@1"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/arms/1")


# Shadows judged by labels.


def shadowed(shop: Shop, count: int = 1000) -> None:
    """Visitors who buy when a number is high; a@1 guesses, the shadow c@1 knows better."""
    samples = shop.visit(count, {"a@1": 0.5, "b@1": 0.5}, share=0.0, predictions=[0.5])
    answers = []
    labels = shop.store.labelled("shop", 0, 1 << 62)
    truth = dict(zip(labels.prediction_id.tolist(), labels.label.tolist(), strict=True))
    for each in samples:
        prediction = 0.8 if truth[each.prediction_id] else 0.2
        answers.append(
            ShadowSample(
                prediction_id=each.prediction_id,
                time=each.time,
                endpoint="shop",
                revision=1,
                model="b@1",
                inclusion=1.0,
                status=200,
                latency=0.01,
                predictions=[prediction],
            )
        )
    shop.store.ingest(answers)


PAIRED = "/v1/endpoints/shop/shadow/paired"


def test_a_shadow_that_knows_better_is_told_so(api: Api, shop: Shop) -> None:
    shadowed(shop)
    report = ask(api, PAIRED, **during(shop))
    assert (report["loss"], report["unit"], report["window"]) == ("brier", "entity", 10.0)
    (judged,) = report["shadows"]
    (against,) = judged["against"]
    assert (judged["shadow"], judged["rows"], against["model"], against["units"]) == ("b@1", 1000, "a@1", 1000)
    assert against["state"] == "better"
    assert against["estimate"] == pytest.approx(0.04 - 0.25)
    assert against["low"] is None or against["low"] <= against["estimate"] <= against["high"] <= 0


def test_another_loss_and_a_wait_may_be_asked_for(api: Api, shop: Shop) -> None:
    shadowed(shop, 200)
    asked = during(shop)
    (judged,) = ask(api, PAIRED, loss="log", minimum=0.1, **asked)["shadows"]
    assert judged["against"][0]["bound"] == 5.0
    (judged,) = ask(api, PAIRED, wait=3600, **asked)["shadows"]
    assert judged["against"][0]["units"] == 0, "the wait is not over by the end of the period"
    assert "known: brier, error, log" in ask(api, PAIRED, status=422, loss="squared")["detail"]


def test_a_shadow_without_labels_says_so(api: Api, shop: Shop) -> None:
    shop.edit(routing=msgspec.structs.replace(shop.endpoint.routing, shadow=("b@1",)))
    (judged,) = ask(api, PAIRED)["shadows"]
    assert judged["unknown"] == "no labelled prediction has an answer of this shadow yet"
