"""A registry's file is made, opened again, brought up to date, or refused in a sentence."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import control.registry.migrations
from control.registry import Registry
from control.registry.database import FILE, Unopenable, open_database, sqlite_url
from control.registry.tables import Base
from hyperplan.endpoint import problems_of
from hyperplan.lineage import Data, Lineage
from tests.control.conftest import MakePlain

MIGRATIONS = Path(control.registry.migrations.__file__).parent


def open_file(path: Path) -> Registry:
    return Registry(open_database(sqlite_url(path)))


def execute(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


def test_a_fresh_file_has_the_tables_that_the_code_expects(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / FILE}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_file_can_be_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        registry = open_file(tmp_path / FILE)
        assert registry.plan().number == 0
        registry.close()


def test_a_file_without_migrations_gets_them(tmp_path: Path) -> None:
    execute(tmp_path / FILE, "CREATE TABLE stranger (x)")
    registry = open_file(tmp_path / FILE)
    assert registry.plan().number == 0
    registry.close()
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert execute(tmp_path / FILE, "SELECT version_num FROM alembic_version") == [(newest,)]


def test_a_lineage_that_was_anything_keeps_all_it_said_and_has_its_types(tmp_path: Path, plain: MakePlain) -> None:
    endpoint = plain(name="old")
    endpoint["models"]["gbm@1"]["lineage"] = FREE
    endpoint["models"]["logit@1"]["lineage"] = TYPED
    _at(tmp_path / FILE, "0002")
    execute(tmp_path / FILE, _inserted(json.dumps(endpoint)))
    registry = open_file(tmp_path / FILE)
    _, found = registry.get("old")
    registry.close()
    free, typed = (found.models[name].lineage for name in ("gbm@1", "logit@1"))
    assert free == Lineage(
        algorithm="gbm",
        parameters={"seed": 2**70},
        data=Data(uri="s3://flights", rows=5),
        extra={"run": "r-17", "trained_at": "yesterday", "metrics": {"auc": "high"}, "note": "né"},
    )
    assert msgspec.to_builtins(typed) == TYPED
    assert list(problems_of(found)) == []


FREE = {
    "algorithm": "gbm",
    "run": "r-17",
    "trained_at": "yesterday",
    "parameters": {"seed": 2**70},
    "metrics": {"auc": "high"},
    "data": {"uri": "s3://flights", "rows": 5},
    "extra": {"note": "né"},
}
TYPED = {"data": {"hash": "e3", "from": "2026-01-01", "to": "2026-02-01"}, "metrics": {"auc": 0.9}}


def _at(path: Path, revision: str) -> None:
    """A registry as an earlier version left it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def _inserted(document: str) -> str:
    quoted = document.replace("'", "''")
    return (
        "INSERT INTO revisions (endpoint, number, document, change, author, reason, created_at) "
        f"VALUES ('old', 1, '{quoted}', 'apply', 'a', '', '2026-01-01 00:00:00')"
    )


def test_a_migration_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    execute(tmp_path / FILE, "CREATE TABLE revisions (x)")
    with pytest.raises(Unopenable, match="already exists"):
        open_file(tmp_path / FILE)
    assert execute(tmp_path / FILE, "SELECT name FROM sqlite_master") == [("revisions",)]


def test_the_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "100%(here)s ü?"
    folder.mkdir()
    registry = open_file(folder / FILE)
    registry.close()
    assert (folder / FILE).is_file()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database, but it is long enough to look at" * 100)
    with pytest.raises(Unopenable, match=r"registry\.sqlite cannot be opened: file is not a database; .*--data"):
        open_file(tmp_path / FILE)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(Unopenable, match="unable to open database file"):
        open_file(tmp_path / FILE)


def test_a_file_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    open_file(tmp_path / FILE).close()
    with pytest.raises(Unopenable, match="readonly database"):
        open_database(f"sqlite:///file:{tmp_path / FILE}?mode=ro&uri=true")


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_file(tmp_path / FILE).close()
    execute(tmp_path / FILE, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unopenable, match="newer version"):
        open_file(tmp_path / FILE)
