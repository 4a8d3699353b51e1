"""Training data out of each store: rows as they were served, typed, the same every time."""

from collections.abc import Callable
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.stores import Store
from control.stores import export as exporting
from control.stores.export import Wanted
from hyperplan.sample import Sample
from hyperplan.schema import Schema
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]
Api = TestClient[Litestar]
EVER = Wanted("flight-delay", 0, 1 << 62)


def exported(store: Store, schema: Schema, wanted: Wanted = EVER) -> pa.Table:
    return pa.Table.from_batches(store.export(schema, wanted), schema=exporting.columns_of(schema))


@EVERYWHERE
def test_a_row_of_a_request_is_a_row_with_what_is_known_of_its_request(
    store: Store, schema: Schema, make_sample: MakeSample, t0: int
) -> None:
    rows = [{"distance": 1.5, "carrier": "AA"}, {"dist": 2, "carrier": "ZZ"}]
    store.ingest([make_sample("a", rows=rows, predictions=[0.25, [0.1, 0.9]], forced=True, entity="N1")])
    found = exported(store, schema).to_pydict()
    assert found["distance"] == [1.5, 2.0]
    assert found["carrier"] == ["AA", "ZZ"]
    assert found["hyperplan_prediction"] == ["0.25", "[0.1,0.9]"]
    assert found["hyperplan_prediction_id"] == ["a", "a"]
    assert found["hyperplan_row"] == [0, 1]
    assert [time.value for time in found["hyperplan_time"]] == [t0, t0]
    assert (found["hyperplan_propensity"][0], found["hyperplan_inclusion"][0]) == (0.9, 0.5)
    assert (found["hyperplan_forced"][0], found["hyperplan_entity"][0]) == (True, "N1")


@EVERYWHERE
def test_rows_come_in_the_order_of_time_and_page_by_page_all_the_same(
    store: Store, schema: Schema, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    names = ["e", "a", "d", "c", "b", "f"]
    store.ingest([make_sample(name, seconds=index // 4) for index, name in enumerate(names)])
    batches = list(store.export(schema, EVER))
    assert [batch.num_rows for batch in batches] == [3, 3]
    found = pa.Table.from_batches(batches).to_pydict()
    assert found["hyperplan_prediction_id"] == ["a", "c", "d", "e", "b", "f"]


@EVERYWHERE
def test_only_the_samples_of_the_endpoint_and_the_time_are_exported(
    store: Store, schema: Schema, make_sample: MakeSample, t0: int
) -> None:
    store.ingest(
        [make_sample("a"), make_sample("b", seconds=1), make_sample("c", seconds=2), make_sample("d", endpoint="x")]
    )
    found = exported(store, schema, Wanted("flight-delay", t0 + 10**9, t0 + 2 * 10**9)).to_pydict()
    assert found["hyperplan_prediction_id"] == ["b"]


def test_what_is_of_another_type_than_its_feature_is_null(
    store: Store, schema: Schema, make_sample: MakeSample
) -> None:
    store.ingest([make_sample(rows=[{"distance": "far", "carrier": 7}, {"carrier": None}])])
    found = exported(store, schema).to_pydict()
    assert (found["distance"], found["carrier"]) == ([None, None], [None, None])
    assert found["hyperplan_violations"][0] >= 3


def test_the_api_gives_a_parquet_file_and_the_same_one_again(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(f"p-{index}", seconds=index) for index in range(50)])
    path = "/v1/endpoints/flight-delay/export?since=0&until=2000000000"
    first, second = api.get(path), api.get(path)
    assert first.status_code == 200
    assert first.content == second.content
    assert pq.read_table(BytesIO(first.content)).num_rows == 50


def test_the_file_of_no_samples_has_the_columns(api: Api, schema: Schema) -> None:
    answer = api.get("/v1/endpoints/flight-delay/export")
    assert pq.read_schema(BytesIO(answer.content)).names == exporting.columns_of(schema).names


def test_an_export_of_nothing_that_is_there_is_refused(api: Api, store: Store) -> None:
    assert api.get("/v1/endpoints/nowhere/export").status_code == 404
    assert api.get("/v1/endpoints/flight-delay/export?since=2&until=1").status_code == 422
    store.close()
    assert api.get("/v1/endpoints/flight-delay/export").status_code == 503
