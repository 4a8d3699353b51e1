"""The databases that a store may be in, and which of them a URL means."""

import importlib
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from control.stores.databases.base import Database, Overtaken, Reader, Unavailable, Unopenable, Writer

__all__ = ["Database", "Overtaken", "Reader", "Unavailable", "Unopenable", "Writer", "open_database"]

_BY_SCHEME = {
    "postgresql": ("postgresql", "PostgreSQL"),
    "clickhouse": ("clickhouse", "ClickHouse"),
    "clickhouses": ("clickhouse", "ClickHouse"),
    "chdb": ("clickhouse", "ClickHouse"),
}
"""The extra of Hyperplan, which is also the module, and the class for the scheme of a URL."""


def open_database(where: Path | str) -> Database:
    """Open a DuckDB file, or the database at a URL; a driver is imported only for what is opened.

    Raises:
        Unopenable: there is no such database, it cannot be opened, or its driver is not installed.
    """
    if isinstance(where, Path):
        from control.stores.databases.duckdb import DuckDB

        return DuckDB(where)
    wanted = "give postgresql://user@host/database or clickhouse://user@host/database"
    try:
        url = make_url(where)
    except ArgumentError:
        raise Unopenable(f"{where!r} is no store: {wanted}") from None
    if url.drivername not in _BY_SCHEME:
        raise Unopenable(f"{url.render_as_string()!r} is no store: {wanted}")  # which hides a password
    extra, name = _BY_SCHEME[url.drivername]
    try:
        module = importlib.import_module(f"control.stores.databases.{extra}")
    except ModuleNotFoundError as error:
        raise Unopenable(f"{error.name} is not installed: pip install 'hyperplan[{extra}]'") from None
    opened: Database = getattr(module, name)(url)
    return opened
