"""Categories that are written otherwise, or translated."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperplan.schema import Category
from hyperplan.skew.finding import Finding
from hyperplan.skew.recoding import recodings
from tests.support.looks import FIVE_MINUTES, NOON, case_of

VALUES = ["EWR", "12", "LGA", "Île", "0 7", "JFK"]
SHARES = [0.5, 0.22, 0.12, 0.08, 0.05, 0.03]


def values(rows: int, seed: int = 0, shares: Any = SHARES) -> Any:
    return np.random.default_rng(seed).choice(np.array(VALUES[: len(shares)], object), rows, p=shares)


def recoded(column: Any, write: Callable[[str], str]) -> Any:
    return np.array([write(value) for value in column], object)


def found(training: Any, serving: Any, listed: bool = True) -> list[Finding]:
    feature = Category(values=tuple(sorted(set(training)))) if listed else Category()
    return list(recodings(case_of({"x": feature}, {"x": training}, {"x": serving})))


@pytest.mark.parametrize(
    ("by", "write"),
    [
        ("case", str.lower),
        ("spaces", lambda text: text + "  "),
        ("leading zeros", lambda text: text.rjust(5, "0")),
        ("decimals", lambda text: text + ".0" if text.isdigit() else text),
        ("accents", lambda text: text.replace("Î", "I")),
    ],
)
def test_another_spelling_is_named(by: str, write: Callable[[str], str]) -> None:
    served = np.concatenate([values(300, 1), recoded(values(400, 2), write)])
    (finding,) = found(values(5000), served)
    assert (finding.kind, finding.finding, finding.details["by"]) == ("feature", "recoded", by)
    assert all(ours == write(theirs) for theirs, ours in finding.details["table"].items())
    assert finding.since == NOON + 3 * FIVE_MINUTES


def test_the_sentence_shows_what_became_of_values() -> None:
    (finding,) = found(values(5000, shares=[0.6, 0, 0.4]), recoded(values(300, 1, [0.6, 0, 0.4]), str.lower))
    assert (
        finding.sentence
        == "x is spelt otherwise (case): 'ewr' where training had 'EWR', 'lga' where training had 'LGA'"
    )


def test_one_feed_of_two_that_spells_otherwise_is_found_with_its_share() -> None:
    served = values(400, 1)
    served[::4] = recoded(served[::4], str.lower)
    (finding,) = found(values(5000), served, listed=False)
    assert finding.effect == pytest.approx(0.2, abs=0.05)
    assert "in 2" in finding.sentence


def test_a_translation_is_read_off_the_frequencies() -> None:
    codes = dict(zip(VALUES, ["a7", "q1", "c9", "zz", "b2", "k0"], strict=True))
    served = np.concatenate([values(300, 1), recoded(values(3000, 2), codes.__getitem__)])
    (finding,) = found(values(20_000), served)
    assert finding.details["by"] == "translation"
    assert finding.details["table"].items() <= codes.items()
    assert len(finding.details["table"]) >= 3


def test_values_that_come_equally_often_are_not_translated() -> None:
    shares = [1 / 6] * 6
    served = recoded(values(2000, 1, shares), {value: value[::-1] + "!" for value in VALUES}.__getitem__)
    assert found(values(20_000, shares=shares), served) == []


def test_new_values_beside_the_old_ones_are_no_translation() -> None:
    served = values(1000, 1)
    served[::2] = "somewhere else"
    assert found(values(5000), served) == []


def test_spellings_that_training_told_apart_are_left_alone() -> None:
    training = np.array(["a", "A", "b", "B"] * 1000, object)
    assert found(training, np.array(["a", "A", "b", "B"] * 50, object)) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.floats(0.2, 5), min_size=6, max_size=6))
def test_shares_that_only_move_are_no_recoding(seed: int, weights: list[float]) -> None:
    shares = np.array(SHARES) * weights
    assert found(values(3000), values(300, seed, shares / shares.sum())) == []


def test_nothing_usable_says_nothing() -> None:
    assert found(values(1000), np.array([None] * 200, object)) == []
