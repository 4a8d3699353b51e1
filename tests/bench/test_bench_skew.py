"""The harness of the skew benchmark judges truthfully: a figure that must fail does fail, and what it breaks is broken as it says."""

from collections.abc import Iterator

import numpy as np
import pytest

from bench.judgement import Options
from bench.skew import peers
from bench.skew.data import DataSet, degenerate
from bench.skew.faults import FORMS, decile_bins, tilted, under_another_name, without
from bench.skew.parts import calendar, quiet, renames, sources, units, wide
from bench.skew.serving import Watch, as_requests, looks_of, opens, reference_of, requested
from hyperplan.schema import Float, Schema
from hyperplan.skew import detect as detection
from hyperplan.skew.case import Case
from hyperplan.skew.finding import Finding

SCHEMA = Schema(features={"x": Float(unit="min", source="feed"), "y": Float(source="feed")})


def data(rows: int = 4_000) -> DataSet:
    drawn = np.random.default_rng(1)
    columns = {"x": np.round(drawn.normal(10, 3, rows)), "y": drawn.lognormal(size=rows)}
    return DataSet("made", SCHEMA, columns, np.arange(rows, dtype=np.int64) * 60 * 10**9, rows // 2)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """A small data set that is the only one."""
    found = data()
    for part in (quiet, renames, units):
        monkeypatch.setattr(part, "DATA_SETS", {"made": lambda: found})
        monkeypatch.setattr(part, "load", lambda _: found)
    return found


def options(scale: float = 0.001) -> Options:
    return Options(scale, 1, lambda _: None)


def always(case: Case) -> Iterator[Finding]:
    """A detector that cries wolf."""
    look = case.looks[-1]
    yield Finding(
        feature="x",
        kind="distribution",
        finding="shift",
        effect=1.0,
        evidence=99.0,
        sentence="!",
        since=look.start,
        until=look.end,
    )


def never(_: Case) -> Iterator[Finding]:
    """A detector that sees nothing."""
    yield from ()


# What is broken on purpose.


@pytest.mark.parametrize("form", FORMS)
def test_a_tilt_has_the_index_that_was_asked_for_and_leaves_null_alone(form: str) -> None:
    values = np.random.default_rng(3).gamma(2.0, size=5_000)
    values[::10] = np.nan
    known = ~np.isnan(values)
    weights = tilted(values, 0.1, form)  # type: ignore[arg-type]
    before = np.bincount(decile_bins(values[known])) / known.sum()
    after = np.bincount(decile_bins(values[known]), weights[known]) / weights[known].sum()
    assert np.sum((after - before) * np.log(after / before)) == pytest.approx(0.1)
    assert weights[~known].sum() == pytest.approx(0.1)


def test_numbers_that_are_mostly_one_are_degenerate() -> None:
    assert degenerate(np.array([0.0] * 60 + [*range(40)], np.float64))
    assert degenerate(np.array([*range(10)] * 100, np.float64))
    assert not degenerate(np.array([0.0] * 50 + [*range(1, 51)], np.float64))


def test_renamed_and_dropped_columns_come_so_in_requests() -> None:
    columns = {"x": np.array([1.0, np.nan]), "y": np.array([2.0, 3.0])}
    assert as_requests(under_another_name(columns, "x", "z")) == [{"z": 1.0, "y": 2.0}, {"z": None, "y": 3.0}]
    look = requested(SCHEMA, as_requests(under_another_name(columns, "x", "z")), 0)
    assert (look.profile.features["x"].missing, look.profile.unknown.counts) == (2, {"z": 2})
    assert as_requests(without(columns, "x"))[0] == {"y": 2.0}


def test_a_source_is_broken_in_all_of_its_features_and_in_no_other() -> None:
    given = {name: np.ones(3) for name in sources.schema().features}
    for way in sources.WAYS:
        broken = sources.broken(given, "ops-feed", way)
        touched = {name for name in given if name not in broken or not np.array_equal(broken[name], given[name])}
        assert touched == {f"ops_{number}" for number in range(10)}, way


# Detectors that are wrong are found out.


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(("detector", "calm", "found"), [(always, False, True), (never, True, False)])
def test_who_cries_wolf_has_short_runs_and_who_sees_nothing_finds_no_shift(
    detector: detection.Detector, calm: bool, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "DETECTORS", (detector,))
    monkeypatch.setattr(quiet, "LOOKS", 1_200_000)
    nothing, moderate = quiet.measure(options()).figures
    assert nothing.holds is calm
    # The wolf is cried before anything is wrong too, but only x can be what moved.
    assert isinstance(moderate.value, float)
    assert (moderate.value > 0) is found
    assert moderate.holds is False


@pytest.mark.usefixtures("made")
def test_a_unit_by_the_wrong_name_is_no_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def days(_: Case) -> Iterator[Finding]:
        details = {"to": "d", "candidates": [{"unit": "d"}]}
        yield Finding(
            feature="x", kind="feature", finding="unit", effect=1.0, evidence=99.0, sentence="", details=details
        )

    monkeypatch.setattr(detection, "DETECTORS", (days,))
    units.case.cache_clear()
    said = {
        other: units.named(units.Trial("made", "x", other, 3_000, "unrounded"))["said"] for other in ("s", "h", "d")
    }
    assert said == {"s": "wrong", "h": "wrong", "d": "right"}
    assert units.unnamed(units.Stretch("made", 2_000, 4_000))["units named"] == 10


@pytest.mark.usefixtures("made")
def test_what_is_called_a_rename_of_something_else_is_not_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def into(new: str) -> detection.Detector:
        def renamed(_: Case) -> Iterator[Finding]:
            details = {"from": "x", "to": new}
            yield Finding(
                feature="x", kind="schema", finding="renamed", effect=1.0, evidence=9.0, sentence="", details=details
            )

        return renamed

    for new, right in (("column_17", True), ("other", False)):
        renames.case.cache_clear()
        monkeypatch.setattr(detection, "DETECTORS", (into(new),))
        assert renames.tried(renames.Trial("made", "x", "column_17", 3_000))["right"] is right


def test_an_alert_counts_once_while_it_lasts_and_each_feature_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "DETECTORS", (always,))
    found = calendar.watched(data(), 2_000)
    assert (found["alerts"], found["features told"], found["looks with a finding"]) == (1, 1, 20)


def test_weeks_end_where_times_say() -> None:
    assert calendar.weekly(np.arange(20) * 86_400 * 10**9) == [7, 14, 20]
    assert peers.daily(np.arange(5) * 43_200 * 10**9) == [2, 4, 5]


def test_a_watch_opens_one_alert_for_what_is_found_again_and_again() -> None:
    found = data()
    reference = reference_of(SCHEMA, {name: values[:2_000] for name, values in found.columns.items()})
    watch = Watch(SCHEMA, reference)
    events = []
    for look in looks_of(SCHEMA, {name: values[2_000:3_000] * 60 for name, values in found.columns.items()}):
        events += [event for event in watch.ask(look).events if opens(event)]
    assert len(events) == 1


def test_a_wide_report_finds_the_columns_that_moved_and_no_other() -> None:
    found = wide.report(20_000, 10_000, 3, 5, chunk_rows=1_000, look_rows=500)
    assert (found["share"], found["others"]) == (1.0, 0)
    assert found["GB"] > 0


# What can be told.


def test_what_can_be_told_apart_is_said_of_training_alone() -> None:
    drawn = np.random.default_rng(3)
    columns = {
        "x": np.round(drawn.normal(10, 3, 8_000)),
        "twin": np.round(drawn.normal(10, 3, 8_000)),
        "far": np.round(drawn.normal(40, 3, 8_000)),
        "digits": drawn.normal(10, 3, 8_000),
        "flag": drawn.integers(0, 2, 8_000) * 1.0,
    }
    schema = Schema(features={name: Float() for name in columns})
    found = DataSet("made", schema, columns, np.arange(8_000, dtype=np.int64), 4_000)
    known = renames.Known.of(found)
    assert known.telling == {"x", "twin", "far"}
    assert frozenset(("x", "twin")) in known.alike
    assert not any("far" in pair for pair in known.alike)

    def kind(feature: str, other: str | None = None) -> str:
        return known.kind(renames.Trial("made", feature, "column_17", 5_000, other))

    assert (kind("far"), kind("x"), kind("digits")) == ("identifiable", "not identifiable", "not identifiable")
    assert (kind("x", "twin"), kind("x", "far")) == ("alike", "unrelated")
    columns["far"][4_000:] = columns["x"][4_000:]  # what is served says nothing
    assert renames.Known.of(found) == known
