"""References out of real Parquet and CSV files."""

from pathlib import Path

import duckdb
import pytest

from cli.profiling import profile_file
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.problems import Invalid
from hyperplan.profile import Profile, Reference
from hyperplan.profile.outputs import LABEL, PREDICTION, outputs_of

DOCUMENT = """
name: flight-delay
match: { path: /predict }
protocol: json
task: binary
schema:
  features:
    distance: { type: float, min: 0, max: 3000 }
    hour: { type: int, nullable: true }
    carrier: { type: category, values: ["01", "DL"] }
    weekend: { type: bool, required: false }
    embedding: { type: list, length: 2, required: false }
models:
  gbm@1: { url: "http://127.0.0.1:9001/predict", protocol: json }
routing: { split: { gbm@1: 1 } }
"""

CSV = """distance,hour,carrier,weekend,label,at
100.5,5,01,true,0,10
-3,NA,DL,no,1,9
far,6.5,ZZ,maybe,0,8
,,,,1,7
"""


@pytest.fixture
def endpoint() -> Endpoint:
    return parse_endpoint(DOCUMENT)


@pytest.fixture
def flights(tmp_path: Path) -> Path:
    path = tmp_path / "flights.csv"
    path.write_text(CSV)
    return path


def test_a_csv_file_is_read_as_the_schema_says(endpoint: Endpoint, flights: Path) -> None:
    reference = profile_file(flights, endpoint, "gbm@1")
    assert (reference.endpoint, reference.model, reference.rows) == ("flight-delay", "gbm@1", 4)
    features = reference.merged().features
    distance, hour, carrier, weekend = (features[name] for name in ("distance", "hour", "carrier", "weekend"))
    assert (distance.null, distance.wrong_type, distance.out_of_range, distance.usable) == (1, 1, 1, 2)
    assert (hour.null, hour.wrong_type, hour.usable) == (2, 1, 1)
    assert carrier.values
    assert carrier.values.counts == {"01": 1, "DL": 1}
    assert (carrier.null, carrier.unseen) == (1, 1)
    assert weekend.values
    assert weekend.values.counts == {"true": 1, "false": 1}
    assert (weekend.null, weekend.wrong_type) == (1, 1)
    assert features["embedding"].missing == 4


def test_a_parquet_file_is_read_with_its_own_types(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "flights.parquet"
    duckdb.execute(
        "COPY (SELECT i::FLOAT AS distance, CASE WHEN i % 2 = 0 THEN i END AS hour, 'DL' AS carrier, i > 5 AS weekend, "
        f"[3.0, 4.0] AS embedding FROM range(10) t(i)) TO '{path}'"
    )
    features = profile_file(path, endpoint, "gbm@1").merged().features
    assert features["distance"].numbers
    assert features["distance"].numbers.moments.mean == 4.5
    assert (features["hour"].null, features["hour"].usable) == (5, 5)
    assert features["weekend"].values
    assert features["weekend"].values.counts == {"false": 6, "true": 4}
    assert features["embedding"].norms
    assert features["embedding"].norms.moments.mean == 5.0


def test_what_the_model_said_and_what_turned_out_are_profiled_as_what_models_answer_is(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    path = tmp_path / "flights.parquet"
    duckdb.execute(
        "COPY (SELECT i::FLOAT AS distance, i AS hour, 'DL' AS carrier, i / 10 AS score, i > 5 AS late "
        f"FROM range(10) t(i)) TO '{path}'"
    )
    outputs = {PREDICTION: "score", LABEL: "late"}
    found = profile_file(path, endpoint, "gbm@1", outputs=outputs, chunk_rows=4)
    served = outputs_of("binary", [index / 10 for index in range(10)])[PREDICTION].numbers
    trained = found.merged().outputs[PREDICTION].numbers
    assert served
    assert trained
    assert (trained.sketch, trained.frequent) == (served.sketch, served.frequent)
    labels = found.merged().outputs[LABEL].numbers
    assert labels
    assert (labels.moments.count, labels.moments.mean) == (10, 0.4)
    assert Reference.decode(found.encode()) == found
    assert "score" not in found.merged().features


def test_a_column_of_predictions_that_is_not_there_is_named(endpoint: Endpoint, flights: Path) -> None:
    with pytest.raises(Invalid) as refused:
        profile_file(flights, endpoint, "gbm@1", outputs={PREDICTION: "score"})
    assert refused.value.problems[0].pointer == "/score"


def test_chunks_follow_the_file_and_progress_is_told(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "flights.csv"
    path.write_text("distance,hour,carrier\n" + "".join(f"{index},1,DL\n" for index in range(25)))
    told: list[tuple[int, int]] = []
    reference = profile_file(
        path, endpoint, "gbm@1", chunk_rows=10, on_progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (25, 25)
    assert largest(reference.series) == [9, 19, 24]


def largest(series: list[Profile]) -> list[float]:
    return [
        profile.features["distance"].numbers.moments.largest
        for profile in series
        if profile.features["distance"].numbers
    ]


def test_a_file_becomes_as_many_chunks_as_say_how_training_moved_each_with_its_time(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    path = tmp_path / "flights.parquet"
    duckdb.execute(
        "COPY (SELECT i::FLOAT AS distance, 1 AS hour, 'DL' AS carrier, TIMESTAMP '2013-01-01' + to_minutes(100000 - i) AS at "
        f"FROM range(100000) t(i)) TO '{path}'"
    )
    reference = profile_file(path, endpoint, "gbm@1", time_column="at")
    assert len(reference.series) == 60
    assert largest(reference.series) == sorted(largest(reference.series), reverse=True)
    assert len(reference.spans) == 60
    assert reference.spans[0][0] == (1_356_998_400 + 60) * 10**9
    assert profile_file(path, endpoint, "gbm@1").spans == []


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["9", "10", "1"], [3, 1, 2]),
        (["2013-01-02 00:00", "2013-01-03", "2012-12-31"], [3, 1, 2]),
    ],
)
def test_chunks_follow_the_column_of_times(
    endpoint: Endpoint, tmp_path: Path, times: list[str], expected: list[float]
) -> None:
    path = tmp_path / "flights.csv"
    rows = "".join(f"{index},1,DL,{at}\n" for index, at in enumerate(times, 1))
    path.write_text("distance,hour,carrier,at\n" + rows)
    reference = profile_file(path, endpoint, "gbm@1", time_column="at", chunk_rows=1)
    assert largest(reference.series) == expected


def test_missing_columns_are_all_named_with_what_the_file_has(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "flights.csv"
    path.write_text("dist,hour\n1,2\n")
    with pytest.raises(Invalid) as caught:
        profile_file(path, endpoint, "gbm@1", time_column="when")
    assert [problem.pointer for problem in caught.value.problems] == ["/distance", "/carrier", "/when"]
    assert "the file has: dist, hour" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.csv", None, "no such file"),
        ("flights.xlsx", b"", r"must end with one of \.parquet"),
        ("flights.parquet", b"this is no parquet file at all", "cannot be read"),
        ("flights.csv", b"distance,hour,carrier\n", "has no rows"),
    ],
)
def test_a_file_that_cannot_be_profiled_is_refused_in_words(
    endpoint: Endpoint, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Invalid, match=reason):
        profile_file(path, endpoint, "gbm@1")


def test_a_column_of_another_kind_than_its_feature_is_refused_in_words(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "flights.parquet"
    duckdb.execute(f"COPY (SELECT {{'km': 1}} AS distance, 1 AS hour, 'DL' AS carrier) TO '{path}'")
    with pytest.raises(Invalid, match="cannot be read"):
        profile_file(path, endpoint, "gbm@1")


def test_a_model_that_the_endpoint_does_not_have_is_refused(endpoint: Endpoint, flights: Path) -> None:
    with pytest.raises(Invalid, match=r"known: gbm@1"):
        profile_file(flights, endpoint, "gbm@2")
