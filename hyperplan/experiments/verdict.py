"""The verdict on an experiment, in words: ship, stop, go on, or broken, and why. A pure function of the evidence.

The table is read from the top and the first state that holds is the verdict. Broken comes first, because nothing below can be believed then; guardrails come before
gains, because no gain pays for a broken promise. All that it reads holds at all times, so it may be read at any.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from hyperplan.experiments.compare import Compared
from hyperplan.experiments.sample_ratio import ALPHA

Decision = Literal["ship", "stop", "go on", "broken"]


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A guardrail: the most evidence (a log e-value) there ever was that it is broken, and the error that is allowed of it."""

    evidence: float
    alpha: float

    @property
    def broken(self) -> bool:
        """Whether the promise is broken."""
        return self.evidence >= -math.log(self.alpha)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that a verdict on one treatment depends on.

    `better` is the sign of effects that are improvements; `minimum` is the smallest improvement that matters, with that sign. Effects are `relative` to the
    control arm's mean, and said in percent, or differences. `sample_ratio` is a log e-value.
    `limit` is how many units the experiment may take in all.
    """

    treatment: str
    control: str
    compared: Compared
    better: Literal[1, -1]
    minimum: float
    relative: bool = False
    sample_ratio: float = 0.0
    guardrails: Mapping[str, Watched] = {}
    limit: int | None = None

    def broken_guardrails(self) -> list[str]:
        """The names of the guardrails that are broken."""
        return [name for name, watched in self.guardrails.items() if watched.broken]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a treatment, the name of the state that says so, and why, in a sentence."""

    decision: Decision
    state: str
    why: str


def verdict(evidence: Evidence) -> Verdict:
    """The verdict: that of the first state that holds."""
    for state, decision, holds, says in STATES:
        if holds(evidence):
            return Verdict(decision=decision, state=state, why=says(evidence))
    raise AssertionError("the last state always holds")


def _mismatched(evidence: Evidence) -> bool:
    return evidence.sample_ratio >= -math.log(ALPHA)


def _unstable(evidence: Evidence) -> bool:
    return math.isnan(evidence.compared.low)


def _better(evidence: Evidence) -> bool:
    return evidence.compared.differs and evidence.compared.leaning == evidence.better


def _worse(evidence: Evidence) -> bool:
    return evidence.compared.differs and evidence.compared.leaning != evidence.better


def _too_small(evidence: Evidence) -> bool:
    """Whether even the best effect that is still possible does not matter."""
    if evidence.better > 0:
        return evidence.compared.high < evidence.minimum
    return evidence.compared.low > evidence.minimum


def _over(evidence: Evidence) -> bool:
    return evidence.limit is not None and evidence.compared.units >= evidence.limit


def between(low: float, high: float, form: str = "+.3g") -> str:
    """Bounds in words, those that are there.

    >>> between(-0.1, 0.25), between(0.1, math.inf, "+.1%"), between(-math.inf, math.inf)
    ('from -0.1 to +0.25', 'at least +10.0%', 'not bounded yet')
    """
    if math.isfinite(low) and math.isfinite(high):
        return f"from {low:{form}} to {high:{form}}"
    if math.isfinite(low):
        return f"at least {low:{form}}"
    return f"at most {high:{form}}" if math.isfinite(high) else "not bounded yet"


def _form(evidence: Evidence) -> str:
    return "+.2%" if evidence.relative else "+.3g"


def _bounds(evidence: Evidence) -> str:
    compared = evidence.compared
    return f"{between(compared.low, compared.high, _form(evidence))}, with {compared.units:,} units"


def _found(evidence: Evidence) -> str:
    word = "better" if _better(evidence) else "worse"
    return f"{evidence.treatment} is {word} than {evidence.control}: the effect is {_bounds(evidence)}"


STATES: tuple[tuple[str, Decision, Callable[[Evidence], bool], Callable[[Evidence], str]], ...] = (
    (
        "mismatch",
        "broken",
        _mismatched,
        lambda e: (
            f"units do not come to {e.treatment} and {e.control} as their weights say, so what is left cannot be compared; "
            "look for units that one arm loses, then start anew"
        ),
    ),
    (
        "unstable",
        "broken",
        _unstable,
        lambda e: (
            f"no one effect of {e.treatment} explains all that was seen: it changed while the experiment ran; "
            "look for what changed, then start anew"
        ),
    ),
    (
        "guardrail",
        "stop",
        lambda e: bool(e.broken_guardrails()),
        lambda e: f"{e.treatment} breaks a guardrail: {', '.join(e.broken_guardrails())}",
    ),
    ("worse", "stop", _worse, _found),
    ("better", "ship", _better, _found),
    (
        "too small",
        "stop",
        _too_small,
        lambda e: (
            f"no improvement as large as {e.minimum:{_form(e)}}, the smallest that matters, is left: it is {_bounds(e)}"
        ),
    ),
    (
        "over",
        "stop",
        _over,
        lambda e: f"the experiment has had its {e.limit:,} units and nothing is certain: the effect is {_bounds(e)}",
    ),
    ("undecided", "go on", lambda _: True, lambda e: f"nothing is certain yet: the effect is {_bounds(e)}"),
)
"""Each state: its name, what to do, whether it holds, and what it says. Broken first, then what harms, then what helps."""

ALARMS = frozenset({"mismatch", "unstable", "guardrail"})
"""States that hold whatever was decided before: nothing that was found can be believed or had then."""


def lasting(before: Verdict | None, now: Verdict) -> Verdict:
    """The verdict that stands after another look: the first that was reached, unless an alarm that stands above it in the table goes off later.

    Evidence is its own record: to have reached the bar once is what counts, at whatever look. Later looks see more, but they do not take it back.
    """
    if before is None or before.decision == "go on":
        return now
    return now if now.state in ALARMS and _place(now) < _place(before) else before


def _place(one: Verdict) -> int:
    return next(place for place, (state, *_) in enumerate(STATES) if state == one.state)
