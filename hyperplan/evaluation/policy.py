"""A policy: who would have been chosen, always or for some slices of the traffic.

As text: `gbm@1=1` for one arm always, `gbm@1=70, logit@1=30` for weights, and `gbm@1=1 if origin=EWR; logit@1=1` by slice: the first clause
whose condition holds decides, and the last has none. A model that has a clause to itself stands for what it would have chosen.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hyperplan.outcomes import Floats, Outcomes
from hyperplan.problems import Invalid, Problem

_CONDITION = re.compile(r"(.+?)\s+if\s+([^=]+)=(.*)", re.DOTALL)


class Clause(NamedTuple):
    """Shares of arms that sum to 1, where a slice has a value; everywhere if `part` is None."""

    shares: Mapping[str, float]
    part: str | None = None
    value: str = ""


class Policy(NamedTuple):
    """Clauses, of which the first that holds decides; the last one always holds. `text` is how it was written."""

    text: str
    clauses: tuple[Clause, ...]

    def arms(self) -> list[str]:
        """The arms that it may choose."""
        named = (arm for clause in self.clauses for arm, share in clause.shares.items() if share > 0)
        return list(dict.fromkeys(named))

    def problems(self, arms: Collection[str], slices: Collection[str]) -> Iterator[Problem]:
        """What is wrong with it, given the arms and the slices that there are."""
        for clause in self.clauses:
            for arm in clause.shares:
                if arm not in arms:
                    yield Problem("", f"{arm!r} is no arm of this endpoint; known: {', '.join(arms)}")
            if clause.part is not None and clause.part not in slices:
                known = ", ".join(slices) or "none; name some in the endpoint's slices"
                yield Problem("", f"{clause.part!r} is no slice of this endpoint; known: {known}")

    def probabilities(self, outcomes: Outcomes, arms: Sequence[str]) -> Floats:
        """The probability with which it would have chosen each arm (columns) for each row."""
        found = np.zeros((len(outcomes), len(arms)))
        open_ = np.ones(len(outcomes), np.bool_)
        for clause in self.clauses:
            holds = (
                open_
                if clause.part is None
                else open_ & outcomes.slices[clause.part].equal(clause.value)
                if clause.part in outcomes.slices
                else np.zeros(len(outcomes), np.bool_)
            )
            found[holds] = [clause.shares.get(arm, 0.0) for arm in arms]
            open_ = open_ & ~holds
        return found


def parse_policy(text: str) -> Policy:
    """Read a policy as it is written.

    Raises:
        Invalid: it is none; the problems say what one is.
    """
    clauses = [_clause(part.strip()) for part in text.split(";")]
    if clauses[-1].part is not None:
        raise _bad("does not say what holds elsewhere: end with a clause without a condition, like '; gbm@1=1'")
    if any(clause.part is None for clause in clauses[:-1]):
        raise _bad("has a clause without a condition before the last one; nothing behind it would ever hold")
    return Policy(text, tuple(clauses))


def _clause(text: str) -> Clause:
    condition = _CONDITION.fullmatch(text)
    weights = condition[1] if condition else text
    shares: dict[str, float] = {}
    for piece in weights.split(","):
        arm, equals, number = (each.strip() for each in piece.rpartition("="))
        try:
            weight = float(number) if equals and arm else math.nan
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight >= 0):
            raise _bad(f"{piece.strip()!r} is no arm with a weight, like gbm@1=1")
        if arm in shares:
            raise _bad(f"names {arm!r} twice in one clause")
        shares[arm] = weight
    total = sum(shares.values())
    if not total > 0:
        raise _bad("gives no arm a weight above 0")
    shares = {arm: weight / total for arm, weight in shares.items()}
    return Clause(shares, condition[2].strip(), condition[3].strip()) if condition else Clause(shares)


def _bad(detail: str) -> Invalid:
    return Invalid([Problem("", detail)])
