"""Opening the registry's database, and bringing it up to date."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

FILE = "registry.sqlite"

_WRITES = "hyperplan_writes"


class Unopenable(ValueError):
    """A database that cannot be opened as a registry; the message says why and what to do."""


def sqlite_url(path: Path) -> URL:
    """The URL of a SQLite file, whatever its path holds."""
    return URL.create("sqlite", database=str(path))


def open_database(url: str | URL) -> Engine:
    """Connect to a database and run the migrations that it has not seen.

    Raises:
        Unopenable: it cannot be reached or written to, it is no database, or a newer version wrote it.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        _migrate(engine)
    except DatabaseError as error:
        engine.dispose()
        raise Unopenable(
            f"the registry {_place(engine)} cannot be opened: {error.orig}; choose another --data"
        ) from None
    except CommandError:
        engine.dispose()
        detail = "was written by a newer version of Hyperplan; run that version, or choose another --data"
        raise Unopenable(f"the registry {_place(engine)} {detail}") from None
    return engine


def for_writing(engine: Engine) -> Engine:
    """The same database, for transactions that will write: what they read stays true until they commit."""
    return engine.execution_options(**{_WRITES: True})


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with for_writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        # Changes nothing, but fails now if nothing can be written, instead of at the first edit.
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")


def _place(engine: Engine) -> str:
    return engine.url.database or engine.url.render_as_string()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers do not wait for a writer (WAL), writers wait for each other, and a commit is on disk when it returns."""
    connection.isolation_level = None  # or Python's driver would begin transactions itself, and only at the first write
    for pragma in ("busy_timeout = 10000", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its place in the queue before it reads, not when it writes what may no longer be so."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")
