"""Telemetry: what the sidecar tells the world, over OpenTelemetry.

The stages report to an observer in the middle of a request; everything slow (encoding, sending, waiting for a sink that
is away) happens behind bounded queues, on threads of their own.
"""

from extproc.telemetry.counts import Counts
from extproc.telemetry.observer import Telemetry
from extproc.telemetry.outbox import Outbox

__all__ = ["Counts", "Outbox", "Telemetry"]
