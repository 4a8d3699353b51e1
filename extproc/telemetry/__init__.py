"""Telemetry: what the sidecar tells the world, over OpenTelemetry.

The stages report to an observer in the middle of a request; everything slow (encoding, sending, waiting for a sink that
is away) happens behind bounded queues, on threads of their own. `observer` is the front door; nothing is imported here,
since a worker counts without exporting.
"""
