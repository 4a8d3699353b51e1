"""What control remembers of traffic: samples, windows, counters and references, in DuckDB, PostgreSQL or ClickHouse."""

from control.stores.compaction import keep_compacting
from control.stores.databases import Unavailable, Unopenable
from control.stores.keeping import Keeping
from control.stores.retention import keep_trimming
from control.stores.store import Store, open_store

__all__ = ["Keeping", "Store", "Unavailable", "Unopenable", "keep_compacting", "keep_trimming", "open_store"]
