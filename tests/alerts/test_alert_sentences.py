"""What an alert says: the source, what happened, since when, and what moved with it."""

from typing import Any

from hyperplan.alerts import Alert, Change, Sighting, sentence_of
from hyperplan.schema import Float, Schema
from hyperplan.skew.finding import Finding

T0 = 1_800_000_000 * 10**9
SCHEMA = Schema(
    features={
        **{name: Float(source="ops-feed") for name in ("dep_delay", "arr_delay", "taxi_in", "taxi_out")},
        "distance": Float(),
        "hour": Float(),
    }
)
SECONDS = "dep_delay comes in seconds where training had minutes."


def sighting(feature: str, name: str, sentence: str, evidence: float = 10.0, since: int | None = T0) -> Sighting:
    found = Finding(
        feature=feature, kind="feature", finding=name, effect=1, evidence=evidence, sentence=sentence, since=since
    )
    return Sighting(model="gbm@1", finding=found, since=T0, look=T0)


def said(*sightings: Sighting, **fields: Any) -> str:
    alert = Alert(id="a", endpoint="e", cause="c", since=T0, seen=T0, sightings=sightings, **fields)
    return sentence_of(alert, SCHEMA)


def moved(*features: str) -> list[Sighting]:
    return [sighting(feature, "shift", f"{feature} has shifted", 99.0) for feature in features]


def test_the_finding_that_explains_most_speaks_and_the_others_are_counted() -> None:
    found = (*moved("arr_delay", "taxi_in", "taxi_out"), sighting("dep_delay", "unit", SECONDS))
    assert said(*found, source="ops-feed") == (
        "ops-feed: dep_delay comes in seconds where training had minutes since 2027-01-15 08:00 UTC; "
        "all 4 features of ops-feed moved with it"
    )


def test_of_a_part_of_the_source_each_is_named() -> None:
    found = (*moved("arr_delay", "taxi_in"), sighting("dep_delay", "unit", SECONDS))
    assert said(*found, source="ops-feed").endswith("; arr_delay and taxi_in moved with it")


def test_what_says_something_of_its_own_gets_a_clause() -> None:
    found = (sighting("arr_delay", "null", "arr_delay is null in 40 % of rows"), sighting("dep_delay", "unit", SECONDS))
    assert said(*found, source="ops-feed").endswith(" UTC; arr_delay is null in 40 % of rows")


def test_a_sentence_that_says_since_when_is_left_as_it_is() -> None:
    assert said(sighting("hour", "constant", "hour is always 3 since noon.")) == "hour is always 3 since noon"


def test_data_without_times_has_no_beginning() -> None:
    assert said(sighting("hour", "constant", "hour is always 3", since=None)) == "hour is always 3"


def test_predictions_that_moved_with_features_are_named_behind_them() -> None:
    assert said(*moved("prediction"), sighting("dep_delay", "unit", SECONDS), source="ops-feed").endswith(
        "; prediction moved with it"
    )


def test_the_change_that_came_before_is_named() -> None:
    change = Change(time=T0, kind="release", words="gbm@2 released with revision 7", models=("gbm@2",))
    assert said(*moved("hour"), change=change).startswith(
        "after gbm@2 released with revision 7: hour has shifted since"
    )
