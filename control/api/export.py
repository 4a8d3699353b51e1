"""Training data as a file: what an endpoint was really served, as Parquet."""

import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from control.api.periods import read_time
from control.problems import bad_parameter
from control.registry import Registry
from control.stores import Store
from control.stores.export import EVER, Wanted, columns_of

MEDIA_TYPE = "application/vnd.apache.parquet"
GROUP_ROWS = 1 << 16
"""Rows that are held until they are written together; many small groups would make a large file, and a slow one."""
GROUP_BYTES = 32 << 20
"""Bytes that are, at most, but for the last page."""


@get("/v1/endpoints/{name:str}/export", media_type=MEDIA_TYPE, sync_to_thread=True)
def get_export(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    labelled: FromQuery[bool] = False,
    as_of: FromQuery[str | None] = None,
    revision: FromQuery[int | None] = None,
) -> Stream:
    """The rows of all samples of a time, as they were served, with the truth about each, as a Parquet file in the order of time.

    The features are typed by the endpoint's schema, or by that of an earlier `revision`; columns that begin with `hyperplan_` say which prediction a row
    belongs to, who was chosen and answered, with which propensity and inclusion probability, what the prediction was, as JSON, and the newest
    feedback. `labelled=true` leaves out rows that have none; `as_of` leaves out feedback that was known, or told, later. The same question over
    the same samples gives the same bytes.
    """
    _, endpoint = registry.get(name) if revision is None else registry.revision(name, revision)
    now = time.time_ns()
    wanted = Wanted(
        name,
        since=read_time("since", since, now) if since is not None else 0,
        until=read_time("until", until, now) if until is not None else now,
        labelled=labelled,
        as_of=read_time("as_of", as_of, now) if as_of is not None else EVER,
    )
    if wanted.since >= wanted.until:
        raise bad_parameter("since", "must be before until")
    store.check()  # once the answer has begun there is no other way to say no than to break off
    return Stream(parquet(columns_of(endpoint), store.export(endpoint, wanted)), media_type=MEDIA_TYPE)


def parquet(columns: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """The bytes of a Parquet file, as soon as there are some.

    What is written depends on the rows alone, never on when or by whom: that is what makes a file that is made again the same file.
    """
    sink = BytesIO()
    with pq.ParquetWriter(sink, columns, compression="zstd", compression_level=3, version="2.6") as writer:
        for group in _groups(batches):
            writer.write_table(pa.Table.from_batches(group, columns), row_group_size=GROUP_ROWS)
            yield _drained(sink)
    yield _drained(sink)


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches that are written together."""
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if sum(each.num_rows for each in group) >= GROUP_ROWS or sum(each.nbytes for each in group) >= GROUP_BYTES:
            yield group
            group = []
    if group:
        yield group


def _drained(sink: BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data


handlers: list[Any] = [get_export]
