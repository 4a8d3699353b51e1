"""The second half of the demo: the truth comes back, and two questions are decided by it.

Does gradient boosting beat a rule that everybody knows? Planes are drawn to one or the other, and what their answers were worth is compared (an experiment, by tail number). And
which of the two models is better? One answers, the other is shown the same flights as a shadow, and their errors are compared flight by flight, which takes fewer of them.
Meanwhile the thresholds from which on a flight is called late are learnt, for each model its own.
"""

import asyncio
import time
from typing import Any, NamedTuple

import httpx

from cli.failure import Failure

PATIENCE = 45.0
"""Seconds that a verdict is waited for after the last flight is down."""
ARMS = ("prior@1", "gbm@1")
"""Who answers in the second half."""
LOOKS = 0.5
"""Seconds between two looks."""
SINCE = "-10m"
"""Back to before the second half began; the flights of the first have no labels."""


class Conclusions(NamedTuple):
    """What came of it, in control's words and numbers, as its API gives them.

    Of so many `flights` the truth of `labels` was sent. `experiment` is the report of the experiment, `paired` that of the shadow beside the models that answered, `thresholds` what was
    learnt for each model, `performance` how good each was.
    """

    flights: int
    client_errors: int
    labels: int
    experiment: Any
    paired: Any
    thresholds: Any
    performance: Any


async def conclude(http: httpx.AsyncClient, name: str, flights: int, client_errors: int, labels: int) -> Conclusions:
    """Ask control what came of the experiment, once it has come to a verdict and has learnt thresholds, or enough time has gone by.

    Raises:
        Failure: control cannot say.
    """
    path = f"/v1/endpoints/{name}"
    until = time.monotonic() + PATIENCE
    while True:
        experiment, thresholds = await _get(http, f"{path}/experiment"), await _get(http, f"{path}/thresholds")
        if (_is_decided(experiment) and _is_learnt(thresholds)) or time.monotonic() > until:
            break
        await asyncio.sleep(LOOKS)
    return Conclusions(
        flights=flights,
        client_errors=client_errors,
        labels=labels,
        experiment=experiment,
        paired=await _get(http, f"{path}/shadow/paired", since=SINCE),
        thresholds=thresholds,
        performance=await _get(http, f"{path}/performance", since=SINCE, labels="all"),
    )


def _is_decided(experiment: Any) -> bool:
    return bool(experiment["treatments"]) and all(one["decided_at"] for one in experiment["treatments"])


def _is_learnt(thresholds: Any) -> bool:
    return all(thresholds["models"][arm]["origin"] == "labels" for arm in ARMS)


async def _get(http: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    response = await http.get(path, params=parameters)
    if response.is_error:
        raise Failure(f"control cannot say: {path}: {response.status_code} {response.text}")
    return response.json()
