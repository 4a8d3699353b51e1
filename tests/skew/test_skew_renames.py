"""`renamed`, `ambiguous`, `dropped` and `added` on simulated requests, of whose unknown fields only hashes are known."""

import doctest
import importlib
from typing import Any

import numpy as np
import pytest

from hyperplan.profile import Profile, profile_of_column
from hyperplan.sample import Sample, observe_rows
from hyperplan.schema import Bool, Category, Float, Int, Schema
from hyperplan.skew.case import Case, Look
from hyperplan.skew.finding import Finding
from hyperplan.skew.renames import renames
from hyperplan.skew.unhashing import Unhashed

NOON = 1_372_680_000 * 10**9  # 2013-07-01 12:00 UTC
MINUTE = 60 * 10**9
SCHEMA = Schema(
    features={
        "carrier": Category(),
        "distance": Int(aliases=("dist",)),
        "dep_delay": Float(nullable=True),
        "speed": Float(required=False),
        "night": Bool(),
    }
)
CARRIERS = ["AA", "B6", "DL", "EV", "UA", "WN"]


def rows(source: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Rows of which a feature with texts, one with integers, one with tenths, and one with all digits are to be told by their hashes."""
    return [
        {
            "carrier": str(source.choice(CARRIERS, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])),
            "distance": int(
                source.choice([187, 229, 502, 733, 1089, 2454, 2475], p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05])
            ),
            "dep_delay": None if source.random() < 0.05 else round(float(source.gamma(2, 10)) - 8, 1),
            "speed": float(source.normal()),
            "night": bool(source.random() < 0.2),
        }
        for _ in range(count)
    ]


def renamed(some: list[dict[str, Any]], **names: str | None) -> list[dict[str, Any]]:
    """Rows with features under other names, or without them."""
    return [{names.get(key, key) or "": value for key, value in row.items() if names.get(key, key)} for row in some]


def looks(served: list[dict[str, Any]]) -> list[Look]:
    found = []
    for number in range(len(served) // 100):
        start = NOON + number * 5 * MINUTE
        sample = Sample(
            prediction_id="p",
            time=start,
            endpoint="e",
            plan=1,
            revision=1,
            schema_version="v",
            inclusion=1.0,
            rows=observe_rows(SCHEMA, served[number * 100 : number * 100 + 100]),
        )
        found.append(Look(start, start + 5 * MINUTE, Profile.of_samples(SCHEMA, [sample])))
    return found


@pytest.fixture(scope="module")
def training() -> list[Profile]:
    source = np.random.default_rng(0)
    return [Profile.of_rows(SCHEMA, rows(source, 500)) for _ in range(12)]


def found(training: list[Profile], before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[Finding]:
    return list(renames(Case(SCHEMA, training, looks([*before, *after]))))


def said(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.finding, one.feature) for one in findings]


def test_nothing_is_found_when_nothing_changed(training: list[Profile]) -> None:
    source = np.random.default_rng(1)
    assert found(training, rows(source, 1000), rows(source, 500)) == []


@pytest.mark.parametrize("feature", ["carrier", "distance", "dep_delay"])
def test_a_rename_is_told_by_hashed_values_though_the_name_says_nothing(training: list[Profile], feature: str) -> None:
    source = np.random.default_rng(2)
    (one,) = found(training, rows(source, 1000), renamed(rows(source, 200), **{feature: "column_17"}))
    assert (one.kind, one.finding, one.feature) == ("schema", "renamed", feature)
    assert (one.details["from"], one.details["to"]) == (feature, "column_17")
    assert (one.effect, one.since) == (1.0, NOON + 10 * 5 * MINUTE)
    assert one.sentence == (
        f"{feature} comes as column_17 in 100 % of 200 rows since 12:50: it came in the same rows and its values are those of {feature}"
    )


def test_a_rename_is_told_among_more_unknown_fields_than_a_profile_keeps(training: list[Profile]) -> None:
    source = np.random.default_rng(2)
    odd = ({f"field_{number // 100}_{place}": 1 for place in range(10)} for number in range(400))
    after = [row | more for row, more in zip(renamed(rows(source, 400), carrier="column_7"), odd, strict=True)]
    shown = [look.profile.unknown_profiles for look in looks(after)]
    assert all("column_7" in fields for fields in shown)
    assert "column_7" not in Profile.merged(look.profile for look in looks(after)).unknown_profiles
    renames_found = [one for one in found(training, rows(source, 1000), after) if one.finding == "renamed"]
    assert [(one.feature, one.details["to"]) for one in renames_found] == [("carrier", "column_7")]


@pytest.mark.parametrize("name", ["Speed", "speed_value", "spd"])
def test_a_name_that_is_alike_tells_a_rename_whose_values_cannot_be_told(training: list[Profile], name: str) -> None:
    source = np.random.default_rng(3)
    (one,) = found(training, rows(source, 1000), renamed(rows(source, 200), speed=name))
    assert (one.finding, one.details["to"]) == ("renamed", name)


def test_what_cannot_be_told_is_ambiguous_and_lists_what_it_may_be(training: list[Profile]) -> None:
    source = np.random.default_rng(4)
    (one,) = found(training, rows(source, 1000), renamed(rows(source, 200), speed="column_17"))
    assert (one.finding, one.feature, one.details["candidates"]) == ("ambiguous", "speed", ["column_17"])
    assert "values and names do not tell" in one.sentence


@pytest.mark.parametrize("feature", ["carrier", "distance", "dep_delay"])
@pytest.mark.parametrize("name", ["gate", "column_17"])
def test_a_drop_and_an_unrelated_addition_are_no_rename(training: list[Profile], feature: str, name: str) -> None:
    source = np.random.default_rng(5)
    after = [row | {name: int(source.integers(1, 60))} for row in renamed(rows(source, 200), **{feature: None})]
    findings = found(training, rows(source, 1000), after)
    assert "renamed" not in {one.finding for one in findings}
    assert ("dropped", feature) in said(findings) or ("ambiguous", feature) in said(findings)


def test_what_goes_and_what_comes_alone_is_dropped_and_added(training: list[Profile]) -> None:
    source = np.random.default_rng(6)
    before = rows(source, 1000)
    assert said(found(training, before, renamed(rows(source, 200), carrier=None))) == [("dropped", "carrier")]
    assert said(found(training, before, [row | {"gate": 5} for row in rows(source, 200)])) == [("added", "gate")]


def test_a_field_that_comes_in_other_rows_than_a_feature_goes_from_is_another(training: list[Profile]) -> None:
    source = np.random.default_rng(7)
    after = [*renamed(rows(source, 300), carrier=None), *renamed(rows(source, 300), carrier="carrier_code")]
    after = [row if at % 2 else {key: row[key] for key in row if key != "carrier_code"} for at, row in enumerate(after)]
    assert ("dropped", "carrier") in said(found(training, rows(source, 1000), after))


def test_two_renames_at_once_are_each_given_their_own_field(training: list[Profile]) -> None:
    source = np.random.default_rng(8)
    findings = found(training, rows(source, 1000), renamed(rows(source, 200), carrier="column_1", distance="column_2"))
    assert {(one.feature, one.details["to"]) for one in findings} == {("carrier", "column_1"), ("distance", "column_2")}


def test_one_client_of_several_that_renames_is_seen(training: list[Profile]) -> None:
    source = np.random.default_rng(9)
    after = [
        one
        for row in rows(source, 600)
        for one in (renamed([row], carrier="airline") if source.random() < 0.3 else [row])
    ]
    (one,) = found(training, rows(source, 1000), after)
    assert (one.finding, one.details["to"]) == ("renamed", "airline")
    assert one.effect == pytest.approx(0.3, abs=0.06)


def test_a_rename_without_a_time_before_it_is_told_by_training_alone(training: list[Profile]) -> None:
    source = np.random.default_rng(10)
    (one,) = found(training, [], renamed(rows(source, 300), carrier="column_17"))
    assert (one.finding, one.details["to"]) == ("renamed", "column_17")


def test_an_alias_in_use_is_a_rename_without_doubt(training: list[Profile]) -> None:
    source = np.random.default_rng(11)
    after = Profile.of_rows(SCHEMA, renamed(rows(source, 100), distance="dist"))
    (one,) = renames(Case(SCHEMA, training, [*looks(rows(source, 500)), Look(NOON, NOON + MINUTE, after)]))
    assert (one.finding, one.feature, one.details["to"], one.effect) == ("renamed", "distance", "dist", 1.0)
    assert "the schema declares that name as an alias" in one.sentence


def test_fields_that_the_schema_ignores_are_not_added_but_may_be_renames(training: list[Profile]) -> None:
    source = np.random.default_rng(12)
    schema = Schema(features=SCHEMA.features, on_unknown="ignore")
    served = [*rows(source, 1000), *(row | {"gate": 5} for row in renamed(rows(source, 200), carrier="airline"))]
    assert said(list(renames(Case(schema, training, looks(served))))) == [("renamed", "carrier")]


@pytest.mark.parametrize("feature", ["carrier", "distance", "night"])
def test_hashes_fall_into_the_bins_that_their_values_fall_into(training: list[Profile], feature: str) -> None:
    served = rows(np.random.default_rng(13), 200)
    unhashed = Unhashed(SCHEMA.features[feature], Profile.merged(training).features[feature])
    by_hash = unhashed.of_hashes(profile_of_column([row[feature] for row in served]))
    by_value = unhashed.of_values(Profile.of_rows(SCHEMA, served).features[feature])
    assert by_hash.bins.tolist() == by_value.bins.tolist()
    assert by_hash.kinds().tolist() == by_value.kinds().tolist() == [200, 0, 0]


def test_values_that_a_feature_cannot_have_are_foreign_and_those_it_never_had_are_never(
    training: list[Profile],
) -> None:
    unhashed = Unhashed(SCHEMA.features["distance"], Profile.merged(training).features["distance"])
    assert unhashed.of_hashes(profile_of_column([187, 188, 188, 0.5, "x"])).kinds().tolist() == [1, 2, 2]


def test_the_examples_in_the_documentation_run() -> None:
    results = doctest.testmod(importlib.import_module("hyperplan.skew.naming"))
    assert results.attempted
    assert not results.failed
