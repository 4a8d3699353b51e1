"""The lineage of a model version: what it was made of, by whom and when, and the run that made it.

All of it is optional, since every team knows another part of it. What has a name here can be compared between versions; what has none goes
under `extra`, so that a slip of the pen in a name is told and not kept as something that nobody reads.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from hyperplan.problems import Problem, pointer


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a lineage. Documents that people write are held to these fields by `hyperplan.documents`."""


class Data(_Part, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """The training data: where it is, what it is by a hash of its content, its rows, and the time that it is of (`from` and `to`)."""

    uri: str | None = None
    hash: str | None = None
    rows: Annotated[int, msgspec.Meta(ge=0)] | None = None
    since: str | None = None
    until: str | None = None


class Run(_Part, frozen=True, kw_only=True):
    """The run that made it, where it was tracked. `server` is the tracking server, `url` is where people read about the run."""

    server: str | None = None
    experiment: str | None = None
    id: str | None = None
    url: str | None = None


class Lineage(_Part, frozen=True, kw_only=True):
    """What a model version was made of. `code_revision` is a commit, `trained_at` a date or a time (ISO 8601)."""

    algorithm: str | None = None
    parameters: dict[str, Any] = {}
    data: Data | None = None
    code_revision: str | None = None
    metrics: dict[str, float] = {}
    author: str | None = None
    trained_at: str | None = None
    run: Run | None = None
    extra: dict[str, Any] = {}


def problems_of_lineage(lineage: Lineage) -> Iterator[Problem]:
    """What is wrong with a lineage whose fields have the right types; pointers start at it."""
    for name in ("parameters", "metrics", "extra"):
        if not _is_finite(getattr(lineage, name)):
            yield Problem(pointer(name), "holds NaN or an infinity, which JSON cannot keep")
    data = lineage.data or Data()
    times = {"/trained_at": lineage.trained_at, "/data/from": data.since, "/data/to": data.until}
    for place, said in times.items():
        if said is not None and read_time(said) is None:
            yield Problem(
                place, f"must be a date or a time, like 2026-01-31 or 2026-01-31T12:00:00Z; not {said[:40]!r}"
            )
    since, until = read_time(data.since), read_time(data.until)
    if since and until and since > until:
        yield Problem("/data/from", f"is later than to, {data.until}")


def read_time(said: str | None) -> datetime | None:
    """A date or a time (of UTC, unless it says); None for what is neither."""
    if said is None:
        return None
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_finite(data: Any) -> bool:
    match data:
        case float():
            return math.isfinite(data)
        case dict():
            return all(map(_is_finite, data.values()))
        case list():
            return all(map(_is_finite, data))
        case _:
            return True
