"""The `experiment` block of an endpoint document: what is compared, by what, and what it must not cost.

Everything that could be chosen after seeing the data is chosen here, before: the one metric that decides, which way is better, the smallest effect
that matters, the error that is allowed, the window of each unit. numpy is not needed to read it, so the endpoint document can hold it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from hyperplan.problems import Problem, pointer

Above = msgspec.Meta(gt=0)
Guarded = Literal["errors", "latency", "violations", "predictions"]
"""What counters of all traffic can be held to: failed attempts, slow requests, violations, and the shares of ranges of predictions."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of the document."""


class Metric(_Part, frozen=True, kw_only=True):
    """The outcome of a unit: what of feedback it is, how the rows of a unit are folded into it, and which way is better.

    `of` is the reward or the label that feedback gave. `fold`: the mean of a unit's rows, their sum, whether any is not 0, or the first.
    """

    of: Literal["reward", "label"] = "reward"
    fold: Literal["mean", "sum", "any", "first"] = "mean"
    better: Literal["higher", "lower"] = "higher"


class Minimum(_Part, frozen=True, kw_only=True):
    """The smallest effect that matters: relative to the control arm's mean (0.05: 5 % of it), or absolute. One of the two."""

    relative: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    absolute: Annotated[float, Above] | None = None


class Guardrail(_Part, frozen=True, kw_only=True):
    """A rate that must not be more than `margin` times that of the control arm. `alpha`: how often a sound arm may be stopped by it.

    Of latency, `slower` is the time in seconds beyond which a request counts.
    """

    margin: Annotated[float, msgspec.Meta(ge=1, le=100)] = 1.0
    alpha: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.01
    slower: Annotated[float, Above] | None = None


class Experiment(_Part, frozen=True, kw_only=True):
    """An experiment on the arms of an endpoint.

    `arms` are some of those of the split; `control` is the one that the others are compared with, left out the first. `unit` is what is
    randomised: the entity, or each request. `window` is for how many seconds after its first request a unit is watched, `wait`
    how many more are waited for feedback. `before` is the length in seconds of the stretch before the start in which the same
    metric of the same unit is looked up, to reduce variance; 0 for none. `limit` is how many units it may take.
    """

    arms: tuple[str, ...]
    control: str | None = None
    metric: Metric = Metric()
    minimum_effect: Minimum
    unit: Literal["entity", "request"] = "entity"
    window: Annotated[float, msgspec.Meta(gt=0, le=366 * 86_400)] = 86_400.0
    wait: Annotated[float, msgspec.Meta(ge=0, le=366 * 86_400)] = 0.0
    before: Annotated[float, msgspec.Meta(ge=0, le=366 * 86_400)] = 0.0
    alpha: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.05
    power: Annotated[float, msgspec.Meta(ge=0.5, lt=1)] = 0.8
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    guardrails: dict[Guarded, Guardrail] = {}

    def control_arm(self) -> str:
        """The arm that the others are compared with."""
        return self.control or self.arms[0]

    def treatments(self) -> tuple[str, ...]:
        """The arms that are compared with the control arm."""
        return tuple(arm for arm in self.arms if arm != self.control_arm())

    def problems(
        self, split: Mapping[str, float], models: Collection[str], *, sticky: bool, multiclass: bool
    ) -> Iterator[Problem]:
        """What is wrong with it, given the split of its endpoint, the models, whether the split is sticky, and whether labels are classes. Pointers
        start at the block.

        An arm of weight 0 may be named: a rollout gives it one later.
        """
        if len(self.arms) < 2:
            yield Problem("/arms", "must name at least two arms, the control arm first")
        for index, arm in enumerate(self.arms):
            if arm not in models:
                yield Problem(pointer("arms", index), f"{arm!r} is no model of this endpoint")
            elif arm not in split:
                detail = f"{arm!r} has no weight in the split; give it one, 0 until it starts, or end the experiment"
                yield Problem(pointer("arms", index), detail)
        for arm in sorted(arm for arm, count in Counter(self.arms).items() if count > 1):
            yield Problem("/arms", f"{arm!r} is listed twice")
        if self.control is not None and self.control not in self.arms:
            yield Problem("/control", f"{self.control!r} is none of the arms")
        if (self.minimum_effect.relative is None) == (self.minimum_effect.absolute is None):
            yield Problem("/minimum_effect", "must be relative or absolute, one of the two")
        if self.metric.of == "label" and multiclass:
            yield Problem(
                "/metric/of", "labels are classes here, which have no mean; say reward, and send one with feedback"
            )
        if self.unit == "entity" and not sticky:
            detail = "an entity must meet one arm only: make the routing sticky, or say unit: request"
            yield Problem("/unit", detail)
        elif self.unit == "request" and sticky:
            detail = "requests of one entity all go to one arm, so they are no units of their own; say unit: entity, or take sticky off the routing"
            yield Problem("/unit", detail)
        if self.unit == "request" and self.before:
            yield Problem("/before", "a request has no past; say unit: entity, or leave it out")
        for name, guardrail in self.guardrails.items():
            if (name == "latency") != (guardrail.slower is not None):
                detail = (
                    "is missing; say from how many seconds on a request is slow"
                    if name == "latency"
                    else "is for latency only"
                )
                yield Problem(pointer("guardrails", name, "slower"), detail)
