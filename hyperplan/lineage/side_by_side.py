"""Model versions side by side: a line for each thing that is said of any of them, with what each says of it."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hyperplan.problems import pointer


class Line(msgspec.Struct, frozen=True):
    """What each of some documents says at a place, in their order; null where it says nothing. `same` where all say the same."""

    pointer: str
    values: list[Any]
    same: bool


def side_by_side(documents: Sequence[Any]) -> list[Line]:
    """A line for each value that any of some JSON documents holds, in the order in which they are met. A list is one value.

    >>> for line in side_by_side([{"rate": 0.1, "deep": {"er": 1}}, {"rate": 0.2, "deep": {"er": 1}}]):
    ...     print(line.pointer, line.values, line.same)
    /rate [0.1, 0.2] False
    /deep/er [1, 1] True
    """
    flat = [dict(_leaves((), document)) for document in documents]
    places = dict.fromkeys(place for leaves in flat for place in leaves)
    return [_line(place, [leaves.get(place) for leaves in flat]) for place in places]


def _line(place: tuple[str, ...], values: list[Any]) -> Line:
    return Line(
        pointer(*place), values, len({msgspec.json.encode(value, order="deterministic") for value in values}) == 1
    )


def _leaves(place: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves((*place, key), item)
    else:
        yield place, value
