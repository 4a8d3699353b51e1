"""Forgetting: what is kept of an entity is erased from the store, and does not come back with what is still on its way."""

import time
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
from litestar import delete
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from control.api.bodies import AnyRequest
from control.problems import HttpProblem, bad_parameter
from control.registry import Registry
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.secret import is_hashed_entity

PATH = "/v1/entities/"
WINDOWS_STAY = (
    "Profiles of windows and references are counts of many rows, out of which none can be taken. They hold no entity; values that came often "
    "may be among them, of personal features (pii) as hashes. They go as they get old (--keep-windows). Backups and exported files are yours to see to."
)


class ErasedAtEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How much was erased at one endpoint."""

    endpoint: str
    samples: int
    shadows: int
    feedback: int


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased of an entity, in all and by endpoint, and what stays."""

    samples: int
    shadows: int
    feedback: int
    endpoints: list[ErasedAtEndpoint]
    stays: str


@delete(PATH + "{key:path}", status_code=HTTPStatus.OK, sync_to_thread=True)
def forget_entity(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    request: AnyRequest,
    key: FromPath[Path],  # noqa: ARG001 - read as it was sent: a path has no double slashes
    endpoint: FromQuery[str | None] = None,
    hashed: FromQuery[str | None] = None,
) -> Forgotten:
    """Forget an entity: erase its samples, what shadows answered to its requests, and the truth about its predictions, at one endpoint or at all.

    It is named as clients name it, or by its hash where endpoints keep it hashed; if control does not know the key, `hashed` says the hash beside the name. What
    comes later about predictions made before this is not kept. Asked again it finds nothing left, and says 0.
    """
    named = unquote(request.scope["raw_path"].decode("ascii")[len(PATH) :])
    if hashed is not None and not is_hashed_entity(hashed):
        raise bad_parameter("hashed", "must be the hash of an entity, like pii-0123456789abcdef0123456789abcdef")
    endpoints = [entry.endpoint for entry in registry.plan().endpoints]
    if endpoint is not None:
        endpoints = [registry.get(endpoint)[1]]
    erased = store.forget_entity(_names(store, endpoints, named, hashed), endpoint, time.time_ns())
    return Forgotten(
        samples=sum(one.samples for one in erased),
        shadows=sum(one.shadows for one in erased),
        feedback=sum(one.feedback for one in erased),
        endpoints=[ErasedAtEndpoint(**one._asdict()) for one in erased],
        stays=WINDOWS_STAY,
    )


def _names(store: Store, endpoints: list[Endpoint], named: str, hashed: str | None) -> list[str]:
    """All names under which the store may have it."""
    if is_hashed_entity(named):
        return [named]
    known = store.secret.entity(named) if store.secret is not None else hashed
    hashing = [endpoint.name for endpoint in endpoints if endpoint.entity_masking() == "hash"]
    if known is None and hashing:
        raise HttpProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"nothing was erased: {', '.join(hashing)} keeps entities as hashes, and control does not know the key; "
            "give `hashed` as well (hyperplan forget --key-file), or start control with --key-file",
        )
    return [named] if known is None else [named, known]


handlers: list[Any] = [forget_entity]
