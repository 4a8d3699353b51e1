"""Rows folded into randomisation units, each of which counts once."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.experiments.covariate import known_before
from hyperplan.experiments.units import Fold, Rows, Units, fold, joined, rows_of
from hyperplan.outcomes import Coded, Outcomes


def rows(*given: dict[str, float]) -> Rows:
    """Rows of one entity at time 0 in arm 0 unless they say otherwise."""
    fallback = {"time": 0, "entity": 1, "arm": 0, "revision": 1, "value": 0.0, "forced": 0, "inclusion": 1.0}
    whole = [fallback | {"known": row.get("time", 0)} | row for row in given]
    columns = {name: np.array([row[name] for row in whole]) for name in Rows._fields}
    for name in ("time", "known", "entity", "arm", "revision"):
        columns[name] = columns[name].astype(np.int64)
    return Rows(**{**columns, "forced": columns["forced"].astype(bool), "value": columns["value"].astype(float)})


def folded(given: Rows, how: Fold = "mean", now: int = 10**9) -> Units:
    return fold(given, how, window=100, wait=10, now=now)


@pytest.mark.parametrize(("how", "outcome"), [("mean", 2.0), ("sum", 6.0), ("any", 1.0), ("first", 3.0)])
def test_rows_of_an_entity_are_one_unit(how: Fold, outcome: float) -> None:
    given = rows({"time": 5, "value": 3}, {"time": 7, "value": 3}, {"time": 9, "value": 0})
    assert folded(given, how).value.tolist() == [outcome]


def test_rows_after_the_window_and_labels_after_the_wait_do_not_count() -> None:
    given = rows(
        {"value": 1}, {"time": 99, "value": 3}, {"time": 100, "value": 99}, {"time": 50, "known": 111, "value": 99}
    )
    assert folded(given).value.tolist() == [2.0]


def test_a_unit_counts_when_its_window_has_closed_and_never_changes_then() -> None:
    given = rows({"value": 1}, {"time": 300, "value": 5})
    assert len(folded(given, now=109).value) == 0
    assert folded(given, now=110).value.tolist() == [1.0]
    assert folded(given).value.tolist() == [1.0]


def test_a_unit_belongs_to_the_arm_and_revision_that_came_first() -> None:
    unit = folded(rows({"time": 3, "arm": 1, "revision": 2}, {"time": 1, "arm": 0, "revision": 1}))
    assert (unit.arm.tolist(), unit.revision.tolist()) == ([0], [1])


def test_requests_that_named_their_arm_are_left_out() -> None:
    unit = folded(rows({"time": 0, "arm": 1, "forced": 1, "value": 9}, {"time": 1, "value": 1}))
    assert (unit.arm.tolist(), unit.value.tolist()) == ([0], [1.0])


def test_requests_for_which_no_arm_was_chosen_are_left_out() -> None:
    assert len(folded(rows({"arm": -1})).value) == 0


def outcomes(entities: list[str | None], predictions: list[str]) -> Outcomes:
    """Rows in which the reward is the number of the row."""
    count = len(entities)
    numbers, nothing = np.arange(count, dtype=np.float64), np.zeros(count, np.int64)
    return Outcomes(
        task="binary",
        prediction_id=np.array(predictions, object),
        row=nothing.astype(np.int32),
        time=nothing,
        labelled_at=nothing,
        entity=Coded.of(entities),
        arm=Coded.of(["a@1"] * count),
        answered=Coded.of(["b@1"] * count),
        revision=nothing,
        propensity=np.ones(count),
        inclusion=np.ones(count),
        forced=np.zeros(count, bool),
        score=numbers,
        label=-numbers,
        reward=numbers,
        predicted=nothing.astype(np.int32),
        truth_score=numbers,
    )


def test_requests_without_an_entity_are_units_of_their_own_with_all_of_their_rows() -> None:
    labelled = outcomes(["x", "x", None, None, None], ["p", "q", "r", "r", "s"])
    assert sorted(folded(rows_of(labelled, "reward", "entity", ["a"]), "sum").value) == [1.0, 4.0, 5.0]
    assert sorted(folded(rows_of(labelled, "label", "request", ["a"]), "sum").value) == [-5.0, -4.0, -1.0, 0.0]


def test_arms_have_the_codes_of_their_places_and_others_that_of_none() -> None:
    labelled = outcomes(["x", "y"], ["p", "q"])
    assert rows_of(labelled, "reward", "entity", ["b@1", "a@1"]).arm.tolist() == [1, 1]
    assert rows_of(labelled, "reward", "entity", ["b@1", "c@1"]).arm.tolist() == [2, 2]


def test_rows_that_were_read_in_parts_are_the_same_units() -> None:
    whole = outcomes(["x", "y", "x", None], ["p", "q", "r", "r"])
    parts = [rows_of(whole.where(whole.reward == number), "reward", "entity", ["a@1"]) for number in (3, 1, 0, 2)]
    together, read_at_once = folded(joined(parts), "sum"), folded(rows_of(whole, "reward", "entity", ["a@1"]), "sum")
    assert together.value.tolist() == read_at_once.value.tolist()
    assert sorted(together.value) == [1.0, 2.0, 3.0]


def test_what_was_before_is_looked_up_by_unit() -> None:
    units = folded(rows({"entity": 1}, {"entity": 2}, {"entity": 3}))
    past = rows({"entity": 3, "value": 2}, {"entity": 3, "value": 4}, {"entity": 1, "value": np.nan}, {"entity": 9})
    assert known_before(units, past).tolist() == pytest.approx([np.nan, np.nan, 3.0], nan_ok=True)
    assert np.isnan(known_before(units, rows({"value": np.nan}))).all()


def test_a_row_weighs_what_it_stands_for() -> None:
    assert folded(rows({"value": 0, "inclusion": 0.5}, {"time": 1, "value": 3})).value.tolist() == [1.0]


def test_a_unit_without_an_outcome_is_not_counted() -> None:
    assert len(folded(rows({"value": np.nan})).value) == 0


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 8), st.integers(0, 3)), max_size=40), st.randoms())
def test_neither_the_order_of_rows_nor_later_looks_change_what_was_counted(
    given: list[tuple[int, int, int]], random: Random
) -> None:
    whole: list[dict[str, float]] = [{"time": time, "entity": entity, "value": value} for time, entity, value in given]
    shuffled = random.sample(whole, len(whole))
    if whole:
        late, early = folded(rows(*shuffled), "sum"), folded(rows(*whole), "sum", now=300)
        assert late.value.tolist()[: len(early.value)] == early.value.tolist()
        assert late.entity.tolist()[: len(early.entity)] == early.entity.tolist()
