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
from control.stores.export import Wanted, columns_of

MEDIA_TYPE = "application/vnd.apache.parquet"


@get("/v1/endpoints/{name:str}/export", media_type=MEDIA_TYPE, sync_to_thread=True)
def get_export(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
) -> Stream:
    """The rows of all samples of a time, as they were served, as a Parquet file in the order of time.

    The features are typed by the endpoint's schema; columns that begin with `hyperplan_` say which prediction a row belongs to, who was
    chosen and answered, with which propensity and inclusion probability, and what the prediction was, as JSON. The same samples
    give the same bytes.
    """
    _, endpoint = registry.get(name)
    now = time.time_ns()
    wanted = Wanted(
        name,
        since=read_time("since", since, now) if since is not None else 0,
        until=read_time("until", until, now) if until is not None else now,
    )
    if wanted.since >= wanted.until:
        raise bad_parameter("since", "must be before until")
    store.check()  # once the answer has begun there is no other way to say no than to break off
    batches = store.export(endpoint.schema, wanted)
    return Stream(_parquet(columns_of(endpoint.schema), batches), media_type=MEDIA_TYPE)


def _parquet(columns: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """The bytes of a Parquet file, as soon as there are some: a row group for each batch."""
    sink = BytesIO()
    with pq.ParquetWriter(sink, columns, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield _drained(sink)
    yield _drained(sink)


def _drained(sink: BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data


handlers: list[Any] = [get_export]
