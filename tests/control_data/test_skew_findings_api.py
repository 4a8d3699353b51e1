"""The skew API beyond its counts: findings, arms, slices, outputs, and rows that were sampled with different probabilities."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.stores import Store
from hyperplan.profile import Profile, Reference
from hyperplan.sample import Sample
from hyperplan.schema import Schema
from hyperplan.skew import detect
from hyperplan.skew.case import Case
from hyperplan.skew.finding import Finding

MakeSample = Callable[..., Sample]
Api = TestClient[Litestar]
SKEW = "/v1/endpoints/flight-delay/skew"
RANGE = {"since": "1800000000", "until": "1800000120", "window": "60"}
MINUTE = 60 * 10**9


def report(api: Api, **asked: str) -> Any:
    answer = api.get(SKEW, params=RANGE | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def reference(store: Store, schema: Schema) -> None:
    samples = [{"distance": float(value), "carrier": "AA"} for value in np.random.default_rng(0).normal(500, 9, 1000)]
    profile = Profile.of_rows(schema, samples)
    store.references.put(Reference(endpoint="flight-delay", model="gbm@1", made_at=0, rows=1000, series=[profile]))


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """The cases that were looked at, by a detector of far too many nulls and of another distribution."""
    seen: list[Case] = []

    def detector(case: Case) -> Iterable[Finding]:
        seen.append(case)
        for name, feature in case.serving.features.items():
            if feature.null:
                yield Finding(
                    feature=name,
                    kind="schema",
                    finding="null",
                    effect=1.0,
                    evidence=9.0,
                    sentence=f"{name} is null",
                    since=case.looks[0].start,
                    details={"\ud800": 1},
                )
            yield Finding(
                feature=name, kind="distribution", finding="shift", effect=1.0, evidence=9.0, sentence="it moved"
            )

    monkeypatch.setattr(detect, "DETECTORS", (detector,))
    return seen


@pytest.mark.usefixtures("reference", "cases")
def test_findings_are_told_with_their_sentences_and_dates(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample("a", rows=[{"distance": None, "carrier": "AA"}])])
    (null,) = [found for found in report(api)["findings"] if found["feature"] == "distance"]
    assert (null["kind"], null["finding"], null["sentence"]) == ("schema", "null", "distance is null")
    assert (null["since"], null["until"]) == ("2027-01-15T08:00:00Z", None)
    assert null["details"]["?"] == 1
    assert [told["finding"] for told in null["details"]["explains"]] == ["shift"]


@pytest.mark.usefixtures("reference")
def test_detectors_look_at_all_rows_whoever_answered_and_those_that_were_rejected(
    api: Api, store: Store, make_sample: MakeSample, cases: list[Case]
) -> None:
    store.ingest(
        [
            make_sample("a", predictions=[0.5]),
            make_sample("b", answered="logit@1", predictions=[0.9]),
            make_sample("c", chosen=None, answered=None, rejected=True, rows=[{"distance": "far"}], seconds=60),
        ]
    )
    report(api)
    (case,) = cases
    assert [(look.start, look.end - look.start) for look in case.looks] == [
        (1_800_000_000 * 10**9, MINUTE),
        (1_800_000_060 * 10**9, MINUTE),
    ]
    assert (case.serving.rows, case.serving.features["distance"].wrong_type) == (3, 1)
    assert case.serving.outputs["prediction"].rows == 1
    assert case.training.rows == 1000


@pytest.mark.usefixtures("reference")
def test_detectors_see_the_same_hour_of_the_weeks_before(
    api: Api, store: Store, make_sample: MakeSample, cases: list[Case]
) -> None:
    week = 7 * 86_400
    store.ingest(
        [
            make_sample("now"),
            *(make_sample(f"{n}", seconds=-n * week) for n in (1, 3, 5)),
            make_sample("x", -2 * 86_400),
        ]
    )
    report(api)
    assert [(look.start // 10**9 - 1_800_000_000) / week for look in cases[0].season] == [-3, -1]


def test_without_a_reference_nothing_is_found(
    api: Api, store: Store, make_sample: MakeSample, cases: list[Case]
) -> None:
    store.ingest([make_sample("a", rows=[{"distance": None}])])
    assert (report(api)["findings"], cases) == ([], [])


def test_a_report_can_be_of_one_arm(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample("a"), make_sample("b", chosen="logit@1"), make_sample("c", chosen="logit@1")])
    found = report(api, arm="logit@1")
    assert (found["arm"], found["total"]["rows"]) == ("logit@1", 2)
    assert api.get(SKEW, params=RANGE | {"arm": "nobody@1"}).json()["errors"][0]["pointer"] == "?arm"


@pytest.mark.usefixtures("reference", "cases")
def test_a_slice_is_compared_with_itself_but_not_with_the_distribution_of_all_training_data(
    api: Api, store: Store, make_sample: MakeSample
) -> None:
    rows = [{"distance": None, "carrier": "AA"}]
    store.ingest([make_sample("a", slices={"origin": "EWR"}, rows=rows), make_sample("b", slices={"origin": "JFK"})])
    found = report(api, slice="origin=EWR")
    assert (found["slice"], found["slices"]) == ("origin=EWR", ["origin=EWR", "origin=JFK"])
    assert (found["total"]["rows"], found["total"]["features"]["distance"]["null"]) == (1, 1)
    assert [told["finding"] for told in found["findings"]] == ["null"]
    assert report(api)["total"]["rows"] == 2


def test_the_outputs_reported_are_those_of_the_model(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample("a", predictions=[0.5]), make_sample("b", answered="logit@1", predictions=[0.9])])
    assert report(api)["total"]["outputs"]["prediction"]["rows"] == 1
    assert report(api, model="logit@1")["windows"][0]["outputs"]["prediction"]["rows"] == 1


def test_rows_of_busy_times_weigh_as_many_as_they_stand_for(api: Api, store: Store, make_sample: MakeSample) -> None:
    quiet = [make_sample(f"q{n}", inclusion=1.0) for n in range(100)]
    busy = [make_sample(f"b{n}", inclusion=0.1, rows=[{"distance": None, "carrier": "AA"}]) for n in range(100)]
    store.ingest(quiet + busy)
    total = report(api)["total"]
    assert (total["sampled"], total["rows"]) == (200, 120)  # (100 + 1000)^2 / (100 + 10,000)
    assert total["features"]["distance"]["null"] / total["rows"] == pytest.approx(1000 / 1100, abs=0.01)
