"""What exploration thinks at a moment: what each arm earned, what share it is to get, and whether that is to be published now.

A person's edit of the weights wins: they are held until exploration is told to go on. So are weights that were published a moment ago, and those that would hardly change.
"""

import math
from typing import Literal

import msgspec

from hyperplan.exploration.best import chances
from hyperplan.exploration.block import Exploration
from hyperplan.exploration.evidence import Evidence
from hyperplan.exploration.policies import NOTICEABLE, moved, shares

SECOND = 10**9

Doing = Literal["publishes", "waits", "settled", "held", "alone", "ignorant"]
"""What comes next: new weights now, or when it is time; or none, since they would hardly change, a person holds them, there is one arm only, or nothing is known."""


class ArmThought(msgspec.Struct, frozen=True, kw_only=True):
    """What is thought of an arm.

    `share` of the traffic that it has, and that it is `wanted` to have. `mean`: what it earned by prediction, higher being better, null if nothing is known of it; `rows` that tell so, and how many alike
    and independent ones tell as much (`effective`). `chance`: the probability that it is the best.
    """

    share: float
    wanted: float
    mean: float | None
    rows: int
    effective: float
    chance: float


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with the weights before: when exploration published some (nanoseconds since 1970), and who holds them, in words."""

    published: int | None = None
    held: str | None = None


class Thought(msgspec.Struct, frozen=True, kw_only=True):
    """What exploration thinks. `moved` is the share of the traffic that would get another arm; `words` say what comes next, and why."""

    doing: Doing
    words: str
    moved: float
    arms: dict[str, ArmThought]

    def split(self, before: dict[str, float]) -> dict[str, float]:
        """The weights to publish, in percent; what has none keeps none."""
        return {arm: round(100 * self.arms[arm].wanted, 2) if arm in self.arms else 0.0 for arm in before}


def exploring(split: dict[str, float]) -> list[str]:
    """The arms among which is explored: those that have a weight."""
    return [arm for arm, weight in split.items() if weight > 0]


def think(exploration: Exploration, split: dict[str, float], found: Evidence, past: Past, now: int) -> Thought:
    """Think about an endpoint's arms, of which `found` is known, at a time in nanoseconds since 1970."""
    total = sum(split.values())
    have = {arm: split[arm] / total for arm in found.arms}
    known = any(earned.rows for earned in found.earned)
    wanted = shares(exploration, found) if known else have
    change = moved(have, wanted)
    doing, words = _next(exploration, found, past, change, now)
    each = zip(found.arms, found.earned, chances(found).tolist(), strict=True)
    return Thought(
        doing=doing,
        words=words,
        moved=change,
        arms={
            arm: ArmThought(
                share=have[arm],
                wanted=wanted[arm],
                mean=None if math.isnan(earned.mean) else earned.mean,
                rows=earned.rows,
                effective=earned.effective,
                chance=chance,
            )
            for arm, earned, chance in each
        },
    )


def _next(exploration: Exploration, found: Evidence, past: Past, change: float, now: int) -> tuple[Doing, str]:
    if len(found.arms) < 2:
        return "alone", "only one arm has a weight, so there is nothing to choose from"
    if past.held is not None:
        return "held", past.held
    if not any(earned.rows for earned in found.earned):
        return "ignorant", f"no prediction has a {exploration.reward.of} yet, so weights stay as they are"
    if change < NOTICEABLE:
        return "settled", f"{change:.1%} of the traffic would get another arm, too little for a revision"
    due = (past.published or 0) + round(exploration.every * SECOND)
    if now < due:
        left = (due - now) / SECOND
        return "waits", f"{change:.1%} of the traffic gets another arm in {left:.0f} seconds"
    return "publishes", reason(exploration, found, change)


def reason(exploration: Exploration, found: Evidence, change: float) -> str:
    """Why weights change, for the revision."""
    earned = ", ".join(
        f"{arm} {one.mean:.4g} ({one.rows})" if one.rows else f"{arm} nothing yet"
        for arm, one in zip(found.arms, found.earned, strict=True)
    )
    return f"{exploration.policy}: by prediction (and how many) earned {earned}; {change:.1%} of the traffic gets another arm"
