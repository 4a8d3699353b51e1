"""Opening the registry's database, and bringing it up to date."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

FILE = "registry.sqlite"

PATIENCE = 5
"""Seconds that control waits for a connection to a server."""

_WRITES = "hyperplan_writes"
_WRITERS_LOCK = 0x68797065_77726974


class Unopenable(ValueError):
    """A database that cannot be opened as a registry; the message says why and what to do."""


def sqlite_url(path: Path) -> URL:
    """The URL of a SQLite file, whatever its path holds."""
    return URL.create("sqlite", database=str(path))


def open_database(url: str | URL) -> Engine:
    """Connect to a database and run the migrations that it has not seen. It is SQLite's, or PostgreSQL's.

    Raises:
        Unopenable: it cannot be reached or written to, it is no database, its driver is not installed, or a newer version wrote it.
    """
    engine = _engine(url)
    try:
        _migrate(engine)
    except DatabaseError as error:
        engine.dispose()
        said = str(error.orig).splitlines()[0]
        raise Unopenable(
            f"the registry {_place(engine)} cannot be opened: {said}; choose another {_option(engine)}"
        ) from None
    except CommandError:
        engine.dispose()
        detail = f"was written by a newer version of Hyperplan; run that version, or choose another {_option(engine)}"
        raise Unopenable(f"the registry {_place(engine)} {detail}") from None
    return engine


def shared(engine: Engine) -> bool:
    """Whether other controls may write to the same database."""
    return engine.dialect.name != "sqlite"


def _engine(given: str | URL) -> Engine:
    wanted = "give postgresql://user@host/database"
    try:
        url = make_url(given)
    except ArgumentError:
        raise Unopenable(f"{given!r} is no registry: {wanted}") from None
    try:
        if url.drivername == "sqlite":
            engine = create_engine(url)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        if url.drivername == "postgresql":
            options = {"connect_timeout": PATIENCE}
            engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=options)
            event.listen(engine, "begin", _begin_postgresql)
            return engine
    except ModuleNotFoundError as error:
        raise Unopenable(f"{error.name} is not installed: pip install 'hyperplan[postgresql]'") from None
    raise Unopenable(f"{url.render_as_string()!r} is no registry: {wanted}")  # which hides a password


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
    return engine.url.render_as_string() if shared(engine) else str(engine.url.database)


def _option(engine: Engine) -> str:
    return "--registry" if shared(engine) else "--data"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers do not wait for a writer (WAL), writers wait for each other, and a commit is on disk when it returns."""
    connection.isolation_level = None  # or Python's driver would begin transactions itself, and only at the first write
    for pragma in ("busy_timeout = 10000", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its place in the queue before it reads, not when it writes what may no longer be so."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    """Writers wait for each other here too: what one checks a change against, no other changes meanwhile."""
    if connection.get_execution_options().get(_WRITES):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
