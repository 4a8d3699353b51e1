"""Which experiment runs, since when, and with which weights: read off the revisions of its endpoint.

Nothing else remembers it. An experiment starts with the revision that declares it, and goes on as long as what it promised holds: its design, whom a prediction is
about, whether they stay on their arm, what the task is, and what its arms predict. A revision that changes nothing of that, as one that only changes weights,
is a step of the same experiment: units are compared within steps (`compare`). Any other begins a new one, and what was counted before is not part of it.

Where a model is served, and how long it may take, may change: a container that moves is no other model.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from hyperplan.endpoint import Endpoint, Model
from hyperplan.experiments.design import Experiment
from hyperplan.experiments.units import Rows


class Revised(NamedTuple):
    """A revision of an endpoint, None if it deleted it, and when it was made, in nanoseconds since 1970."""

    number: int
    at: int
    endpoint: Endpoint | None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A revision within an experiment: its number, when it was made (nanoseconds since 1970), and the weights of the split."""

    revision: int
    at: int
    weights: dict[str, float]


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment that runs: its design, and the revisions that it went through, oldest first."""

    design: Experiment
    steps: tuple[Step, ...]

    @property
    def first(self) -> int:
        """The revision that it started with, by which it is known."""
        return self.steps[0].revision

    @property
    def start(self) -> int:
        """When that was, in nanoseconds since 1970."""
        return self.steps[0].at

    @property
    def weights(self) -> dict[int, dict[str, float]]:
        """The weights of the split by revision."""
        return {step.revision: step.weights for step in self.steps}

    @property
    def since(self) -> int:
        """From when on predictions are of interest: from before the start, if the design looks there."""
        return self.start - round(self.design.before * 1e9)

    def own(self, rows: Rows) -> Rows:
        """The rows that it may look at: those before the start, and those that were chosen at one of its revisions.

        A sidecar that has not heard of the start yet chooses as another revision said; what it chose is no part of the experiment.
        """
        return rows.where((rows.time < self.start) | np.isin(rows.revision, [step.revision for step in self.steps]))


def running(history: Iterable[Revised]) -> Running | None:
    """The experiment that runs at the newest revision; None if that declares none.

    `history` has the revisions, newest first. No more of it is read than is needed.
    """
    steps: list[Step] = []
    newest: Endpoint | None = None
    for revised in history:
        endpoint = revised.endpoint
        if endpoint is None or endpoint.experiment is None or (newest and _promise(endpoint) != _promise(newest)):
            break
        newest = newest or endpoint
        steps.append(Step(revision=revised.number, at=revised.at, weights=endpoint.routing.split))
    if newest is None or newest.experiment is None:
        return None
    return Running(design=newest.experiment, steps=tuple(reversed(steps)))


def _promise(endpoint: Endpoint) -> tuple[Any, ...]:
    """What must stay as it is while an experiment runs."""
    assert endpoint.experiment is not None
    arms = [_predicts(endpoint.models[arm]) for arm in endpoint.experiment.arms]
    return endpoint.experiment, endpoint.entity, endpoint.routing.sticky, endpoint.task, arms


def _predicts(model: Model) -> tuple[Any, ...]:
    """What of a model's entry says what it predicts."""
    return model.rule, model.features, model.signature, model.answer
