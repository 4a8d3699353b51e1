"""`unlabelled`, `selective` and `threshold` on simulated predictions and the labels that come for them."""

import doctest
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hyperplan.profile import Column, Profile, QuantileSketch
from hyperplan.schema import Float, Schema
from hyperplan.skew import unlabelled as unlabelled_module
from hyperplan.skew.case import Case, Look
from hyperplan.skew.drift import drift
from hyperplan.skew.finding import Finding
from hyperplan.skew.labels import LabelCoverage, ripe
from hyperplan.skew.selective import selective
from hyperplan.skew.threshold import threshold
from hyperplan.skew.unlabelled import unlabelled

Floats = NDArray[np.float64]
SCHEMA = Schema(features={"amount": Float(unit="EUR"), "noise": Float()})
HOUR = 3600 * 10**9
NOON = 1_372_680_000 * 10**9


def profile(amount: Floats, noise: Floats, score: Floats, label: Floats | None = None) -> Profile:
    outputs = {"prediction": Column(Float(), score).profile()}
    if label is not None:
        outputs["label"] = Column(Float(), label).profile()
    return Profile(
        rows=len(amount),
        features={"amount": Column(Float(), amount).profile(), "noise": Column(Float(), noise).profile()},
        outputs=outputs,
    )


def coverage(source: np.random.Generator, hour: int, chance: Any = 0.6, rows: int = 200) -> LabelCoverage:
    """Predictions of an hour; each row gets its label with a chance, within half an hour."""
    amount, noise, score = source.gamma(2, 100, rows), source.normal(0, 1, rows), source.random(rows)
    has = source.random(rows) < (chance(amount) if callable(chance) else chance)
    return LabelCoverage(
        start=NOON + hour * HOUR,
        end=NOON + (hour + 1) * HOUR,
        scored=profile(amount, noise, score),
        labelled=profile(amount[has], noise[has], score[has], (score[has] > 0.5).astype(float)),
        delays=QuantileSketch.of(source.uniform(60, 1800, int(has.sum()))),
    )


def case(labels: list[LabelCoverage]) -> Case:
    return Case(SCHEMA, [], [], labels=labels)


def scores(values: Floats, rows: int = 100, first: int = NOON) -> list[Look]:
    return [
        Look(
            first + index * HOUR,
            first + (index + 1) * HOUR,
            Profile(rows=len(part), outputs={"prediction": Column(Float(), part).profile()}),
        )
        for index, part in enumerate(np.split(values, len(values) // rows))
    ]


def test_the_examples_run() -> None:
    results = doctest.testmod(unlabelled_module)
    assert results.attempted
    assert not results.failed


@given(st.lists(st.integers(0, 2**16), min_size=1, max_size=5))
def test_coverage_merges_in_any_order_and_grouping(seeds: list[int]) -> None:
    parts = [coverage(np.random.default_rng(seed), seed % 7, rows=5) for seed in seeds]
    whole = LabelCoverage.merged(parts)
    again = LabelCoverage.merged([LabelCoverage.merged(parts[:1]), *reversed(parts[1:])])
    assert (again.start, again.end, again.delays) == (whole.start, whole.end, whole.delays)
    assert (again.scored.rows, again.labelled.rows) == (whole.scored.rows, whole.labelled.rows)
    assert again.share() == whole.share()


def test_more_labels_than_predictions_are_refused() -> None:
    with pytest.raises(ValueError, match="more rows have a label"):
        LabelCoverage(start=0, end=1, labelled=Profile(rows=1))


def test_what_is_younger_than_labels_usually_take_is_not_ripe() -> None:
    source = np.random.default_rng(0)
    stretches = [coverage(source, hour) for hour in range(5)]
    assert ripe(stretches) == stretches[:-1]
    assert ripe([]) == []


def test_labels_that_come_as_ever_are_no_finding() -> None:
    source = np.random.default_rng(1)
    labels = [coverage(source, hour) for hour in range(40)]
    assert not list(unlabelled(case(labels)))
    assert not list(selective(case(labels)))


def test_labels_that_stay_away_are_found_with_their_share_and_since_when() -> None:
    source = np.random.default_rng(2)
    labels = [coverage(source, hour, 0.6 if hour < 20 else 0.2) for hour in range(30)]
    (finding,) = unlabelled(case(labels))
    assert (finding.kind, finding.finding, finding.feature) == ("scoring", "unlabelled", "")
    assert finding.since == NOON + 20 * HOUR
    assert finding.effect == pytest.approx(-0.4, abs=0.05)
    assert "where it was 60 % before" in finding.sentence or "where it was 61 % before" in finding.sentence
    assert "take up to 29 minutes" in finding.sentence or "take up to 28 minutes" in finding.sentence


def test_labels_that_stop_altogether_are_found() -> None:
    source = np.random.default_rng(3)
    (finding,) = unlabelled(case([coverage(source, hour, 0.6 if hour < 20 else 0.0) for hour in range(30)]))
    assert "Only 0 % of" in finding.sentence
    assert "none has come" in finding.sentence


def test_a_share_that_always_came_and_went_is_no_finding() -> None:
    source = np.random.default_rng(4)
    shares = source.uniform(0.1, 0.9, 40)
    assert not list(unlabelled(case([coverage(source, hour, share) for hour, share in enumerate(shares)])))


def test_labels_of_small_amounts_alone_are_selective() -> None:
    source = np.random.default_rng(5)
    labels = [coverage(source, hour, lambda amount: np.where(amount < 150, 0.9, 0.2)) for hour in range(12)]
    (finding,) = selective(case(labels))
    assert (finding.feature, finding.finding) == ("amount", "selective")
    assert "EUR among all" in finding.sentence
    assert "selective in amount" in finding.sentence


def test_what_changes_with_time_for_all_rows_is_not_selective() -> None:
    source = np.random.default_rng(6)
    labels = []
    for hour in range(12):
        amount, other = source.gamma(2, 100, 400) * (1 + hour / 2), np.zeros(400)
        has = source.random(400) < 0.05 * (hour + 1)
        scored, labelled = profile(amount, other, other), profile(amount[has], other[has], other[has])
        labels.append(LabelCoverage(start=hour, end=hour + 1, scored=scored, labelled=labelled))
    assert not list(selective(case(labels)))


def test_scores_as_on_training_data_keep_the_meaning_of_a_threshold() -> None:
    source = np.random.default_rng(7)
    training = [look.profile for look in scores(source.beta(2, 5, 40_000), 1000)]
    assert not list(threshold(Case(SCHEMA, training, scores(source.beta(2, 5, 4000)))))


def test_scores_that_moved_past_the_threshold_are_found_with_an_interval() -> None:
    source = np.random.default_rng(8)
    training = [look.profile for look in scores(source.beta(2, 5, 40_000), 1000)]
    served = np.concatenate([source.beta(2, 5, 2000), source.beta(3, 5, 1500)])
    (finding,) = threshold(Case(SCHEMA, training, scores(served), threshold=0.4))
    assert (finding.feature, finding.kind, finding.finding) == ("prediction", "scoring", "threshold")
    assert finding.against == "training"
    assert finding.details["reference"] == pytest.approx(0.233, abs=0.01)
    low, high = finding.details["interval"]
    assert low < 0.42 < high
    assert "A threshold of 0.4 no longer means the same" in finding.sentence


def served(shares: Floats, source: np.random.Generator, rows: int = 100) -> list[Look]:
    """Looks in each of which about that share of the scores is above a half."""
    high = source.random((len(shares), rows)) < shares[:, None]
    return scores((np.where(high, 0.5, 0.0) + source.uniform(0.01, 0.49, high.shape)).ravel(), rows)


def coming_and_going(source: np.random.Generator, looks: int, persistence: float = 0.9, share: float = 0.12) -> Floats:
    """Shares whose odds double and halve by themselves; `persistence` is the correlation of one look with the next."""
    log_odds = [0.0]
    for step in source.normal(0, 0.7 * math.sqrt(1 - persistence**2), looks):
        log_odds.append(persistence * log_odds[-1] + step)
    odds = share / (1 - share) * np.exp(log_odds[1:])
    return np.asarray(odds / (1 + odds))


def findings_throughout(looks: list[Look], shown: int = 120) -> list[Finding]:
    """What `threshold` and `drift` say, asked again and again while looks come."""
    found: list[Finding] = []
    asked = Case(SCHEMA, [], [])
    for end in range(20, len(looks) + 1, 10):
        asked = asked.showing(looks[max(end - shown, 0) : end])
        found += [*threshold(asked), *drift(asked)]
    return found


def test_without_scores_of_training_those_before_the_change_are_the_reference() -> None:
    source = np.random.default_rng(9)
    looks = served(np.repeat([0.22, 0.06], [80, 20]), source)
    (finding,) = threshold(Case(SCHEMA, [], looks))
    assert finding.against == "before"
    assert finding.since == pytest.approx(NOON + 80 * HOUR, abs=2 * HOUR)
    assert finding.details["reference"] == pytest.approx(0.22, abs=0.01)


def test_a_share_that_comes_and_goes_by_itself_is_no_finding_without_scores_of_training() -> None:
    for seed in range(4):
        source = np.random.default_rng(seed)
        assert findings_throughout(served(coming_and_going(source, 200), source)) == []


def test_a_share_that_comes_and_goes_is_found_when_it_goes_further_than_ever() -> None:
    source = np.random.default_rng(1)
    shares = np.concatenate([coming_and_going(source, 100, 0.5), coming_and_going(source, 20, 0.5, share=0.8)])
    (finding,) = threshold(Case(SCHEMA, [], served(shares, source)))
    assert finding.since == pytest.approx(NOON + 100 * HOUR, abs=2 * HOUR)


def test_what_was_before_must_be_long_enough_to_know_what_is_usual() -> None:
    source = np.random.default_rng(12)
    looks = served(np.repeat([0.22, 0.06], [90, 10]), source)
    assert list(threshold(Case(SCHEMA, [], looks)))
    assert not list(threshold(Case(SCHEMA, [], looks[50:])))


def test_a_share_that_the_weeks_before_had_at_this_hour_too_is_no_finding() -> None:
    source = np.random.default_rng(13)
    looks = served(np.repeat([0.22, 0.06], [90, 10]), source)
    weeks = served(np.repeat(0.06, 4), source, rows=1000)
    assert list(threshold(Case(SCHEMA, [], looks)))
    assert not list(threshold(Case(SCHEMA, [], looks, season=weeks)))


def test_scores_known_from_training_need_nothing_before() -> None:
    source = np.random.default_rng(14)
    training = [look.profile for look in served(np.full(40, 0.22), source, rows=1000)]
    (finding,) = threshold(Case(SCHEMA, training, served(np.full(15, 0.06), source)))
    assert finding.against == "training"


def test_values_that_are_no_scores_have_no_threshold() -> None:
    source = np.random.default_rng(10)
    served = np.concatenate([source.normal(0, 1, 2500), source.normal(3, 1, 2000)])
    assert not list(threshold(Case(SCHEMA, [], scores(served))))
