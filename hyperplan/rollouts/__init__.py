"""Rollouts: a model takes over an endpoint's traffic step by step, forward while nothing speaks against it, and back on its own when something does.

Pure: `rollout` says what a rollout is, `machine` what becomes of it when something is seen, as tables, `evidence` when a guardrail is broken, and `weights` what the split is at a
step. Who looks, and writes the revisions, is `control.rollouts`.
"""

from hyperplan.rollouts.evidence import Counts, Evidence
from hyperplan.rollouts.machine import Seen, Taken, abort, pause, resume, step
from hyperplan.rollouts.rollout import Happening, Rollout, State, Terms
from hyperplan.rollouts.start import start

__all__ = [
    "Counts",
    "Evidence",
    "Happening",
    "Rollout",
    "Seen",
    "State",
    "Taken",
    "Terms",
    "abort",
    "pause",
    "resume",
    "start",
    "step",
]
