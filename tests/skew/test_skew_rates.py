"""`missing`, `null`, `type` and `unseen` on simulated serving: found when there are more than training had, silent when not."""

from typing import Any

import numpy as np
import pytest

from hyperplan.profile import Profile
from hyperplan.schema import Category, Float, Schema, String
from hyperplan.skew.case import Case, Look
from hyperplan.skew.finding import Finding
from hyperplan.skew.rates import matters, rates

NOON = 1_372_680_000 * 10**9  # 2013-07-01 12:00 UTC
MINUTE = 60 * 10**9
SCHEMA = Schema(
    features={
        "delay": Float(nullable=True),
        "carrier": Category(values=("AA", "DL")),
        "origin": Category(),
        "tail": String(required=False),
    }
)


def rows(source: np.random.Generator, count: int, *, null: float = 0.024, **changed: Any) -> list[dict[str, Any]]:
    """Rows of which some have a null delay, and all what was changed."""
    return [
        {
            "delay": None if source.random() < null else source.normal(),
            "carrier": source.choice(["AA", "DL"]),
            "origin": source.choice(["EWR", "JFK"]),
            "tail": f"N{source.integers(9999)}",
            **changed,
        }
        for _ in range(count)
    ]


def looks(served: list[dict[str, Any]]) -> list[Look]:
    starts = range(0, len(served), 100)
    return [
        Look(
            NOON + at // 100 * 5 * MINUTE,
            NOON + (at // 100 + 1) * 5 * MINUTE,
            Profile.of_rows(SCHEMA, served[at : at + 100]),
        )
        for at in starts
    ]


@pytest.fixture(scope="module")
def training() -> list[Profile]:
    source = np.random.default_rng(0)
    return [Profile.of_rows(SCHEMA, rows(source, 500)) for _ in range(20)]


def found(training: list[Profile], served: list[dict[str, Any]]) -> list[Finding]:
    return list(rates(Case(SCHEMA, training, looks(served))))


def test_nothing_is_found_when_nothing_changed(training: list[Profile]) -> None:
    source = np.random.default_rng(1)
    for _ in range(5):
        assert found(training, rows(source, 2000)) == []


def test_more_nulls_than_in_training_are_found_and_said_with_since_when(training: list[Profile]) -> None:
    source = np.random.default_rng(2)
    (finding,) = found(training, [*rows(source, 2500), *rows(source, 500, null=0.14)])
    assert (finding.feature, finding.kind, finding.finding) == ("delay", "schema", "null")
    assert finding.since == pytest.approx(NOON + 25 * 5 * MINUTE, abs=10 * MINUTE)
    assert finding.effect == pytest.approx(0.116, abs=0.04)
    assert finding.sentence.startswith("delay is null in 1")
    assert " since 14:" in finding.sentence
    assert finding.sentence.endswith("; in training 2.4 %") or "; in training 2." in finding.sentence


def test_fewer_nulls_are_no_finding(training: list[Profile]) -> None:
    assert found(training, rows(np.random.default_rng(3), 4000, null=0.0)) == []


@pytest.mark.parametrize(
    ("changed", "feature", "finding"),
    [
        ({"carrier": "ZZ"}, "carrier", "unseen"),
        ({"origin": "LGA"}, "origin", "unseen"),
        ({"delay": "late"}, "delay", "type"),
        ({"tail": None}, "tail", "null"),
    ],
)
def test_what_training_never_had_is_found_within_a_hundred_rows(
    training: list[Profile], changed: dict[str, Any], feature: str, finding: str
) -> None:
    source = np.random.default_rng(4)
    one = found(training, [*rows(source, 1000), *rows(source, 100, **changed)])
    assert [(each.feature, each.finding) for each in one] == [(feature, finding)]
    assert "in training that never happened" in one[0].sentence


def test_a_feature_that_is_left_out_is_missing_even_if_it_is_not_required(training: list[Profile]) -> None:
    source = np.random.default_rng(5)
    served = [*rows(source, 1000), *({key: row[key] for key in row if key != "tail"} for row in rows(source, 100))]
    assert [(one.feature, one.finding) for one in found(training, served)] == [("tail", "missing")]


def test_what_training_never_had_needs_no_looks_before_it(training: list[Profile]) -> None:
    one = found(training, rows(np.random.default_rng(8), 100, carrier="ZZ"))
    assert [(each.feature, each.finding) for each in one] == [("carrier", "unseen")]


def test_unseen_values_are_named(training: list[Profile]) -> None:
    source = np.random.default_rng(6)
    (finding,) = found(training, [*rows(source, 1000), *rows(source, 100, carrier="ZZ")])
    assert finding.details["values"] == ["ZZ"]
    assert "like 'ZZ'" in finding.sentence


def test_a_rate_that_came_in_bursts_in_training_may_do_so_again() -> None:
    source = np.random.default_rng(7)
    bursts = [Profile.of_rows(SCHEMA, rows(source, 200, null=float(source.choice([0.0, 0.3])))) for _ in range(40)]
    assert not [one for one in found(bursts, rows(source, 400, null=0.3)) if one.finding == "null"]


@pytest.mark.parametrize(
    ("reference", "now", "told"),
    [
        (0.0, 0.0005, False),
        (0.0, 0.002, True),
        (0.1, 0.105, False),
        (0.1, 0.12, True),
        (0.002, 0.004, False),
        (0.002, 0.007, True),
    ],
)
def test_a_rate_matters_when_it_is_a_point_or_three_times_higher(reference: float, now: float, told: bool) -> None:
    assert matters(reference, now) is told
