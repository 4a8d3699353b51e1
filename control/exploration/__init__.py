"""Exploration in control: the job that publishes weights as routing revisions, and what was done before, which it heeds.

`past` reads the history of an endpoint: who set the weights last, and when, and whether somebody let exploration go on since (`tables`); `job` thinks about
each endpoint that explores, in rounds, and publishes. What it thinks is computed anew each time, so replicas agree and a restart loses nothing.
"""

from control.exploration.job import Exploring, thought_of

__all__ = ["Exploring", "thought_of"]
