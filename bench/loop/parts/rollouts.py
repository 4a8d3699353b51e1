"""Whether a canary whose attempts fail more often than others' is rolled back, and a sound one is not.

Attempts fail at random; guardrails look after every 30 of the canary's requests, as its share of the traffic brings them and the others'.
"""

import math
from typing import Any

import numpy as np

from bench.judgement import Bar, Line, Measured, Options, Part
from hyperplan.experiments.rates import excess

RUNS = 2000
REQUESTS, ALPHA, TICK = 1500, 0.01, 30
"""Requests of a canary, how often a sound one may be rolled back, and its requests between looks."""
SHARES = (0.01, 0.05, 0.25)
SOUND, FAILING = 0.01, 0.03
"""Of the attempts of others, and of a sound canary, this share fails; and of one that must go."""

ROLLED_BACK = Line(
    "canary, failed attempts from 1 % to 3 %: rolled back within 1,500 requests, worst",
    (Bar("share", 0.95, at_least=True),),
)
KEPT = Line("canary, sound: rolled back, worst", (Bar("share", 0.01),))


def rolled_back(rate: float, share: float, runs: int, rng: np.random.Generator) -> float:
    """The share of canaries, of which so many attempts fail, that are rolled back within their requests; of the others 1 % fail."""
    ticks, others = REQUESTS // TICK, round(TICK * (1 - share) / share)
    hits, control = rng.binomial(TICK, rate, (runs, ticks)), rng.binomial(others, SOUND, (runs, ticks))
    won = excess(hits, np.full_like(hits, TICK), control, np.full_like(control, others), 1.0)
    return float((won.max(axis=-1) >= -math.log(ALPHA)).mean())


def measure(options: Options) -> Measured:
    """Both figures: the worst of all shares of the traffic."""
    rng, runs = np.random.default_rng(options.seed), options.sized(RUNS, 20)
    rows: list[dict[str, Any]] = [
        {"share of traffic": share, "fail": rate, "runs": runs, "rolled back": rolled_back(rate, share, runs, rng)}
        for rate in (FAILING, SOUND)
        for share in SHARES
    ]

    def of(rate: float) -> list[float]:
        return [row["rolled back"] for row in rows if row["fail"] == rate]

    return Measured(
        [ROLLED_BACK.judged({"share": min(of(FAILING))}), KEPT.judged({"share": max(of(SOUND))})], {"canaries": rows}
    )


PART = Part("canaries that fail, and sound ones", (ROLLED_BACK, KEPT), measure)
