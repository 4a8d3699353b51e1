"""Exploration: what it thinks of the arms of an endpoint, and letting it go on after a person set the weights."""

import asyncio
import time
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from control.exploration import thought_of
from control.exploration.past import resume
from control.problems import not_found
from control.registry import Entry, Registry
from control.stores import Store
from hyperplan.exploration.block import Exploration
from hyperplan.exploration.thought import Thought


class ExplorationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What exploration thinks of an endpoint at its newest revision, and what was declared."""

    endpoint: str
    revision: int
    exploration: Exploration
    thought: Thought


@get("/v1/endpoints/{name:str}/exploration", sync_to_thread=True)
def get_exploration(
    store: NamedDependency[Store], registry: NamedDependency[Registry], name: FromPath[str]
) -> ExplorationReport:
    """What each arm earned, how probable it is that it is the best, the share of the traffic that it has and is to get, and what comes next."""
    entry, exploration = _explored(registry, name)
    return _report(registry, store, entry, exploration)


@post("/v1/endpoints/{name:str}/exploration/resume", status_code=200)
async def resume_exploration(
    store: NamedDependency[Store], registry: NamedDependency[Registry], name: FromPath[str]
) -> ExplorationReport:
    """Let weights follow again after a person set them by hand. Weights that are not held stay as they are."""
    entry, exploration = await asyncio.to_thread(_explored, registry, name)
    await asyncio.to_thread(resume, registry.engine, name, entry.number)
    return await asyncio.to_thread(_report, registry, store, entry, exploration)


handlers: list[Any] = [get_exploration, resume_exploration]


def _explored(registry: Registry, name: str) -> tuple[Entry, Exploration]:
    entry, endpoint = registry.get(name)
    if endpoint.exploration is None:
        raise not_found(f"{name!r} does not explore; declare an exploration in its document")
    return entry, endpoint.exploration


def _report(registry: Registry, store: Store, entry: Entry, exploration: Exploration) -> ExplorationReport:
    thought = thought_of(registry, store, entry, exploration, time.time_ns())
    return ExplorationReport(endpoint=entry.name, revision=entry.number, exploration=exploration, thought=thought)
