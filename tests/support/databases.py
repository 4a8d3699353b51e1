"""Databases that stores are tested in: a PostgreSQL server of the tests' own, and chDB, which is ClickHouse inside this process."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

_SHARED = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("postgresql", "chdb")]
EVERYWHERE = pytest.mark.parametrize("backend", ["duckdb", *_SHARED], indirect=True)
"""Runs tests of a store in each database; those in servers and engines on one of the workers each."""
SHARED = pytest.mark.parametrize("backend", _SHARED, indirect=True)
"""Runs tests of a store in each database that several controls may share."""

PATIENCE = 60
"""Seconds that the server may take to start or to stop."""


class PostgresServer:
    """A server in a folder, at a unix socket only."""

    def __init__(self, binaries: Path, folder: Path, settings: str) -> None:
        self._binaries = binaries
        self._folder = folder
        self._settings = settings

    def url(self, database: str) -> str:
        """Where a database of it is."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def create_database(self, name: str) -> str:
        """Make a database; its URL."""
        self._run("psql", "-q", "-h", str(self._folder), "-c", f"CREATE DATABASE {name}", "postgres")
        return self.url(name)

    def start(self) -> None:
        """Start, and return when it answers."""
        settings = f"-c listen_addresses= -c unix_socket_directories={self._folder} {self._settings}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "-w", "-t", str(PATIENCE), "-D", str(self._data), "-l", log, "-o", settings)

    def stop(self) -> None:
        """Stop at once, as when the machine is gone."""
        self._run("pg_ctl", "stop", "-w", "-t", str(PATIENCE), "-D", str(self._data), "-m", "immediate")

    def initialise(self) -> None:
        """Make the folder a server's."""
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        user: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}  # the server refuses to run as root
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
            **user,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def postgres_binaries() -> Path | None:
    """The folder of the newest installed server's programs; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@contextmanager
def postgres_server(binaries: Path, settings: str = "-c fsync=off") -> Iterator[PostgresServer]:
    """A server that runs until the end. What it keeps need outlive its process only, unless `settings` say otherwise.

    The path of its socket is short, as such paths must be.
    """
    with TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        server = PostgresServer(binaries, Path(folder), settings)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
