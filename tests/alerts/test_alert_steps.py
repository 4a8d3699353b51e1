"""Alerts from findings: one for each cause, opened and ended with patience, and told once."""

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.alerts import Alert, Change, Event, Found, Observation, Policy, Silence, State, step
from hyperplan.alerts.machine import MOVES, Signal
from hyperplan.schema import Float, Schema
from hyperplan.skew.finding import Finding

MINUTE = 60 * 10**9
T0 = 1_800_000_000 * 10**9
POLICY = Policy()
OPS = [f"ops_{index}" for index in range(10)]
WEATHER = ["wind", "rain"]
SCHEMA = Schema(
    features={
        **{name: Float(source="ops-feed") for name in OPS},
        **{name: Float(source="weather") for name in WEATHER},
        "distance": Float(),
    }
)
MODELS = ("gbm@1", "logit@1")


def finding(
    feature: str = "ops_0", name: str = "unit", *, evidence: float = 12.0, since: int = T0, **fields: Any
) -> Finding:
    kind = "distribution" if name in ("shift", "drift") else "feature"
    defaults: dict[str, Any] = {"kind": kind, "effect": 1.0, "sentence": f"{feature} has a new {name}"}
    return Finding(feature=feature, finding=name, evidence=evidence, since=since, **(defaults | fields))


class Watched:
    """An endpoint that is looked at once a minute; remembers what was told."""

    def __init__(self, **fields: Any) -> None:
        self.now = T0
        self.alerts: tuple[Alert, ...] = ()
        self.events: list[Event] = []
        self.fields = fields

    def look(self, *findings: Finding, model: str = "gbm@1", **fields: Any) -> Sequence[Event]:
        self.now += MINUTE
        return self.again(*findings, model=model, **fields)

    def again(self, *findings: Finding, model: str = "gbm@1", **fields: Any) -> Sequence[Event]:
        """The same look once more."""
        seen: dict[str, Any] = {"looked": {model: self.now}, "found": [Found(model, each) for each in findings]}
        seen |= {"endpoint": "flight-delay", "schema": SCHEMA, "models": MODELS} | self.fields | fields
        self.alerts, events = step(self.alerts, Observation(**seen), self.now, POLICY)
        self.alerts = tuple(alert for alert in self.alerts if alert.state is not State.FORGOTTEN)
        self.events += events
        return events

    def looks(self, count: int, *findings: Finding, **fields: Any) -> None:
        for _ in range(count):
            self.look(*findings, **fields)

    @property
    def told(self) -> list[str]:
        return [event.kind for event in self.events]

    @property
    def open(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.state is State.OPEN]


@pytest.fixture
def watched() -> Watched:
    return Watched()


# Opening and ending.


def test_the_table_of_moves_is_whole() -> None:
    stored = set(State) - {State.FORGOTTEN}
    assert set(MOVES) == set(itertools.product(stored, Signal))


def test_an_alert_opens_when_two_looks_in_a_row_have_the_finding(watched: Watched) -> None:
    assert watched.look(finding()) == ()
    (event,) = watched.look(finding())
    assert (event.kind, event.alert.state, event.alert.source) == ("opened", State.OPEN, "ops-feed")
    watched.looks(30, finding())
    assert watched.told == ["opened"]


def test_overwhelming_evidence_opens_at_once(watched: Watched) -> None:
    assert [event.kind for event in watched.look(finding(evidence=40.0))] == ["opened"]


def test_a_finding_of_one_look_alone_is_forgotten(watched: Watched) -> None:
    for _ in range(10):
        watched.look(finding())
        watched.look()
    assert (watched.alerts, watched.told) == ((), [])


def test_looking_twice_at_the_same_is_one_look(watched: Watched) -> None:
    watched.look(finding())
    assert watched.again(finding()) == ()
    assert watched.open == []


def test_an_alert_ends_when_enough_looks_in_a_row_miss_its_findings(watched: Watched) -> None:
    watched.looks(2, finding())
    watched.looks(POLICY.gone - 1)
    assert watched.told == ["opened"]
    (event,) = watched.look()
    assert (event.kind, event.alert.state, event.alert.resolved) == ("resolved", State.RESOLVED, watched.now)
    assert event.alert.sightings, "it still says what was wrong"


def test_flickering_around_a_threshold_is_one_alert(watched: Watched) -> None:
    watched.looks(2, finding())
    for _ in range(20):
        watched.looks(POLICY.gone - 1)
        watched.look(finding())
    assert watched.told == ["opened"]


def test_what_is_back_soon_is_the_same_alert(watched: Watched) -> None:
    watched.looks(2, finding())
    watched.looks(POLICY.gone + 20)
    watched.looks(2, finding())
    assert watched.told == ["opened", "resolved", "reopened"]
    assert len({event.alert.id for event in watched.events}) == 1
    assert watched.open[0].resolved is None


def test_what_is_back_much_later_is_another_alert(watched: Watched) -> None:
    watched.looks(2, finding())
    watched.looks(POLICY.gone + POLICY.reopen // MINUTE + 1)
    watched.looks(2, finding(since=watched.now))
    assert watched.told == ["opened", "resolved", "opened"]
    assert len({event.alert.id for event in watched.events}) == 2


def test_no_traffic_is_no_news(watched: Watched) -> None:
    watched.looks(2, finding())
    watched.looks(60, looked={})
    assert (watched.told, len(watched.open)) == (["opened"], 1)


def test_what_was_found_of_a_model_that_is_gone_is_over(watched: Watched) -> None:
    watched.looks(2, finding())
    watched.look(model="logit@1", models=("logit@1",))
    assert watched.told == ["opened", "resolved"]


def test_data_without_times_begins_when_it_is_first_seen(watched: Watched) -> None:
    watched.looks(3, finding(since=None))  # type: ignore[arg-type]
    assert watched.open[0].since == T0 + MINUTE
    assert "since" not in watched.open[0].sentence


def test_what_is_said_of_a_feature_later_is_known_from_as_few_rows_as_what_was_said_first(watched: Watched) -> None:
    watched.looks(2, found=[Found("gbm@1", finding("ops_0", "unit"), 100)])
    watched.looks(9, found=[Found("gbm@1", finding("ops_0", "shift"), 5000)])
    assert [each.finding.finding for each in watched.open[0].sightings] == ["shift"]
    assert watched.open[0].enough == {"gbm@1": {"ops_0": 100}}


def test_that_a_feature_moved_is_no_news_where_it_was_told_what_happened_to_it(watched: Watched) -> None:
    watched.looks(2, finding("ops_0", "unit"))
    said = watched.open[0].sentence
    watched.looks(30, finding("ops_0", "shift"))
    watched.looks(POLICY.gone)
    assert watched.told == ["opened", "resolved"]
    assert watched.events[-1].alert.sentence == said


def test_what_happened_to_a_feature_is_news_where_it_was_told_that_it_moved(watched: Watched) -> None:
    watched.looks(30, finding("ops_0", "shift"))
    watched.looks(30, finding("ops_0", "unit"))
    assert watched.told == ["opened", "updated"]
    assert "unit" in watched.open[0].sentence


# Grouping.


def test_one_broken_source_with_ten_features_is_one_alert(watched: Watched) -> None:
    watched.looks(60, *(finding(name) for name in OPS))
    assert watched.told == ["opened"]
    assert "all 10 features of ops-feed moved with it" in watched.open[0].sentence


def test_features_that_are_found_later_join_and_are_told_once_and_later(watched: Watched) -> None:
    for count in range(1, 11):
        watched.look(*(finding(name) for name in OPS[:count]))
    watched.looks(30, *(finding(name) for name in OPS))
    assert watched.told == ["opened", "updated"]
    assert len(watched.events[-1].alert.sightings) == 10


def test_two_sources_at_once_are_two_alerts_each_named(watched: Watched) -> None:
    watched.looks(5, *(finding(name) for name in (*OPS, *WEATHER)))
    assert watched.told == ["opened", "opened"]
    assert sorted(alert.sentence.partition(":")[0] for alert in watched.open) == ["ops-feed", "weather"]


def test_a_source_that_breaks_a_second_time_in_another_way_is_a_second_alert(watched: Watched) -> None:
    watched.looks(60, finding("ops_0", "shift"))
    watched.looks(5, finding("ops_0", "shift"), finding("ops_1", "unit", since=watched.now))
    assert watched.told == ["opened", "opened"]


def test_models_that_are_fed_alike_share_an_alert(watched: Watched) -> None:
    found = [Found(model, finding()) for model in MODELS]
    watched.looks(5, looked=dict.fromkeys(MODELS, T0 + MINUTE), found=found)
    watched.looks(5, looked=dict.fromkeys(MODELS, T0 + 9 * MINUTE), found=found)
    assert watched.told == ["opened"]
    assert {sighting.model for sighting in watched.open[0].sightings} == set(MODELS)


def test_predictions_that_move_with_a_source_are_its_alert(watched: Watched) -> None:
    moved = finding("prediction", "shift", evidence=100.0, since=T0 + MINUTE)
    watched.looks(5, finding(), moved)
    assert watched.told == ["opened"]
    assert watched.open[0].source == "ops-feed"


def test_an_alert_of_a_source_ends_with_it_though_predictions_are_not_yet_as_they_were(watched: Watched) -> None:
    moved = finding("prediction", "drift", evidence=100.0)
    watched.looks(2, finding(), moved)
    watched.looks(5, moved)
    assert watched.told == ["opened", "resolved"]
    assert "ops_0 has a new unit" in watched.alerts[0].sentence


def test_predictions_that_move_alone_are_an_alert(watched: Watched) -> None:
    watched.looks(2, finding("prediction", "shift"))
    assert watched.told == ["opened"]


RELEASE = Change(time=T0 + 10**9, kind="release", words="gbm@2 released with revision 7", models=("gbm@2",))


def test_what_only_the_model_that_was_just_released_shows_is_due_to_the_release(watched: Watched) -> None:
    found = [Found("gbm@2", finding(name)) for name in ("ops_0", "wind", "prediction")]
    fields: dict[str, Any] = {"changes": [RELEASE], "models": (*MODELS, "gbm@2"), "found": found}
    watched.look(looked={"gbm@2": T0 + MINUTE}, **fields)
    watched.look(looked={"gbm@2": T0 + 2 * MINUTE}, **fields)
    assert watched.told == ["opened"]
    assert watched.open[0].change == RELEASE
    assert watched.open[0].sentence.startswith("after gbm@2 released with revision 7: ")


def test_what_other_models_show_too_is_not_due_to_the_release(watched: Watched) -> None:
    found = [Found("gbm@2", finding()), Found("gbm@1", finding())]
    looked = dict.fromkeys(("gbm@1", "gbm@2"), T0 + MINUTE)
    watched.look(looked=looked, changes=[RELEASE], models=(*MODELS, "gbm@2"), found=found)
    assert [(alert.source, alert.change) for alert in watched.alerts] == [("ops-feed", None)]


def test_a_change_of_routing_is_behind_answers_but_not_behind_features(watched: Watched) -> None:
    change = Change(time=T0, kind="routing", words="routing changed by revision 8", models=MODELS)
    watched.look(finding("wind", "shift"), finding("prediction", "shift"), changes=[change])
    assert {alert.cause: alert.change for alert in watched.alerts} == {"source weather": None, f"change {T0}": change}


def test_what_begins_well_after_a_release_is_not_due_to_it(watched: Watched) -> None:
    late = finding(since=RELEASE.time + 10 * MINUTE)
    watched.look(late, model="gbm@2", changes=[RELEASE], models=("gbm@2",))
    assert watched.alerts[0].change is None


# Silences.


def silence(**fields: Any) -> Silence:
    defaults: dict[str, Any] = {"id": "s", "until": T0 + 60 * MINUTE, "created": T0, "author": "ada"}
    return Silence(**(defaults | fields))


@pytest.mark.parametrize(
    "named", [{"feature": "ops_0"}, {"source": "ops-feed"}, {"endpoint": "flight-delay"}, {"finding": "unit"}]
)
def test_what_is_silenced_is_open_but_not_told_until_the_silence_is_over(
    watched: Watched, named: dict[str, str]
) -> None:
    watched.looks(59, finding(), silences=[silence(**named)])
    assert (watched.told, len(watched.open)) == ([], 1)
    watched.look(finding(), silences=[silence(**named)])
    assert watched.told == ["opened"]


def test_an_end_that_nobody_heard_the_beginning_of_is_not_told(watched: Watched) -> None:
    watched.looks(2, finding(), silences=[silence()])
    watched.looks(POLICY.gone, silences=[silence()])
    assert (watched.told, [alert.state for alert in watched.alerts]) == ([], [State.RESOLVED])


def test_a_silence_of_one_feature_leaves_the_others_to_be_heard(watched: Watched) -> None:
    watched.looks(2, finding("ops_0"), finding("ops_1"), silences=[silence(feature="ops_0")])
    assert watched.told == ["opened"]


# Laws.

FEATURES = st.sampled_from(["ops_0", "ops_1", "wind", "distance", "prediction", "stranger"])
FINDINGS = st.builds(
    finding,
    FEATURES,
    st.sampled_from(["unit", "shift", "missing", "unlabelled"]),
    evidence=st.floats(5, 40, allow_nan=False),
    since=st.integers(-30, 30).map(lambda minutes: T0 + minutes * MINUTE),
)
FOUND = st.lists(st.builds(Found, st.sampled_from(MODELS), FINDINGS), max_size=6)
CHANGES = st.lists(
    st.builds(
        Change,
        time=st.integers(-30, 30).map(lambda minutes: T0 + minutes * MINUTE),
        kind=st.sampled_from(["routing", "release"]),
        words=st.just("routing changed"),
        models=st.sampled_from([(), ("gbm@1",), MODELS]),
    ),
    max_size=2,
)
SILENCES = st.lists(
    st.builds(silence, feature=FEATURES | st.none(), until=st.integers(0, 30).map(lambda m: T0 + m * MINUTE)),
    max_size=1,
)


class Moment(msgspec.Struct):
    """One step of a story."""

    found: list[Found]
    looked: set[str]
    pause: int


MOMENTS = st.builds(Moment, FOUND, st.sets(st.sampled_from(MODELS)), st.sampled_from([1, 1, 1, 3, 70]))


def told(moments: list[Moment], changes: list[Change], silences: list[Silence], reverse: bool = False) -> Watched:
    watched = Watched(changes=changes, silences=silences)
    for moment in moments:
        watched.now += (moment.pause - 1) * MINUTE
        found = moment.found[::-1] if reverse else moment.found
        if reverse:
            watched.alerts = watched.alerts[::-1]
        watched.look(found=found, looked=dict.fromkeys(sorted(moment.looked), watched.now + MINUTE))
        check(watched)
    return watched


def check(watched: Watched) -> None:
    live = [alert for alert in watched.alerts if alert.state is not State.RESOLVED]
    for one, other in itertools.combinations(live, 2):
        assert {each.subject for each in one.sightings}.isdisjoint(each.subject for each in other.sightings)
        assert one.cause != other.cause or abs(one.since - other.since) > POLICY.together
    for alert in watched.alerts:
        assert (alert.resolved is not None) == (alert.state is State.RESOLVED)
        assert alert.resolved is None or (alert.opened or 0) <= alert.resolved
        assert alert.sightings
        assert alert.sentence
        assert not alert.told or alert.state is State.OPEN


@given(st.lists(MOMENTS, max_size=12), CHANGES, SILENCES)
def test_alerts_keep_apart_end_and_are_told_in_order(
    moments: list[Moment], changes: list[Change], silences: list[Silence]
) -> None:
    watched = told(moments, changes, silences)
    stories: dict[str, list[str]] = {}
    for event in watched.events:
        stories.setdefault(event.alert.id, []).append(event.kind)
    assert len({event.id for event in watched.events}) == len(watched.events)
    for story in stories.values():
        begun = False
        for number, kind in enumerate(story):
            assert (kind in ("opened", "reopened")) != begun, story
            assert (kind == "opened") == (number == 0), story
            begun = kind != "resolved"


@given(st.lists(MOMENTS, max_size=8), CHANGES, SILENCES)
def test_the_order_of_findings_and_of_alerts_does_not_matter(
    moments: list[Moment], changes: list[Change], silences: list[Silence]
) -> None:
    one, other = told(moments, changes, silences), told(moments, changes, silences, reverse=True)
    assert (one.alerts, one.events) == (other.alerts, other.events)


@given(st.lists(MOMENTS, min_size=1, max_size=8), CHANGES)
def test_the_same_look_again_changes_nothing(moments: list[Moment], changes: list[Change]) -> None:
    watched = told(moments, changes, [])
    before, last = watched.alerts, moments[-1]
    events = watched.again(found=last.found, looked=dict.fromkeys(sorted(last.looked), watched.now))
    assert (watched.alerts, events) == (before, ())


@given(st.lists(MOMENTS, max_size=8))
def test_what_is_found_and_lasts_is_in_exactly_one_open_alert(moments: list[Moment]) -> None:
    watched = told(moments, [], [])
    found = finding("ops_0", "unit", since=watched.now)
    watched.looks(2, found)
    holding = [alert for alert in watched.open if any(each.finding == found for each in alert.sightings)]
    assert len(holding) == 1
