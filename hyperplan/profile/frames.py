"""From data frames to profiles and references, where the data is: none of it leaves.

A frame is whatever gives columns by name: a dict of arrays; a pandas frame; anything that speaks Arrow, as polars frames, DuckDB
relations and pyarrow's tables and readers do (the Arrow PyCapsule interface); or an iterable of these, one after another, so that data may
be larger than memory. Columns become numpy arrays or counts of values, never a Python object for each row, unless
their values are not what the schema says.

    builder = ReferenceBuilder(schema, time_column="scheduled")
    builder.add(frame)                                  # as often as there are frames
    builder.reference("flight-delay", "gbm@1", made_at=time.time()).encode()
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.profile.columns import Column, Counted
from hyperplan.profile.masked import masked_values, trained_schema
from hyperplan.profile.profile import Each, Profile
from hyperplan.profile.reference import Reference
from hyperplan.schema import AnyFeature, Bool, Category, Float, Int, NumberList, Schema, String
from hyperplan.secret import Secret

FEWEST_ROWS = 1000
"""Rows of the smallest chunks: with fewer, chance moves a profile more than time does."""
MOST_CHUNKS = 60
"""Chunks of a reference; from half as many on it is known how much training moved."""
MOST_CELLS = 1 << 24
"""Values that are profiled at once: bounds the memory that it takes."""


def profile_frame(schema: Schema, frame: Any, each: Each = map, secret: Secret | None = None) -> Profile:
    """The profile of all the rows of a frame. A feature without a column is missing from every row.

    Personal features are hashed with the `secret`; without one they are left out.

    Raises:
        TypeError: it is no frame.
    """
    profiles = [profile for part in _parts(frame) for profile in _profiles(schema, part, each, secret, {})]
    return Profile.merged(profiles or [Profile.of_columns(trained_schema(schema, secret), {})])


class Output(NamedTuple):
    """A column of training data that is no feature but what a model said of a row, or what turned out, and how it is read."""

    column: str
    feature: AnyFeature


class ReferenceBuilder:
    """Makes a reference out of frames that come in the order of time.

    Unless `chunk_rows` is given, a chunk has as many rows as make 30 to 60 chunks, and 1,000 at least: whenever there are more than 60, each two
    neighbours become one. Profiles merge exactly, so nothing is lost by it. `rows_expected` spares the work. `time_column` is
    a column of times that are in order; it tells when each chunk was. `each` shares columns out, as the `map` of a pool of threads does.
    Personal features are hashed with the `secret`; without one they are left out. `outputs` are columns by the names that outputs have in profiles (`prediction`, `label`).
    """

    def __init__(
        self,
        schema: Schema,
        *,
        time_column: str | None = None,
        chunk_rows: int | None = None,
        rows_expected: int = 0,
        each: Each = map,
        secret: Secret | None = None,
        outputs: Mapping[str, Output] = {},
    ) -> None:
        self._schema, self._time, self._each, self._secret = schema, time_column, each, secret
        self._outputs = dict(outputs)
        self._most = None if chunk_rows else MOST_CHUNKS
        self._size = chunk_rows or max(FEWEST_ROWS, -(-rows_expected // MOST_CHUNKS))
        self._chunks: list[_Chunk] = []
        self.rows = 0
        """Rows that have come."""

    def add(self, frame: Any) -> None:
        """Add the rows of a frame, which come after all before.

        Raises:
            Invalid: it lacks a column, or its times go back.
            TypeError: it is no frame.
        """
        for part in _parts(frame):
            self._require(part)
            start = 0
            while start < part.rows:
                if not self._chunks or self._chunks[-1].rows >= self._size:
                    self._open()
                end = min(part.rows, start + self._size - self._chunks[-1].rows)
                self._chunks[-1] = self._chunks[-1].followed(self._profiled(part.cut(start, end)))
                self.rows += end - start
                start = end

    def reference(self, endpoint: str, model: str, made_at: float) -> Reference:
        """The reference of a model, made at a time in seconds since 1970.

        Raises:
            Invalid: there were no rows.
        """
        if not self.rows:
            raise Invalid([Problem("", "there are no rows to make a reference of")])
        chunks = self._chunks
        if self._most and len(chunks) > 1 and 2 * chunks[-1].rows < self._size:
            chunks = [*chunks[:-2], chunks[-2].followed(chunks[-1])]
        return Reference(
            endpoint=endpoint,
            model=model,
            made_at=made_at,
            rows=self.rows,
            series=[Profile.merged(chunk.parts) for chunk in chunks],
            spans=[] if any(chunk.span is None for chunk in chunks) else [chunk.span for chunk in chunks if chunk.span],
        )

    def _require(self, part: "_Part") -> None:
        wanted = {name for name, feature in self._schema.features.items() if feature.required}
        wanted |= {output.column for output in self._outputs.values()}
        missing = sorted((wanted | ({self._time} if self._time else set())) - part.columns.keys())
        if missing:
            has = f"no such column; there are: {', '.join(part.columns)}"
            raise Invalid([Problem(pointer(name), has) for name in missing])

    def _open(self) -> None:
        """Begin a chunk: the one before is whole."""
        if len(self._chunks) == self._most:
            pairs = zip(self._chunks[::2], self._chunks[1::2], strict=True)
            self._chunks = [one.followed(other).merged() for one, other in pairs]
            self._size *= 2
        elif self._chunks:
            self._chunks[-1] = self._chunks[-1].merged()
        self._chunks.append(_Chunk([], None))

    def _profiled(self, part: "_Part") -> "_Chunk":
        times = _times(part.columns[self._time]) if self._time else None
        span = None if times is None or not times.size else (int(times.min()), int(times.max()))
        before = next((chunk.span for chunk in reversed(self._chunks) if chunk.span), None)
        if times is not None and span and (np.any(times[1:] < times[:-1]) or (before and span[0] < before[1])):
            raise Invalid(
                [Problem(pointer(self._time or ""), "the rows are not in the order of this column; sort them by it")]
            )
        return _Chunk(list(_profiles(self._schema, part, self._each, self._secret, self._outputs)), span)


class _Chunk(NamedTuple):
    """A stretch of rows: profiles of its parts, and when they are."""

    parts: list[Profile]
    span: tuple[int, int] | None

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    def merged(self) -> "_Chunk":
        return _Chunk([Profile.merged(self.parts)], self.span)

    def followed(self, later: "_Chunk") -> "_Chunk":
        span = (self.span[0], later.span[1]) if self.span and later.span else self.span or later.span
        return _Chunk([*self.parts, *later.parts], span)


class _Part(NamedTuple):
    """Rows of a frame, as columns of Arrow, numpy or pandas."""

    columns: Mapping[str, Any]
    rows: int

    def cut(self, start: int, end: int) -> "_Part":
        """The rows from one to before another."""
        if (start, end) == (0, self.rows):
            return self
        cut = {
            name: column.iloc[start:end] if hasattr(column, "iloc") else column[start:end]
            for name, column in self.columns.items()
        }
        return _Part(cut, end - start)


def _parts(frame: Any) -> Iterator[_Part]:
    if isinstance(frame, Mapping):
        columns = {str(name): _indexed(column) for name, column in frame.items()}
        yield _part(columns)
    elif hasattr(frame, "iloc"):
        yield _part({str(name): frame[name] for name in frame.columns})
    elif hasattr(frame, "__arrow_c_stream__"):
        for batch in pa.RecordBatchReader.from_stream(frame):
            yield _part(dict(zip(batch.schema.names, batch.columns, strict=True)))
    elif hasattr(frame, "__arrow_c_array__"):
        yield from _parts(pa.Table.from_batches([pa.record_batch(frame)]))
    elif isinstance(frame, Iterable) and not isinstance(frame, str | bytes):
        for each in frame:
            yield from _parts(each)
    else:
        raise TypeError(f"{type(frame).__name__} is no data frame: give pandas, polars, Arrow, or a dict of arrays")


def _part(columns: Mapping[str, Any]) -> _Part:
    heights = {len(column) for column in columns.values()}
    if len(heights) > 1:
        raise TypeError("the columns of a data frame must be of one length")
    return _Part(columns, heights.pop() if heights else 0)


def _indexed(column: Any) -> Any:
    """A column as something that can be cut."""
    if hasattr(column, "iloc") or isinstance(column, np.ndarray | pa.Array | pa.ChunkedArray):
        return column
    if hasattr(column, "__arrow_c_stream__"):
        return pa.chunked_array(column)
    return np.asanyarray(column)


def _profiles(
    schema: Schema, part: _Part, each: Each, secret: Secret | None, outputs: Mapping[str, Output]
) -> Iterator[Profile]:
    """The profiles of a part, in pieces that fit into memory."""
    shown = trained_schema(schema, secret)
    wanted = {*shown.features, *(output.column for output in outputs.values())}
    columns = {name: column for name, column in part.columns.items() if name in wanted}
    piece = max(1, MOST_CELLS // max(len(columns), 1))
    for start in range(0, part.rows, piece):
        rows = _Part(columns, part.rows).cut(start, min(start + piece, part.rows))
        values = {
            name: _shown(schema.features[name], column, secret)
            for name, column in rows.columns.items()
            if name in shown.features
        }
        said = {
            name: Column(output.feature, _values(output.feature, rows.columns[output.column])).profile()
            for name, output in outputs.items()
        }
        profile = Profile.of_columns(shown, values or {"": np.zeros(rows.rows)}, each)
        yield msgspec.structs.replace(profile, outputs=said)


def _shown(feature: AnyFeature, column: Any, secret: Secret | None) -> NDArray[Any] | Counted:
    values = _values(feature, column)
    return values if feature.masking is None or secret is None else masked_values(values, secret)


def _values(feature: AnyFeature, column: Any) -> NDArray[Any] | Counted:
    if hasattr(column, "iloc"):
        return _of_series(feature, column)
    return column if isinstance(column, np.ndarray) else _of_arrow(feature, column)


def _of_series(feature: AnyFeature, series: Any) -> NDArray[Any] | Counted:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":
        numbers: NDArray[Any] = series.to_numpy()
        return numbers
    try:
        return _of_arrow(feature, pa.array(series, from_pandas=True))
    except pa.ArrowException:  # things of several kinds, of which Arrow has none
        mixed: NDArray[Any] = series.astype(object).where(series.notna(), None).to_numpy()
        return mixed


def _of_arrow(feature: AnyFeature, array: Any) -> NDArray[Any] | Counted:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if isinstance(feature, Float | Int) and _is_number(kind):
        return _numbers(array)
    if isinstance(feature, Bool | String | Category) and (_is_text(kind) or pa.types.is_boolean(kind)):
        counts = array.value_counts()
        return Counted(dict(zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True)))
    if isinstance(feature, NumberList) and _are_lists(array, feature.length):
        rows = _numbers(array.flatten()).reshape(-1, feature.length)
        if not array.null_count:
            return np.asarray(rows)
        absent = array.is_null().to_numpy(zero_copy_only=False)
        matrix = np.zeros((len(array), feature.length))
        matrix[~absent] = rows
        return np.ma.masked_array(matrix, np.repeat(absent[:, None], feature.length, axis=1))
    values: NDArray[Any] = np.empty(len(array), object)
    values[:] = array.to_pylist()
    return values


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _numbers(array: Any) -> NDArray[Any]:
    """Numbers of Arrow, null masked: so NaN is told apart from it."""
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        array = array.cast(pa.float64())
    if not array.null_count:
        return np.ma.masked_array(array.to_numpy(zero_copy_only=False))
    absent = array.is_null().to_numpy(zero_copy_only=False)
    return np.ma.masked_array(array.fill_null(0).to_numpy(zero_copy_only=False), absent)


def _are_lists(array: Any, length: int) -> bool:
    """Whether an array holds lists of so many numbers, and nulls."""
    kind = array.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    lengths = pc.unique(pc.list_value_length(array).drop_null()).to_pylist()
    return _is_number(kind.value_type) and lengths == [length] and not array.flatten().null_count


def _times(column: Any) -> NDArray[np.int64] | None:
    """Times in nanoseconds since 1970, those that are known; None for a column of something else."""
    if isinstance(column, np.ndarray):
        if column.dtype.kind != "M":
            return None
        times = column.astype("datetime64[ns]")
        return np.asarray(times[~np.isnat(times)], np.int64)
    array = pa.array(column, from_pandas=True) if hasattr(column, "iloc") else column
    if not (pa.types.is_timestamp(array.type) or pa.types.is_date(array.type)):
        return None
    return np.asarray(array.drop_null().cast(pa.timestamp("ns")).cast(pa.int64()).to_numpy(), np.int64)
