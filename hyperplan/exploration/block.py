"""The `exploration` block of an endpoint document: by what arms are judged, and how their weights follow.

numpy is not needed to read it, so the endpoint document can hold it.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from hyperplan.problems import Problem

LONGEST = 366 * 86_400
"""Seconds that anything here may take."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of the document."""


class Reward(_Part, frozen=True, kw_only=True):
    """What a prediction earned: the reward or the label that feedback gave, or whether the prediction was correct; and which way is better.

    A binary prediction is correct when it is on the label's side of 0.5, a multiclass one when it is the label.
    """

    of: Literal["reward", "label", "correct"] = "reward"
    better: Literal["higher", "lower"] = "higher"


class Exploration(_Part, frozen=True, kw_only=True):
    """How the weights of the split follow what its arms earn: those that have a weight above 0.

    `policy`: `epsilon` gives the arm that earned most all but a share `epsilon`, which all arms share evenly; `thompson` gives each arm the
    probability that it is the best one. `floor` is the share of the traffic that each arm keeps. Weights are published at most every `every` seconds.
    Of what was predicted in the last `window` seconds those count that are at least `wait` seconds old, so that slow labels are there as well as quick ones.
    """

    policy: Literal["epsilon", "thompson"]
    epsilon: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    floor: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.02
    every: Annotated[float, msgspec.Meta(ge=1, le=LONGEST)] = 300.0
    wait: Annotated[float, msgspec.Meta(ge=0, le=LONGEST)] = 0.0
    window: Annotated[float, msgspec.Meta(gt=0, le=LONGEST)] = 30 * 86_400.0
    reward: Reward = Reward()

    def problems(self, split: Mapping[str, float], task: str) -> Iterator[Problem]:
        """What is wrong with it, given the split and the task of its endpoint. Pointers start at the block."""
        arms = [arm for arm, weight in split.items() if weight > 0]
        if self.floor * len(arms) >= 1:
            detail = f"leaves nothing to give: {len(arms)} arms with {self.floor:g} each; make it smaller"
            yield Problem("/floor", detail)
        if self.reward.of == "correct" and task == "regression":
            detail = "a regression is never just correct; send a reward with the feedback, and say of: reward"
            yield Problem("/reward/of", detail)
        if self.reward.of == "label" and task == "multiclass":
            yield Problem("/reward/of", "classes are worth nothing by themselves; say of: correct, or of: reward")
        if self.wait >= self.window:
            yield Problem("/wait", f"leaves nothing of the window of {self.window:g} seconds; make it shorter")
