"""What is broken, and what the design says clients see then: a table.

Whatever is done to the models, a client sees nothing of it: the rule is alive. Models fall one after the other, so that each
protocol fails, in each place of a chain, until only the rule is left.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from bench.chaos.judgement import Promise
from bench.chaos.load import CUT_OFF, UNREACHABLE, Seen, between
from bench.chaos.site import CLOSED, EXTRA, MODELS, OPEN, ROUTING, RULE, Marks, ModelProcess, Site

SIDECAR, ENVOY = "sidecar", "envoy"
"""What may be away: the keys of `Marks`."""
NOTICED = 0.25
"""Seconds that Envoy may take to notice that something is back."""


class Fault(NamedTuple):
    """Something that breaks. `does` breaks it, for about so many seconds, and puts it right again; `promise` is what clients see.

    `connections` are those of the load, which is steady, or else `saturating`. `sampling` is the share of requests that is sampled, and
    `time_limit` the endpoint's, in seconds: what a model that hangs costs is a quarter of it.
    """

    says: str
    does: Callable[[Site, float], Awaitable[None]]
    promise: Promise
    connections: int = 16
    saturating: bool = False
    sampling: float = 1.0
    time_limit: float = 4.0


# What the design excuses.


def inside_adapt(one: Seen, marks: Marks) -> str | None:
    """The sidecar was translating for this very request when it went."""
    hit = one.failure == "503" and any(one.sent <= begin + 0.05 and one.over >= begin for begin, _ in marks[SIDECAR])
    return "503: inside the sidecar when it went" if hit else None


def closed(one: Seen, marks: Marks) -> str | None:
    """The endpoint said that nobody is to answer without a sidecar."""
    away = any(one.during(begin, end + NOTICED) for begin, end in marks[SIDECAR])
    return "503: closed while the sidecar is away" if one.endpoint == CLOSED and one.failure == "503" and away else None


def no_envoy(one: Seen, marks: Marks) -> str | None:
    """There was nobody to connect to."""
    away = any(one.during(begin, end) for begin, end in marks[ENVOY])
    return f"{one.failure}: Envoy is away" if one.failure in (UNREACHABLE, CUT_OFF) and away else None


# What the design demands besides.


def as_on_failure_says(seen: Sequence[Seen], marks: Marks) -> Iterator[str]:
    """While the sidecar is away the default model answers, or nobody does."""
    for begin, end in marks[SIDECAR]:
        whole = [one for one in between(seen, begin, end) if one.sent > begin + NOTICED and one.over < end]
        if not whole:
            yield "no request fell into the time without a sidecar"
        for one in whole:
            if one.endpoint == CLOSED and one.failure is None:
                yield f"{one.prediction_id} was answered, though its endpoint is closed without a sidecar"
            if one.endpoint == OPEN and one.failure is None and one.model != ROUTING["default"]:
                yield f"{one.prediction_id} was answered by {one.model}, which is not the default"


# What is done.


def _to_models(strike: Callable[[ModelProcess], Awaitable[None]]) -> Callable[[Site, float], Awaitable[None]]:
    """Strike one model after the other, and put all right again."""

    async def does(site: Site, seconds: float) -> None:
        for model in site.models.values():
            await strike(model)
            await asyncio.sleep(seconds / len(site.models))
        for model in site.models.values():
            await model.restore()

    return does


def _mood(mood: str) -> Callable[[Site, float], Awaitable[None]]:
    return _to_models(lambda model: model.be(mood))


async def _stop(model: ModelProcess) -> None:
    model.process.send(signal.SIGSTOP)


async def _taken(model: ModelProcess) -> None:
    await model.hand_over({"tfserving": "website", "mlflow": "banner", "oip": "silence"}[model.protocol])


async def _edits(site: Site, seconds: float) -> None:
    for _ in range(100):
        split = {model: random.choice((0.5, 1.0, 2.0)) for model in MODELS}
        fallback = [*random.sample(list(MODELS), len(MODELS)), RULE]
        for endpoint in (OPEN, CLOSED):
            await site.route(endpoint, {**ROUTING, "split": split, "fallback": fallback})
        await asyncio.sleep(seconds / 100)
    await _usual(site)


async def _come_and_go(site: Site, _seconds: float) -> None:
    document = site.models["second@1"].document()
    for name in EXTRA:
        for endpoint in (OPEN, CLOSED):
            await site.put_model(endpoint, name, document)
            await site.route(endpoint, {**ROUTING, "split": {**ROUTING["split"], name: 4}})
        await site.in_force()
        await asyncio.sleep(0.1)
        for endpoint in (OPEN, CLOSED):
            await site.route(endpoint, ROUTING)
            await site.delete_model(endpoint, name)
    await _usual(site)


async def _usual(site: Site) -> None:
    for endpoint in (OPEN, CLOSED):
        await site.route(endpoint, ROUTING)
    await site.in_force()


async def _sidecar_killed(site: Site, seconds: float) -> None:
    for _ in range(3):
        with site.away(SIDECAR):
            await site.stack.kill(site.stack.sidecar)
            await asyncio.sleep(seconds / 6)
            await site.stack.start_sidecar()
        await asyncio.sleep(seconds / 6)


async def _sidecar_stopped(site: Site, seconds: float) -> None:
    await asyncio.sleep(seconds / 4)  # all connections are open
    with site.away(SIDECAR):
        site.stack.sidecar.send(signal.SIGSTOP)
        await asyncio.sleep(seconds / 2)
        site.stack.sidecar.send(signal.SIGCONT)
    await asyncio.sleep(seconds / 4)


async def _large(site: Site, seconds: float) -> None:
    for model in site.models.values():
        await model.be("large")
    await asyncio.sleep(seconds)


async def _without_control(site: Site, seconds: float) -> None:
    await site.stack.kill(site.stack.control)
    await asyncio.sleep(seconds)
    await site.stack.start_control()


async def _envoy_replaced(site: Site, seconds: float) -> None:
    await asyncio.sleep(seconds / 4)
    new = await site.new_envoy()
    site.look_at_envoy()
    await site.drain_envoy()
    site.stack.envoy = new
    await asyncio.sleep(seconds / 4)


async def _envoy_killed(site: Site, seconds: float) -> None:
    await asyncio.sleep(seconds / 4)
    site.look_at_envoy()
    with site.away(ENVOY):
        await site.stack.kill(site.stack.envoy)
        await asyncio.sleep(seconds / 4)
        await site.stack.start_envoy()
    await asyncio.sleep(seconds / 4)


_NOTHING = Promise(answering=frozenset(MODELS))
"""Every model answers, and no client notices anything."""
_NEXT_ANSWERS = Promise(answering=frozenset({*MODELS, RULE}), failovers=True)
"""Whoever is alive answers, in the end the rule, and no client notices anything."""
_ON_FAILURE = Promise((inside_adapt, closed), (as_on_failure_says,), frozenset(MODELS))
_UNREACHABLE = Promise((no_envoy,), answering=frozenset(MODELS))

FAULTS: dict[str, Fault] = {
    "model-killed": Fault("kill -9 of one model after the other", _to_models(ModelProcess.kill), _NEXT_ANSWERS),
    "model-stopped": Fault("SIGSTOP of one model after the other", _to_models(_stop), _NEXT_ANSWERS),
    "model-503": Fault("models answer 503", _mood("unavailable"), _NEXT_ANSWERS),
    "model-garbage": Fault("models answer 200 with half a JSON document", _mood("garbage"), _NEXT_ANSWERS),
    "model-trickle": Fault("models answer a byte every quarter of a second", _mood("trickle"), _NEXT_ANSWERS),
    "model-reset": Fault("models reset the connection in mid-body", _mood("reset"), _NEXT_ANSWERS),
    "port-taken": Fault(
        "ports of models go to a website, to something that is no HTTP, and to something silent",
        _to_models(_taken),
        _NEXT_ANSWERS,
    ),
    "routing-edits": Fault("100 edits of split and fallback", _edits, _NOTHING),
    "models-come-and-go": Fault("a model is added, routed to, and removed, 50 times", _come_and_go, _NOTHING),
    "sidecar-killed": Fault("the sidecar is killed and started again, three times", _sidecar_killed, _ON_FAILURE),
    "sidecar-stopped": Fault(
        "SIGSTOP of the sidecar under 400 connections", _sidecar_stopped, _ON_FAILURE, connections=400
    ),
    "large-answers": Fault(
        "answers of 900 KB on 32 connections, without a pause",
        _large,
        _NOTHING,
        connections=32,
        saturating=True,
        sampling=0.05,
        time_limit=15.0,
    ),
    "control-killed": Fault("control is away for the whole run", _without_control, _NOTHING),
    "envoy-replaced": Fault("another Envoy takes the port over, and the first one drains", _envoy_replaced, _NOTHING),
    "envoy-killed": Fault("Envoy is killed and started again", _envoy_killed, _UNREACHABLE),
}
"""Every fault, by its name."""
