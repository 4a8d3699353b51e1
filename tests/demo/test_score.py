"""What the demo claims is computed from what was observed, and can be false."""

import pytest

from demo.client import Answer
from demo.score import Choice, by_answering_model, edit_visible_after, fits_split, percentile, stickiness
from hyperplan.routing import Split

BEFORE = {"gbm@1": 80.0, "logit@1": 20.0}
AFTER = {"gbm@1": 50.0, "logit@1": 50.0}
PLANES = [f"N{number}" for number in range(4000)]


def chosen(split: dict[str, float], revision: int, time: float = 0.0) -> list[Choice]:
    """What the sidecar would choose for every plane."""
    choose = Split(split, "flight-delay")
    return [Choice(plane, choose.stick(plane.encode()).arm, revision, time) for plane in PLANES]


def test_planes_on_the_arms_of_their_split_fit_it() -> None:
    assert fits_split(chosen(BEFORE, 1), 1, BEFORE) > 0.001


def test_planes_on_the_arms_of_another_split_do_not_fit() -> None:
    assert fits_split(chosen(AFTER, 1), 1, BEFORE) < 1e-9


def test_a_plane_counts_once_however_often_it_flies() -> None:
    once = chosen(BEFORE, 1)
    assert fits_split(once * 5, 1, BEFORE) == fits_split(once, 1, BEFORE)


def test_an_edit_moves_only_the_planes_that_must() -> None:
    found = stickiness([*chosen(BEFORE, 1), *chosen(AFTER, 2)], 1, 2, "logit@1")
    assert (found.torn, found.seen_twice, found.moved_back) == (0, 4000, 0)
    assert found.moved == pytest.approx(0.3 * 4000, rel=0.1)


def test_a_plane_on_two_arms_at_once_is_found() -> None:
    assert stickiness([Choice("N1", "gbm@1", 1, 0), Choice("N1", "logit@1", 1, 0)], 1, 2, "logit@1").torn == 1


def test_a_plane_that_moves_away_from_the_arm_that_grew_is_found() -> None:
    choices = [Choice("N1", "logit@1", 1, 0), Choice("N1", "gbm@1", 2, 0)]
    assert stickiness(choices, 1, 2, "logit@1").moved_back == 1


def test_an_edit_is_visible_once_nobody_chooses_by_the_old_revision() -> None:
    choices = [Choice("N1", "gbm@1", 1, 9.0), Choice("N2", "gbm@1", 1, 10.25), Choice("N3", "gbm@1", 2, 10.1)]
    assert edit_visible_after(choices, 10.0, 1) == pytest.approx(0.25)
    assert edit_visible_after(choices[:1], 10.0, 1) == 0.0


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([], 0.5) is None


def test_latencies_are_told_apart_by_who_answered() -> None:
    answers = [Answer(0, None, 0, 0.1, 200, model="gbm@1"), Answer(1, None, 0, 0.3, 200, model="logit@1")]
    found = by_answering_model([*answers, Answer(2, None, 0, 0.2, 503)])
    assert found["gbm@1"] == {"answered": 1, "p50_ms": 100.0, "p99_ms": 100.0}
    assert set(found) == {"gbm@1", "logit@1"}
