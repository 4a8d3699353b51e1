"""How an endpoint chooses among its arms.

Sticky choices use weighted rendezvous hashing (Thaler and Ravishankar 1998; the weights as in Schindelhauer and
Schomaker, "Weighted distributed hash tables", 2005): each arm draws a score from the hash of the key and its own name,
and the highest score wins. No table is kept, every sidecar chooses alike, and when an arm's weight grows or falls
relative to the others, keys move to it or from it and between no two others.

Every choice comes with its propensity, the probability with which it was made: without it nothing that is learnt from
the samples could be corrected for how they were chosen.
"""

import hashlib
import math
import random
from collections.abc import Mapping
from typing import NamedTuple

_SPAN = 1.0 / (1 << 64)


class Choice(NamedTuple):
    """The chosen arm and the probability (0 to 1] with which it was chosen; 1 for one that the request itself named."""

    arm: str
    propensity: float
    forced: bool = False


class Split:
    """Weights over arms, ready to choose.

    `salt` keeps the choices of two endpoints independent of one another. Weights are relative; an arm of weight 0 takes
    no traffic. At least one weight must be positive.
    """

    def __init__(self, weights: Mapping[str, float], salt: str) -> None:
        total = math.fsum(weights.values())
        self._arms = [
            (Choice(arm, weight / total), weight, hashlib.blake2b(_framed(salt, arm), digest_size=8))
            for arm, weight in weights.items()
            if weight > 0
        ]
        self.propensities = {choice.arm: choice.propensity for choice, _, _ in self._arms}

    def stick(self, key: bytes) -> Choice:
        """The arm of a key: always the same while the weights stand."""
        if len(self._arms) == 1:
            return self._arms[0][0]
        best, best_score = self._arms[0][0], -1.0
        for choice, weight, seeded in self._arms:
            hashing = seeded.copy()
            hashing.update(key)
            # Uniform on (0, 1): the half keeps the logarithm finite.
            uniform = (int.from_bytes(hashing.digest(), "big") + 0.5) * _SPAN
            score = weight / -math.log(uniform) if uniform < 1.0 else math.inf
            if score > best_score:
                best, best_score = choice, score
        return best

    def draw(self, source: random.Random) -> Choice:
        """An arm at random, for a request without a key."""
        point = source.random()
        for choice, _, _ in self._arms:
            point -= choice.propensity
            if point < 0:
                return choice
        return self._arms[-1][0]


def _framed(salt: str, arm: str) -> bytes:
    """Salt and arm as one string of bytes that no other pair gives."""
    first, second = salt.encode(), arm.encode()
    return len(first).to_bytes(4, "big") + first + len(second).to_bytes(4, "big") + second
