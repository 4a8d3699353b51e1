"""Profiles and references out of data frames of all kinds."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hyperplan.problems import Invalid
from hyperplan.profile import Profile, Reference
from hyperplan.profile.frames import FEWEST_ROWS, MOST_CHUNKS, ReferenceBuilder, profile_frame
from hyperplan.schema import Bool, Category, Float, Int, NumberList, Schema, String

SCHEMA = Schema(
    features={
        "x": Float(min=0),
        "n": Int(nullable=True),
        "flag": Bool(),
        "color": Category(values=("red", "green")),
        "name": String(required=False),
        "vector": NumberList(length=2),
    }
)
ROWS: list[dict[str, Any]] = [
    {"x": 1.5, "n": 3, "flag": True, "color": "red", "name": "a", "vector": [3.0, 4.0], "label": 1},
    {"x": -2.25, "n": None, "flag": None, "color": "blue", "name": None, "vector": [1.0, 0.5], "label": 0},
    {"x": None, "n": 2, "flag": False, "color": None, "name": "b", "vector": None, "label": 1},
]


def columns() -> dict[str, list[Any]]:
    return {name: [row[name] for row in ROWS] for name in ROWS[0]}


def arrays() -> dict[str, Any]:
    return {name: np.array([*values, None], object)[:-1] for name, values in columns().items()}


class Exported:
    """Something of which nothing is known but that it speaks Arrow, as polars' frames do."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


FRAMES: dict[str, Callable[[], Any]] = {
    "dict of arrays": arrays,
    "pandas": lambda: pd.DataFrame(columns()),
    "pandas, nullable": lambda: pd.DataFrame(columns()).convert_dtypes(),
    "pandas, categories": lambda: pd.DataFrame(columns()).astype({"color": "category"}),
    "table": lambda: pa.table(columns()),
    "batch": lambda: pa.RecordBatch.from_pydict(columns()),
    "reader": lambda: pa.table(columns()).to_reader(),
    "dictionaries": lambda: pa.table(columns() | {"color": pa.array(columns()["color"]).dictionary_encode()}),
    "fixed lists": lambda: pa.table(columns() | {"vector": pa.array(columns()["vector"], pa.list_(pa.float64(), 2))}),
    "anything with Arrow": lambda: Exported(pa.table(columns())),
    "one after another": lambda: (pa.table(columns()).slice(at, 1) for at in range(3)),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_of_any_kind_gives_the_profile_of_its_rows(kind: str) -> None:
    rows = [{name: value for name, value in row.items() if name != "label"} for row in ROWS]
    found, expected = profile_frame(SCHEMA, FRAMES[kind]()), Profile.of_rows(SCHEMA, rows)
    assert found.rows == 3
    for name in SCHEMA.features:
        assert found.features[name] == expected.features[name], name


def test_a_relation_of_duckdb_is_a_frame() -> None:
    with duckdb.connect() as connection:
        relation = connection.sql("SELECT i::FLOAT / 2 AS x, i AS n FROM range(5000) t(i)")
        profile = profile_frame(Schema(features={"x": Float(), "n": Int()}), relation)
    assert profile.rows == 5000
    assert profile.features["x"].numbers
    assert profile.features["x"].numbers.moments.largest == 2499.5


def test_arrow_tells_nan_from_null_and_pandas_does_not() -> None:
    schema = Schema(features={"x": Float()})
    feature = profile_frame(schema, pa.table({"x": [1.0, float("nan"), None]})).features["x"]
    assert (feature.nan, feature.null) == (1, 1)
    feature = profile_frame(schema, pd.DataFrame({"x": [1.0, float("nan"), None]})).features["x"]
    assert (feature.nan, feature.null) == (0, 2)


def test_values_of_the_wrong_type_are_counted_as_such() -> None:
    frame = pd.DataFrame({"x": ["a", 1.5, None], "flag": [1, 0, 1], "color": [1, 2, 3]})
    schema = Schema(features={"x": Float(), "flag": Bool(), "color": Category(), "name": String()})
    features = profile_frame(schema, frame).features
    assert (features["x"].wrong_type, features["x"].null, features["x"].usable) == (1, 1, 1)
    assert features["flag"].wrong_type == features["color"].wrong_type == features["name"].missing == 3
    lists = profile_frame(Schema(features={"v": NumberList(length=3)}), {"v": np.zeros((4, 2))})
    assert lists.features["v"].wrong_type == 4


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(TypeError, match="int is no data frame"):
        profile_frame(SCHEMA, 7)
    with pytest.raises(TypeError, match="one length"):
        profile_frame(SCHEMA, {"x": [1.0], "n": [1, 2]})


SMALL = Schema(features={"x": Float()})


def numbers(rows: int, size: int) -> Iterator[dict[str, Any]]:
    for start in range(0, rows, size):
        yield {"x": np.arange(start, min(start + size, rows), dtype=np.float64)}


def built(rows: int, size: int, **options: Any) -> Reference:
    builder = ReferenceBuilder(SMALL, **options)
    builder.add(numbers(rows, size))
    return builder.reference("e", "m@1", 1.0)


@pytest.mark.parametrize(
    ("rows", "chunks"), [(1, 1), (999, 1), (5000, 5), (59_999, 60), (60_001, 30), (100_000, 50), (1_000_000, 31)]
)
def test_a_reference_has_as_many_chunks_as_say_how_training_moved(rows: int, chunks: int) -> None:
    reference = built(rows, 30_000)
    assert len(reference.series) == chunks
    assert len(reference.series) <= MOST_CHUNKS
    assert reference.rows == rows
    assert all(chunk.rows >= FEWEST_ROWS for chunk in reference.series[:-1])
    smallest = [
        chunk.features["x"].numbers.moments.smallest for chunk in reference.series if chunk.features["x"].numbers
    ]
    assert smallest == sorted(smallest)


@pytest.mark.parametrize("options", [{}, {"chunk_rows": 700}, {"rows_expected": 20_000}])
def test_how_the_rows_come_makes_no_difference(options: dict[str, int]) -> None:
    references = [built(20_000, size, **options) for size in (7_001, 20_000)]
    assert [chunk.rows for chunk in references[0].series] == [chunk.rows for chunk in references[1].series]
    for one, other in zip(*(reference.series for reference in references), strict=True):
        some, others = one.features["x"].numbers, other.features["x"].numbers
        assert some
        assert others
        assert (some.sketch, some.frequent, some.sampled) == (others.sketch, others.frequent, others.sampled)


def test_a_number_of_rows_that_is_known_before_spares_merging() -> None:
    assert [chunk.rows for chunk in built(120_000, 120_000, rows_expected=120_000).series] == [2000] * 60


def test_threads_may_share_the_columns() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert built(5000, 5000, each=pool.map) == built(5000, 5000)


@pytest.mark.parametrize("kind", ["numpy", "pandas", "arrow"])
def test_times_tell_when_each_chunk_was(kind: str) -> None:
    times = np.datetime64("2013-01-01") + np.arange(2400).astype("timedelta64[m]")
    frame: Any = {"x": np.arange(2400.0), "at": times.astype("datetime64[us]")}
    frame = pd.DataFrame(frame) if kind == "pandas" else pa.table(frame) if kind == "arrow" else frame
    builder = ReferenceBuilder(SMALL, time_column="at")
    builder.add(frame)
    reference = builder.reference("e", "m@1", 1.0)
    start, minute = 1_356_998_400 * 10**9, 60 * 10**9
    assert reference.spans == [(start, start + 999 * minute), (start + 1000 * minute, start + 2399 * minute)]
    assert Reference.decode(reference.encode()) == reference


def test_rows_out_of_order_and_columns_that_are_missing_are_refused() -> None:
    times = np.array(["2013-01-02", "2013-01-01"], "datetime64[ns]")
    builder = ReferenceBuilder(SMALL, time_column="at")
    with pytest.raises(Invalid, match="sort them"):
        builder.add({"x": np.zeros(2), "at": times})
    with pytest.raises(Invalid) as caught:
        builder.add({"y": np.zeros(2)})
    assert [problem.pointer for problem in caught.value.problems] == ["/at", "/x"]
    with pytest.raises(Invalid, match="no rows"):
        ReferenceBuilder(SMALL).reference("e", "m@1", 1.0)


def test_a_reference_tells_of_all_its_chunks_when_they_were_or_of_none() -> None:
    with pytest.raises(ValueError, match="of none"):
        Reference(endpoint="e", model="m@1", made_at=0, rows=0, series=[], spans=[(0, 1)])
