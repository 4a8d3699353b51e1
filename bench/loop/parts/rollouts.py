"""Whether a canary whose attempts fail more often than others' is rolled back, and a sound one is not: the whole code of rollouts, through its steps.

Attempts fail at random. Control looks after every fifty of the canary's requests, as its share of the traffic brings them and the others', and each look is a call of
`hyperplan.rollouts.step`, whose routing is followed. The terms are those that are there when nothing is said, but for the time, of which there is enough.
"""

import math
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bench.judgement import Bar, Line, Measured, Options, Part
from bench.parallel import over
from hyperplan.endpoint import parse_endpoint
from hyperplan.rollouts import Counts, Rollout, Seen, State, Terms, start, step
from hyperplan.rollouts.rollout import LIVE

RUNS, PIECES = 2000, 20
REQUESTS, LOOK = 1500, 50
"""Requests of a canary within which it must be gone, and those between looks."""
LONG = 4000
"""Requests of a sound canary in each step, in place of those that a step needs: what is seldom wrong is to be so for long."""
SOUND, FAILING = 0.01, 0.03
"""Of the attempts of others, and of a sound canary, this share fails; and of one that must go."""

ENDPOINT = parse_endpoint("""
name: flight-delay
match: { path: /predict }
protocol: json
task: binary
schema: { features: { distance: { type: float } } }
models:
  gbm@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
  gbm@2: { url: "http://127.0.0.1:9002/predict", protocol: json }
routing: { split: { gbm@1: 1 }, fallback: [gbm@1] }
""")

ROLLED_BACK = Line(
    "canary, failed attempts from 1 % to 3 %: rolled back within 1,500 requests", (Bar("share", 0.95, at_least=True),)
)
KEPT = Line("canary, sound: rolled back in a whole rollout", (Bar("share", 0.01),))


class Canary(NamedTuple):
    """A canary that fails at a rate from a step on, in rollouts whose steps last so many of its requests; so many runs."""

    rate: float
    bad_from: int
    requests: int
    runs: int
    seed: int


class Ended(NamedTuple):
    """How many runs were rolled back, how many of those soon enough, and after how many of their requests, in the median, from when they were bad."""

    runs: int
    rolled_back: int
    soon: int
    requests: list[int]


def run(rollout: Rollout, canary: Canary, rng: np.random.Generator) -> int | None:
    """One rollout; after how many requests since it was bad the canary was rolled back, None if it was not."""
    routing, now, bad = rollout.routing, 0, 0
    totals: dict[int, Counts] = {}
    while rollout.state in LIVE and rollout.share < 100:
        is_bad = rollout.step >= canary.bad_from
        others = round(LOOK * (100 - rollout.share) / rollout.share)
        ours = int(rng.binomial(LOOK, canary.rate if is_bad else SOUND))
        theirs = int(rng.binomial(others, SOUND))
        before = totals.get(rollout.revision, Counts(0, 0, 0, 0))
        totals[rollout.revision] = Counts(
            before.hits + ours,
            before.requests + LOOK,
            before.control_hits + theirs,
            before.control_requests + others,
        )
        bad += LOOK * is_bad
        now += 1
        taken = step(rollout, Seen(routing, totals={("errors", each): total for each, total in totals.items()}), now)
        rollout = taken.rollout
        if taken.routing is not None:
            routing, rollout = taken.routing, msgspec.structs.replace(rollout, revision=rollout.revision + 1)
    return bad if rollout.state is State.ROLLED_BACK else None


def runs(canary: Canary) -> Ended:
    """All runs of a canary, or a piece of them."""
    rng = np.random.default_rng([canary.seed, canary.bad_from, round(canary.rate * 1000)])
    begun = start(ENDPOINT, Terms(canary="gbm@2", hold=0.0, requests=canary.requests), "run", 0, "bench")
    ended = [run(begun, canary, rng) for _ in range(canary.runs)]
    found = [requests for requests in ended if requests is not None]
    return Ended(canary.runs, len(found), sum(requests <= REQUESTS for requests in found), found)


def row(what: str, pieces: list[Ended]) -> dict[str, Any]:
    """A line of the table."""
    total, found = sum(piece.runs for piece in pieces), [each for piece in pieces for each in piece.requests]
    return {
        "canary": what,
        "runs": total,
        "within 1,500": sum(piece.soon for piece in pieces) / total,
        "ever": sum(piece.rolled_back for piece in pieces) / total,
        "median requests": float(np.median(found)) if found else math.nan,
    }


def measure(options: Options) -> Measured:
    """Both figures, and how soon a canary is found that turns bad only when it has more of the traffic."""
    steps = Terms(canary="gbm@2")
    kinds = {
        "3 % from the start": Canary(FAILING, 0, steps.requests, 0, 0),
        "sound": Canary(SOUND, 0, LONG, 0, 0),
        "3 % from 25 % of the traffic on": Canary(FAILING, 2, steps.requests, 0, 0),
        "3 % from 50 % of the traffic on": Canary(FAILING, 3, steps.requests, 0, 0),
    }
    each = max(1, options.sized(RUNS, 20) // PIECES)
    rows = {}
    for number, (what, canary) in enumerate(kinds.items()):
        some = [
            canary._replace(runs=each, seed=options.seed + 1000 * number + piece, requests=_lasting(canary))
            for piece in range(PIECES)
        ]
        rows[what] = row(what, list(over(runs, some, options.workers)))
    bad, sound = rows["3 % from the start"], rows["sound"]
    return Measured(
        [
            ROLLED_BACK.judged({"share": bad["within 1,500"]}, {"median requests": bad["median requests"]}),
            KEPT.judged({"share": sound["ever"]}, {"requests": LONG * 4}),
        ],
        {"canaries": list(rows.values())},
    )


def _lasting(canary: Canary) -> int:
    """The requests of its steps: of one that turns bad late, the steps last until it would have been found."""
    return canary.requests if not canary.bad_from else max(canary.requests, REQUESTS)


PART = Part("canaries that fail, and sound ones, through their rollouts", (ROLLED_BACK, KEPT), measure)
