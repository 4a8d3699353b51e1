"""What the split is when a canary has a share of it: the others keep their proportions in the rest."""

import math
from collections.abc import Mapping

import msgspec

from hyperplan.endpoint import Routing


def at(routing: Routing, canary: str, share: float, before: Routing) -> Routing:
    """The routing with a share, in percent, for the canary. If the others have no weight now, they get the proportions that they had before.

    >>> at(Routing(split={"a": 3, "b": 1}), "c", 20.0, Routing(split={})).split
    {'a': 60.0, 'b': 20.0, 'c': 20.0}
    """
    others = _without(routing.split, canary)
    if not any(others.values()):
        others = {arm: before.split.get(arm, 0.0) for arm in others}
    total = math.fsum(others.values()) or 1.0
    rest = {arm: round(weight / total * (100.0 - share), 6) for arm, weight in others.items()}
    return msgspec.structs.replace(routing, split={**rest, canary: share})


def restored(routing: Routing, before: Routing) -> Routing:
    """The routing with the split that it had before; arms that came since have no weight."""
    return msgspec.structs.replace(routing, split={**dict.fromkeys(routing.split, 0.0), **before.split})


def _without(split: Mapping[str, float], canary: str) -> dict[str, float]:
    return {arm: weight for arm, weight in split.items() if arm != canary}
