"""What differs between two documents: a list of changes, each a place with what stood there before and what stands there after.

Made for people who ask what an edit did, so each change shows both sides; a JSON Patch (RFC 6902) would show one, and move things
about to be short. Objects are compared member by member, whatever their order; a list is one value, since the order of a chain of
fallbacks is what it says.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from hyperplan.problems import pointer


class Difference(msgspec.Struct, frozen=True):
    """One change, at a JSON pointer. Without `before` something was added there, without `after` it was taken away."""

    pointer: str
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET

    def __str__(self) -> str:
        if self.before is UNSET:
            return f"+ {self.pointer}: {_shown(self.after)}"
        if self.after is UNSET:
            return f"- {self.pointer}: {_shown(self.before)}"
        return f"~ {self.pointer}: {_shown(self.before)} -> {_shown(self.after)}"


def differences(before: Any, after: Any) -> list[Difference]:
    """What makes one JSON value of another, in the order of their pointers' names; nothing if they are the same.

    >>> for difference in differences({"a": 90, "b": 10}, {"a": 50, "c": [1]}):
    ...     print(difference)
    ~ /a: 90 -> 50
    - /b: 10
    + /c: [1]
    """
    return list(_differences((), before, after))


def _differences(place: Sequence[str], before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences((*place, key), before.get(key, UNSET), after.get(key, UNSET))
    elif not _same(before, after):
        yield Difference(pointer(*place), before, after)


def _same(before: Any, after: Any) -> bool:
    """Whether two JSON values are the same. To Python, true is 1."""
    match before, after:
        case dict(), dict():
            return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
        case list(), list():
            return len(before) == len(after) and all(map(_same, before, after))
        case _:
            return isinstance(before, bool) == isinstance(after, bool) and bool(before == after)


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()
