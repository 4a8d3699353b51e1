"""A ClickHouse database, which several controls may share. chDB, the same engine inside this process, is one too.

ClickHouse has no transactions. What it has is that one block of rows goes into one table whole or not at all, and that of rows with the
same key the one with the highest version stands for all. So there is one table, `facts`, and the others are views of it:

- A transaction is gathered in memory and sent as one block, synced to disk before it is acknowledged.
- A sample that is sent twice has the same key. (Only when the very same sample is sent to two controls at the same moment may both count it.)
- To merge rows is to write the merged row in the place of one of them, and tombstones in the places of the others, in one block. The
  version is the number of rows that were ever merged into it. Two controls that merge the same rows see sets of which one holds the
  other, so that the one that saw more wins, whoever comes last.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from sqlalchemy import URL
from urllib3.exceptions import HTTPError

from control.stores.databases.base import Unavailable, Unopenable
from control.stores.databases.compiling import compiled
from control.stores.migrations import CLICKHOUSE
from control.stores.tables import StoredTable

PATIENCE = 5
"""Seconds that control waits for a connection."""
ANSWER = 60
"""Seconds that control waits for an answer."""
MOST_TIMES = 5_000
"""Times in one question: its text may have 256 KiB."""

SAME = {
    "samples": {"prediction_id": "id"},
    "shadows": {"prediction_id": "id"},
    "forgotten": {"subject": "id"},
    "feedback": {"subject": "id", "place": "model", "label": "truth"},
    "windows": {"start": "time"},
    "counter_states": {"series": "model", "instance": "id", "start": "time"},
    "counter_increments": {"bucket": "time"},
    "model_references": {},
}
"""The columns of each table that have another name in `facts`."""

_LONG_QUESTION = {"max_query_size": 1 << 24}
_ONE_BLOCK = {"async_insert": 0, "min_insert_block_size_bytes": 0, "max_insert_block_size": 1 << 30}


class ClickHouse:
    """Connections to a database with all the tables."""

    transactional = False

    def __init__(self, url: URL) -> None:
        """Connect, and make the tables or bring them up to date.

        Raises:
            Unopenable: it cannot be reached, tables may not be made there, or a newer version wrote it.
        """
        self._url = url
        self._idle: list[Client] = []
        self._sharing = Lock()
        self._closed = False
        place = url.render_as_string()
        try:
            self._migrate(place)
        except Unavailable as error:
            raise Unopenable(f"{place} cannot be opened as a store: {error}; see --store") from None

    def close(self) -> None:
        """See `Database.close`."""
        with self._sharing:
            self._closed = True
            for client in self._idle:
                client.close()
            self._idle.clear()

    @contextmanager
    def reading(self) -> Iterator["_Session"]:
        """See `Database.reading`."""
        with self._client() as client:
            yield _Session(client)

    @contextmanager
    def writing(self) -> Iterator["_Session"]:
        """See `Database.writing`."""
        with self._client() as client:
            session = _Session(client)
            yield session
            session.send()

    writing_alone = writing
    """Nobody can be kept out."""

    def delete_before(self, table: StoredTable, column: str, time: int) -> None:
        """See `Database.delete_before`."""
        named = SAME[table.name].get(column, column)
        with self._client() as client:
            client.command(f"DELETE FROM facts WHERE fact = '{table.name}' AND {named} < {time:d}")

    def reclaim(self) -> None:
        """See `Database.reclaim`: ClickHouse's merges do it."""

    def _migrate(self, place: str) -> None:
        with self._client() as client:
            client.command("CREATE TABLE IF NOT EXISTS steps_taken (step Int64) ENGINE = MergeTree ORDER BY step")
            ((taken,),) = client.query("SELECT count(DISTINCT step) FROM steps_taken").result_rows
            if taken > len(CLICKHOUSE):
                raise Unopenable(
                    f"{place} was written by a newer version of Hyperplan; run that version, or another --store"
                )
            for step in range(taken, len(CLICKHOUSE)):
                for statement in CLICKHOUSE[step]:
                    client.command(statement)
                client.insert("steps_taken", [[step]], column_names=["step"])

    @contextmanager
    def _client(self) -> Iterator[Client]:
        """A client that nobody else uses meanwhile. One that failed is not used again."""
        try:
            client = self._taken()
            try:
                yield client
            except BaseException:
                client.close()
                raise
            self._back(client)
        except (ClickHouseError, HTTPError, OSError) as error:
            raise Unavailable((str(error).splitlines() or [type(error).__name__])[0]) from error

    def _taken(self) -> Client:
        with self._sharing:
            if self._closed:
                raise Unavailable("the store is closed")
            if self._idle:
                return self._idle.pop()
        return _connect(self._url)

    def _back(self, client: Client) -> None:
        with self._sharing:
            if not self._closed:
                self._idle.append(client)
                return
        client.close()


class _Session:
    """Reads with a client, and gathers what is to be written."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._facts: list[pa.Table] = []

    def check(self) -> None:
        self._client.command("SELECT 1")

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        kinds = query.schema().items()
        binary: dict[str, Any] = {name: "bytes" for name, kind in kinds if kind.is_binary()}
        lists = {name: {"String": "bytes"} for name, kind in kinds if kind.is_array() and kind.value_type.is_binary()}
        found = self._client.query(compiled(query, "clickhouse"), column_formats=binary | lists)
        return [tuple(row) for row in found.result_rows]

    def is_empty(self, table: StoredTable) -> bool:
        return not self._client.query(f"SELECT time FROM facts WHERE fact = '{table.name}' LIMIT 1").result_rows

    def having(self, table: StoredTable, columns: Sequence[str], value: str) -> list[tuple[Any, ...]]:
        binary: dict[str, Any] = {name: "bytes" for name in columns if table.columns[name].type == "binary"}
        named = ", ".join(SAME[table.name].get(column, column) for column in columns)
        query = f"SELECT {named} FROM facts WHERE fact = '{table.name}' AND id = %(value)s"
        found = self._client.query(query, parameters={"value": value}, column_formats=binary).result_rows
        return [tuple(row) for row in found]

    def having_any(self, table: StoredTable, columns: Sequence[str], values: Sequence[str]) -> list[tuple[Any, ...]]:
        binary: dict[str, Any] = {name: "bytes" for name in columns if table.columns[name].type == "binary"}
        named = ", ".join(SAME[table.name].get(column, column) for column in columns)
        query = f"SELECT {named} FROM facts WHERE fact = '{table.name}' AND id IN %(values)s"
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(values), MOST_TIMES):
            some = {"values": tuple(values[start : start + MOST_TIMES])}
            answer = self._client.query(query, parameters=some, column_formats=binary, settings=_LONG_QUESTION)
            found += map(tuple, answer.result_rows)
        return found

    def at_times(self, table: StoredTable, columns: Sequence[str], times: Sequence[int]) -> list[tuple[Any, ...]]:
        named = ", ".join(SAME[table.name].get(column, column) for column in columns)
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(times), MOST_TIMES):
            some = ", ".join(map(str, times[start : start + MOST_TIMES]))
            query = f"SELECT {named} FROM facts WHERE fact = '{table.name}' AND time IN ({some})"
            found += map(tuple, self._client.query(query).result_rows)
        return found

    def append(self, table: StoredTable, rows: pa.Table) -> None:
        self._facts.append(_facts(table, rows, rows["parts"] if "parts" in rows.column_names else 0, gone=0))

    def put(self, table: StoredTable, rows: pa.Table) -> None:
        # What is put only ever grows, or the one that is put last stands for all.
        newest = rows["value"] if "value" in rows.column_names else _now(self._client)
        self._facts.append(_facts(table, rows, newest, gone=0))

    def remove(self, table: StoredTable, column: str, values: Sequence[str], endpoint: str | None) -> list[str]:
        place = "" if endpoint is None else " AND endpoint = %(endpoint)s"
        which = f"fact = '{table.name}' AND {SAME[table.name].get(column, column)} IN %(values)s{place}"
        removed: list[str] = []
        for start in range(0, len(values), MOST_TIMES):
            some = {"values": tuple(values[start : start + MOST_TIMES]), "endpoint": endpoint}
            found = self._client.query(f"SELECT endpoint FROM facts FINAL WHERE {which}", some, _LONG_QUESTION)
            if found.result_rows:
                self._client.command(f"DELETE FROM facts WHERE {which}", some, settings=_LONG_QUESTION)
            removed += [name for (name,) in found.result_rows]
        return removed

    def merge(self, table: StoredTable, scattered: pa.Table, merged: pa.Table) -> None:
        others = scattered.filter(pc.invert(pc.is_in(scattered["id"], merged["id"].combine_chunks())))
        self._facts.append(_facts(table, others, others["parts"], gone=1))
        self.append(table, merged)

    def send(self) -> None:
        """Write what was gathered, as one block."""
        if not self._facts:
            return
        block = pa.concat_tables(self._facts, promote_options="default").combine_chunks()
        self._client.insert_arrow("facts", block, settings=_ONE_BLOCK)


def _facts(table: StoredTable, rows: pa.Table, version: Any, *, gone: int) -> pa.Table:
    names = SAME[table.name]
    facts = rows.rename_columns([names.get(name, name) for name in rows.column_names])
    every = {"fact": pa.scalar(table.name), "version": version, "gone": pa.scalar(gone)}
    for name, value in every.items():
        column = value if isinstance(value, pa.ChunkedArray) else pa.repeat(value, rows.num_rows)
        facts = facts.append_column(name, column)
    return facts


def _now(client: Client) -> int:
    """The server's clock, which all controls share, in microseconds since 1970."""
    ((now,),) = client.query("SELECT toUnixTimestamp64Micro(now64(6))").result_rows
    return int(now)


def _connect(url: URL) -> Client:
    if url.drivername == "chdb":
        return _embedded(url)
    return clickhouse_connect.get_client(
        interface="https" if url.drivername == "clickhouses" else "http",
        host=url.host or "localhost",
        port=url.port or 0,
        username=url.username,
        password=url.password or "",
        database=url.database or "__default__",
        connect_timeout=PATIENCE,
        send_receive_timeout=ANSWER,
        autogenerate_session_id=False,
    )


def _embedded(url: URL) -> Client:
    """A client of chDB. `?database=` names a database, which is made."""
    path = f"/{url.database}" if url.database else ":memory:"
    client = clickhouse_connect.get_client(interface="chdb", path=path)
    database = url.query.get("database")
    if isinstance(database, str):
        client.command(f"CREATE DATABASE IF NOT EXISTS {quote_identifier(database)}")
        client.database = database
    return client
