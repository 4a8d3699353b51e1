"""Buckets of what was served: profiles by endpoint, model, arm, slice and time."""

from hyperplan.windows.keys import Bucket, WindowKey

__all__ = ["Bucket", "WindowKey"]
