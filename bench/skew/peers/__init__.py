"""The two other programs: how they are asked, on which rows, and what they answered.

Each runs in an environment of its own, which `make bench-skew` makes, as a script of `bench/skew/scripts` that reads Parquet and writes
JSON. Both are used as the first page of their documentation says: every default is theirs. They compare window after window with the
reference, and the features that they flag in a window are their alarms.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np

from bench.environments import Environments
from bench.skew.data import Columns
from bench.skew.serving import height
from hyperplan.schema import Category, Schema, String

ENVIRONMENTS = Environments.of("skew")
PEERS = ("evidently", "nannyml")
HYPERPLAN = (sys.executable, "-m", "cli.main")
"""Our own command, for what is measured through it."""


class Window(NamedTuple):
    """What a peer said of a window: the features that it flagged; or why it said nothing."""

    end: int
    flagged: tuple[str, ...]
    error: str | None = None


class Answer(NamedTuple):
    """What a peer said of all windows, and how many seconds it took for them, reading files left out."""

    version: str
    seconds: float
    windows: tuple[Window, ...]


def write(path: Path, columns: Columns) -> None:
    """Columns as a Parquet file; what is no number goes as text."""
    arrays = {name: _written(values) for name, values in columns.items()}
    with duckdb.connect() as connection:
        connection.register("given", arrays)
        connection.execute("COPY (SELECT * FROM given) TO ? (FORMAT parquet)", [str(path)])


def _written(values: Any) -> Any:
    if values.dtype.kind == "O":
        absent = np.array([value is None for value in values])
        return np.ma.masked_array(np.where(absent, "", values).astype(str).astype(object), absent)
    return values


def ask(peer: str, schema: Schema, reference: Columns, serving: Columns, ends: Sequence[int]) -> Answer:
    """Let a peer compare windows of serving with the reference; `ends` are the rows at which windows end.

    Raises:
        Failure: it is not installed, or its script failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "reference.parquet", reference)
        write(folder / "serving.parquet", serving)
        texts = [name for name in reference if isinstance(schema.features[name], Category | String)]
        job = {
            "reference": str(folder / "reference.parquet"),
            "serving": str(folder / "serving.parquet"),
            "numbers": [name for name in reference if name not in texts],
            "categories": texts,
            "ends": list(ends),
        }
        return _answer(peer, job)


def daily(times: Any) -> list[int]:
    """The rows at which days (UTC) end."""
    days = np.asarray(times) // (86_400 * 10**9)
    return [*(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]


def every(rows: int, columns: Columns) -> list[int]:
    """The rows at which windows of equal size end; what is left over is left out."""
    return list(range(rows, height(columns) + 1, rows))


def _answer(peer: str, job: Mapping[str, Any]) -> Answer:
    said = ENVIRONMENTS.run(peer, f"{peer}_windows", job)
    windows = tuple(Window(one["end"], tuple(one["flagged"]), one.get("error")) for one in said["windows"])
    return Answer(said["version"], said["seconds"], windows)
