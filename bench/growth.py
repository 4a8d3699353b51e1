"""How cost grows: with rows, with translation, with features and their order, with endpoints, with workers; and what a plan costs to apply."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench import flights
from bench.load import write_script
from bench.measure import Row, Show, Target, measure
from bench.stand import Stand, plan_of

ROWS = (1, 10, 100, 1000)
TRANSLATED = (1, 10, 100)
FEATURES = (7, 50, 500)
ENDPOINTS = (1, 100, 10_000)
WORKERS = (1, 2)


_TRANSLATIONS = (
    ("tfserving to tfserving", "same@1", None),
    ("tfserving to mlflow", "mlflow@1", None),
    ("tfserving to tfserving, with a fallback", "same@1", "mlflow@1"),
    ("tfserving to mlflow, with a fallback", "mlflow@1", "same@1"),
)
"""How requests reach models: the name, the model that is chosen, and its fallback."""


class Applied(NamedTuple):
    """Seconds from a plan's being published to the sidecar's word that it is in force.

    `whole` is that of a plan of so many `endpoints` after one of one, `edit` that of a change of one split in it.
    """

    endpoints: int
    whole: float
    edit: float


async def with_rows(rounds: int, seconds: float, show: Show) -> dict[str, Row]:
    """Rows of a request: 1, 10, 100 and 1,000."""
    async with Stand() as stand:
        served = await stand.sidecar("rows", [stand.document()])
        targets = {f"rows: {count:,}": Target(served, _script(stand, flights.bodies(count, 20))) for count in ROWS}
        return await measure(targets, rounds, seconds, show)


async def with_translation(rounds: int, seconds: float, show: Show) -> dict[str, Row]:
    """A request of 1, 10 and 100 rows, as it is and said in another protocol; and both in an arm that has a fallback."""
    async with Stand() as stand:
        targets = {}
        for name, model, other in _TRANSLATIONS:
            # The stand asks the last one whether it is ready, and it asks about one row.
            documents = {rows: _translated(stand, rows, model, other) for rows in sorted(TRANSLATED, reverse=True)}
            served = await stand.sidecar(name, list(documents.values()))
            for rows in TRANSLATED:
                url = served.url.replace(documents[1]["match"]["path"], documents[rows]["match"]["path"])
                target = Target(served._replace(url=url), _script(stand, flights.bodies(rows, 20)))
                targets[f"{name}, rows: {rows}"] = target
        return await measure(targets, rounds, seconds, show)


async def with_features(rounds: int, seconds: float, show: Show) -> dict[str, Row]:
    """Features of a row: 7, 50 and 500, in the schema's order and shuffled."""
    async with Stand() as stand:
        targets = {}
        for count in FEATURES:
            served = await stand.sidecar(f"features {count}", [_wide(stand.document(), count)])
            for order in ("in order", "shuffled"):
                bodies = _wide_bodies(count, shuffled=order == "shuffled")
                targets[f"features: {count}, {order}"] = Target(served, _script(stand, bodies))
        return await measure(targets, rounds, seconds, show)


async def with_workers(rounds: int, seconds: float, show: Show) -> dict[str, Row]:
    """Workers: 1 and 2."""
    async with Stand() as stand:
        script = _script(stand, flights.bodies())
        targets = {
            f"workers: {count}": Target(
                await stand.sidecar(f"workers {count}", [stand.document()], "--workers", str(count)), script
            )
            for count in WORKERS
        }
        return await measure(targets, rounds, seconds, show)


async def with_endpoints(rounds: int, seconds: float, show: Show) -> tuple[dict[str, Row], list[Applied]]:
    """Endpoints of a plan: 1, 100 and 10,000; and how long a plan of so many takes to be in force."""
    async with Stand() as stand:
        script = _script(stand, flights.bodies())
        targets, applied = {}, []
        for count in ENDPOINTS:
            served = await stand.sidecar(f"endpoints {count}", [stand.document()])
            assert served.plans
            if count > 1:
                show(f"applying a plan of {count:,} endpoints")
                documents = [*_others(stand.document(), count - 1), stand.document()]
                await served.plans.publish(plan_of(2, documents))
                whole = await served.plans.in_force(2)
                documents[-1] = {
                    **documents[-1],
                    "routing": {**documents[-1]["routing"], "split": {"gbm@1": 1, "logit@1": 1}},
                }
                await served.plans.publish(plan_of(3, documents))
                applied.append(Applied(count, whole, await served.plans.in_force(3)))
            targets[f"endpoints: {count:,}"] = Target(served, script)
        return await measure(targets, rounds, seconds, show), applied


def _others(document: dict[str, Any], count: int) -> list[dict[str, Any]]:
    return [
        {**document, "name": f"endpoint-{number}", "match": {"path": f"/v1/models/endpoint-{number}:predict"}}
        for number in range(count)
    ]


def _translated(stand: Stand, rows: int, model: str, fallback: str | None) -> dict[str, Any]:
    """An endpoint whose requests, of so many rows, go to one of two models: one speaks what clients do, one speaks MLflow."""
    url = f"{stand.model.url}/rows/{rows}"
    return {
        **stand.document(),
        "name": f"rows-{rows}",
        "match": {"path": f"/v1/models/rows-{rows}:predict"},
        "models": {"same@1": {"url": url, "protocol": "tfserving"}, "mlflow@1": {"url": url, "protocol": "mlflow"}},
        "routing": {"split": {model: 1}, "fallback": [fallback] if fallback else [], "default": "same@1"},
    }


def _wide(document: dict[str, Any], count: int) -> dict[str, Any]:
    features = {name: {"type": "float", "min": -1e6} for name in _names(count)}
    return {**document, "schema": {"features": features}, "entity": {"feature": "feature_0"}}


def _names(count: int) -> list[str]:
    return [f"feature_{number}" for number in range(count)]


def _wide_bodies(count: int, *, shuffled: bool) -> list[bytes]:
    source = random.Random(count)
    bodies = []
    for _ in range(50):
        names = _names(count)
        if shuffled:
            source.shuffle(names)
        row = {name: round(source.uniform(0, 100), 2) for name in names}
        bodies.append(msgspec.json.encode({"instances": [row]}))
    return bodies


def _script(stand: Stand, bodies: Sequence[bytes]) -> Path:
    path = stand.run_folder("script") / "load.lua"
    write_script(path, bodies)
    return path
