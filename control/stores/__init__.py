"""What control remembers of traffic: samples, windows, counters and references, in one DuckDB file."""

from control.stores.compaction import keep_compacting
from control.stores.database import Unopenable
from control.stores.store import Store, Unavailable, open_store

__all__ = ["Store", "Unavailable", "Unopenable", "keep_compacting", "open_store"]
