"""Training data out of each store: rows as they were served, typed, with the truth about each, the same every time."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.api.export import parquet
from control.registry import Change, Registry, Write
from control.stores import Store, open_store
from control.stores import export as exporting
from control.stores.arrivals import Arrival
from control.stores.export import Wanted
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.schema import AnyFeature, Schema
from tests.control_data.conftest import T0, make
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]
Api = TestClient[Litestar]
EVER = Wanted("flight-delay", 0, 1 << 62)


def exported(store: Store, endpoint: Endpoint, wanted: Wanted = EVER) -> pa.Table:
    return pa.Table.from_batches(store.export(endpoint, wanted), schema=exporting.columns_of(endpoint))


def told(prediction_id: str | None, label: float | str | None = 1.0, at: int = 10, **fields: Any) -> Feedback:
    """Feedback that was known, and told, so many seconds after the first sample."""
    when = T0 + at * 10**9
    return Feedback(
        **(
            {"endpoint": "flight-delay", "prediction_id": prediction_id, "label": label, "time": when, "received": when}
            | fields
        )
    )


def tell(store: Store, *feedback: Feedback) -> None:
    store.take([Arrival(one) for one in feedback])


def column(table: pa.Table, name: str) -> list[Any]:
    return list(table.column(f"hyperplan_{name}").to_pylist())


@EVERYWHERE
def test_a_row_of_a_request_is_a_row_with_what_is_known_of_its_request(
    store: Store, endpoint: Endpoint, make_sample: MakeSample, t0: int
) -> None:
    rows = [{"distance": 1.5, "carrier": "AA"}, {"dist": 2, "carrier": "ZZ"}]
    store.ingest([make_sample("a", rows=rows, predictions=[0.25, [0.1, 0.9]], forced=True, entity="N1")])
    found = exported(store, endpoint).to_pydict()
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
    store: Store, endpoint: Endpoint, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    names = ["e", "a", "d", "c", "b", "f"]
    store.ingest([make_sample(name, seconds=index // 4) for index, name in enumerate(names)])
    batches = list(store.export(endpoint, EVER))
    assert [batch.num_rows for batch in batches] == [3, 3]
    found = pa.Table.from_batches(batches).to_pydict()
    assert found["hyperplan_prediction_id"] == ["a", "c", "d", "e", "b", "f"]


@EVERYWHERE
def test_only_the_samples_of_the_endpoint_and_the_time_are_exported(
    store: Store, endpoint: Endpoint, make_sample: MakeSample, t0: int
) -> None:
    store.ingest(
        [make_sample("a"), make_sample("b", seconds=1), make_sample("c", seconds=2), make_sample("d", endpoint="x")]
    )
    found = exported(store, endpoint, Wanted("flight-delay", t0 + 10**9, t0 + 2 * 10**9)).to_pydict()
    assert found["hyperplan_prediction_id"] == ["b"]


def test_what_is_of_another_type_than_its_feature_is_null(
    store: Store, endpoint: Endpoint, make_sample: MakeSample
) -> None:
    store.ingest([make_sample(rows=[{"distance": "far", "carrier": 7}, {"carrier": None}])])
    found = exported(store, endpoint).to_pydict()
    assert (found["distance"], found["carrier"]) == ([None, None], [None, None])
    assert found["hyperplan_violations"][0] >= 3


def test_the_api_gives_a_parquet_file_and_the_same_one_again(api: Api, store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(f"p-{index}", seconds=index) for index in range(50)])
    path = "/v1/endpoints/flight-delay/export?since=0&until=2000000000"
    first, second = api.get(path), api.get(path)
    assert first.status_code == 200
    assert first.content == second.content
    assert pq.read_table(BytesIO(first.content)).num_rows == 50


def test_the_file_of_no_samples_has_the_columns(api: Api, endpoint: Endpoint) -> None:
    answer = api.get("/v1/endpoints/flight-delay/export")
    assert pq.read_schema(BytesIO(answer.content)).names == exporting.columns_of(endpoint).names


def test_an_export_of_nothing_that_is_there_is_refused(api: Api, store: Store) -> None:
    assert api.get("/v1/endpoints/nowhere/export").status_code == 404
    assert api.get("/v1/endpoints/flight-delay/export?since=2&until=1").status_code == 422
    store.close()
    assert api.get("/v1/endpoints/flight-delay/export").status_code == 503


@EVERYWHERE
def test_the_newest_truth_about_each_row_stands_beside_it(
    store: Store, endpoint: Endpoint, make_sample: MakeSample
) -> None:
    rows = [{"distance": 1.0, "carrier": "AA"}] * 2
    store.ingest([make_sample("a", rows=rows, predictions=[0.25, 0.5]), make_sample("b", seconds=1)])
    tell(
        store, told("a", 0.0, row=1), told("a", 1.0, at=20, row=1, reward=2.5, revision=3), told("a", endpoint="churn")
    )
    found = exported(store, endpoint)
    assert column(found, "label") == [None, 1, None]
    assert column(found, "reward") == [None, 2.5, None]
    assert column(found, "label_revision") == [None, 3, None]
    assert [at and at.value - T0 for at in column(found, "labelled_at")] == [None, 20 * 10**9, None]
    assert column(found, "score") == [0.25, 0.5, None]


@EVERYWHERE
def test_labelled_rows_alone_can_be_asked_for_also_those_whose_id_was_lost(
    store: Store, endpoint: Endpoint, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    store.ingest([make_sample(f"p-{number}", number, entity=f"N{number % 2}") for number in range(5)])
    tell(store, told("p-1"), told(None, 0.0, entity="N0", predicted_at=T0 + 4 * 10**9, tolerance=10**9), told("gone"))
    found = exported(store, endpoint, EVER._replace(labelled=True))
    assert (column(found, "prediction_id"), column(found, "label")) == (["p-1", "p-4"], [1, 0])


@EVERYWHERE
def test_labels_that_came_after_a_time_can_be_left_out_so_that_a_data_set_is_made_again(
    store: Store, endpoint: Endpoint, make_sample: MakeSample
) -> None:
    store.ingest([make_sample("a", entity="N1"), make_sample("b", 1, entity="N2")])
    tell(store, told("a", 0.0, at=100))
    then = EVER._replace(as_of=T0 + 150 * 10**9)
    before = exported(store, endpoint, then)
    late = told(None, entity="N2", predicted_at=T0 + 10**9, at=200)
    tell(store, told("a", 1.0, at=200, revision=1), told("b", at=100, received=T0 + 200 * 10**9), late)
    assert exported(store, endpoint, then).equals(before)
    assert column(before, "label") == [0, None]
    assert column(exported(store, endpoint), "label") == [1, 1]


@EVERYWHERE
def test_every_store_gives_the_same_bytes(store: Store, endpoint: Endpoint, tmp_path: Path) -> None:
    samples = [make(f"p-{index}-ü", index // 3, rows=[{"distance": index / 7, "carrier": "AA"}]) for index in range(40)]
    labels = [told(f"p-{index}-ü") for index in range(0, 40, 2)]
    other = open_store(tmp_path / "other", 60, lambda _: endpoint)
    store.ingest(samples)
    tell(store, *labels)
    tell(other, *labels[::-1])
    other.ingest(samples[::-1])
    wanted = EVER._replace(labelled=True)
    here, there = (
        b"".join(parquet(exporting.columns_of(endpoint), each.export(endpoint, wanted))) for each in (store, other)
    )
    other.close()
    assert here == there
    assert pq.read_table(BytesIO(here)).num_rows == 20


def test_the_columns_say_their_units_and_the_version_of_the_schema(endpoint: Endpoint) -> None:
    plain = msgspec.to_builtins(endpoint)
    plain["schema"]["features"]["distance"] |= {"unit": "mi", "source": "ops"}
    columns = exporting.columns_of(msgspec.convert(plain, Endpoint))
    said = columns.field("distance").metadata
    assert (said[b"hyperplan.type"], said[b"hyperplan.unit"], said[b"hyperplan.source"]) == (b"float", b"mi", b"ops")
    assert said[b"hyperplan.schema_version"] == columns.metadata[b"hyperplan.schema_version"]
    schema = msgspec.convert(plain["schema"], Schema)
    assert msgspec.json.decode(said[b"hyperplan.feature"], type=AnyFeature) == schema.features["distance"]
    assert msgspec.json.decode(columns.metadata[b"hyperplan.schema"], type=Schema) == schema


def test_the_schema_of_an_earlier_revision_can_type_the_columns(
    api: Api, registry: Registry, endpoint: Endpoint
) -> None:
    plain = msgspec.to_builtins(endpoint)
    plain["schema"]["features"]["origin"] = {"type": "string", "required": False}
    registry.put(msgspec.convert(plain, Endpoint), Change.APPLY, Write())
    names = [
        pq.read_schema(BytesIO(api.get(f"/v1/endpoints/flight-delay/export{asked}").content)).names
        for asked in ("", "?revision=1")
    ]
    assert ["origin" in each for each in names] == [True, False]
    assert api.get("/v1/endpoints/flight-delay/export?revision=9").status_code == 404


@pytest.mark.parametrize(
    ("task", "label", "kind"), [("multiclass", "late", pa.string()), ("regression", 1.5, pa.float64())]
)
def test_a_label_has_the_type_of_the_task(
    store: Store, endpoint: Endpoint, make_sample: MakeSample, task: str, label: Any, kind: pa.DataType
) -> None:
    store.ingest([make_sample("a", predictions=[[0.25, 0.75]])])
    tell(store, told("a", label))
    found = exported(store, msgspec.convert(msgspec.to_builtins(endpoint) | {"task": task}, Endpoint))
    assert (found.schema.field("hyperplan_label").type, column(found, "label")) == (kind, [label])


def test_pages_shrink_where_samples_are_large(
    store: Store, endpoint: Endpoint, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "FIRST_PAGE", 4)
    monkeypatch.setattr(exporting, "PAGE_BYTES", 2 * len(make_sample("p-0").encode()) + 8)
    store.ingest([make_sample(f"p-{index}", index) for index in range(9)])
    assert [batch.num_rows for batch in store.export(endpoint, EVER)] == [4, 2, 2, 1]
