"""Samples out of real Parquet and CSV files."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.importing import Columns, SampleFile
from hyperplan.endpoint import parse_endpoint
from hyperplan.problems import Invalid

ENDPOINT = parse_endpoint("""
name: flights
match: { path: /predict }
protocol: json
task: binary
schema:
  features:
    distance: { type: float, aliases: [dist] }
    carrier: { type: category, values: ["01", "DL"] }
models:
  gbm@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
routing: { split: { gbm@1: 1 } }
""")


def samples(path: Path, **columns: str) -> list[dict[str, Any]]:
    file = SampleFile(path, ENDPOINT, "gbm@1", Columns(**columns), 0.5)
    return [sample for batch in file.batches() for sample in batch]


def written(folder: Path, text: str) -> Path:
    path = folder / "scored.csv"
    path.write_text(text)
    return path


def test_rows_are_read_as_the_schema_says(tmp_path: Path) -> None:
    path = written(tmp_path, "dist,carrier,label\n100.5,01,1\nfar,ZZ,0\nNA,DL,1\n")
    found = samples(path)
    assert [sample["rows"] for sample in found] == [
        [{"dist": 100.5, "carrier": "01"}],
        [{"dist": "far", "carrier": "ZZ"}],
        [{"dist": None, "carrier": "DL"}],
    ]
    assert {(sample["endpoint"], sample["model"], sample["inclusion"]) for sample in found} == {
        ("flights", "gbm@1", 0.5)
    }
    assert not any("time" in sample or "predictions" in sample for sample in found)
    assert SampleFile(path, ENDPOINT, "gbm@1", Columns(), 1.0).left_alone == ["label"]


def test_columns_with_names_of_their_own_give_times_predictions_ids_and_entities(tmp_path: Path) -> None:
    path = written(tmp_path, "distance,at,said,id,plane\n1,2023-11-14 22:13:20,0.5,a,N1\n2,1700000001.5,late,,\n")
    first, second = samples(path, time="at", prediction="said", prediction_id="id", entity="plane")
    assert (first["time"], first["predictions"], first["prediction_id"], first["entity"]) == (1.7e9, [0.5], "a", "N1")
    assert (second["time"], second["predictions"]) == (1_700_000_001.5, ["late"])
    assert second["prediction_id"].endswith("-1")
    assert "entity" not in second


def test_a_row_has_the_same_id_whenever_its_file_is_read_and_another_in_another_file(tmp_path: Path) -> None:
    path = written(tmp_path, "distance\n1\n1\n")
    once, again = samples(path), samples(path)
    assert once == again
    other = samples(written(tmp_path, "distance\n1\n1\n1\n"))
    assert len({sample["prediction_id"] for sample in (*once, *other)}) == 5


def test_dates_of_a_parquet_file_are_times(tmp_path: Path) -> None:
    path = tmp_path / "scored.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS distance, TIMESTAMP '2023-11-14 22:13:20.25' AS at) TO '{path}'")
    assert [sample["time"] for sample in samples(path, time="at")] == [1_700_000_000.25]


@pytest.mark.parametrize("text", ["distance,at\n1,yesterday\n", "distance,at\n1,\n2,5\n"])
def test_rows_without_a_time_are_refused_by_their_number(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid, match="/at: holds no time in 1 rows"):
        samples(written(tmp_path, text), time="at")


def test_columns_that_the_file_does_not_have_are_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        samples(written(tmp_path, "distance\n1\n"), time="at", prediction="score")
    assert [problem.pointer for problem in refused.value.problems] == ["/at", "/score"]
