"""What an MLflow tracking server says of a run, in our words. The answers are such as MLflow 3 gives."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from cli.failure import Failure
from cli.mlflow import MLflow, Registered, lineage_of, parse_registered
from hyperplan.lineage import Data, problems_of_lineage


def dataset(name: str, context: str | None, digest: str = "be88b950", rows: int | None = 4) -> dict[str, Any]:
    profile = json.dumps({"num_rows": rows} if rows is not None else {})
    source = json.dumps({"uri": f"/data/{name}.parquet"})
    tags = [{"key": "mlflow.data.context", "value": context}] if context else []
    return {"tags": tags, "dataset": {"name": name, "digest": digest, "source": source, "profile": profile}}


def run(*datasets: dict[str, Any], **tags: str) -> dict[str, Any]:
    said = {"mlflow.user": "ada", "mlflow.source.git.commit": "4fd2"} | tags
    return {
        "info": {
            "run_id": "r1",
            "experiment_id": "1",
            "run_name": "deep",
            "status": "FINISHED",
            "end_time": 1796022706941,
        },
        "data": {
            "params": [{"key": "C", "value": "0.5"}],
            "metrics": [
                {"key": "auc", "value": 0.9},
                {"key": "odds", "value": 1.7976931348623157e308},
                {"key": "x", "value": "NaN"},
            ],
            "tags": [{"key": key, "value": value} for key, value in said.items()],
        },
        "inputs": {"dataset_inputs": list(datasets)},
    }


def test_the_data_of_a_run_is_what_was_logged_for_training() -> None:
    lineage, remarks = lineage_of(run(dataset("a", "training"), dataset("b", "eval")), "delays", "http://mlflow", {})
    assert lineage.data == Data(uri="/data/a.parquet", hash="be88b950", rows=4)
    assert [each["name"] for each in lineage.extra["datasets"]] == ["b"]
    assert (lineage.author, lineage.code_revision, lineage.trained_at) == ("ada", "4fd2", "2026-11-30T07:11:46Z")
    assert lineage.run is not None
    assert lineage.run.url == "http://mlflow/#/experiments/1/runs/r1"
    assert (lineage.metrics, remarks) == ({"auc": 0.9}, ["left out, being no numbers: the metrics odds, x"])
    assert list(problems_of_lineage(lineage)) == []


def test_several_training_sets_are_one_in_whatever_order_they_were_logged() -> None:
    sets = [dataset("a", "train", "11"), dataset("b", "train", "22", rows=6)]
    found = [lineage_of(run(*each), "delays", "http://mlflow", {}).lineage.data for each in (sets, sets[::-1])]
    assert found[0] == found[1] == Data(uri="/data/a.parquet /data/b.parquet", hash="11+22", rows=10)


def test_rows_that_are_not_known_of_all_are_not_known() -> None:
    found = lineage_of(run(dataset("a", None), dataset("b", None, rows=None)), "delays", "http://mlflow", {})
    assert found.lineage.data is not None
    assert found.lineage.data.rows is None


def test_what_a_run_lacks_is_said() -> None:
    bare = {"info": {"run_id": "r1", "experiment_id": "1", "status": "RUNNING"}}
    lineage, remarks = lineage_of(bare, "delays", "http://mlflow", {})
    assert (lineage.data, lineage.trained_at, lineage.author) == (None, None, None)
    assert [remark.split(";")[0] for remark in remarks] == [
        "the run is running, not finished",
        "the run names no data",
        "the run names no commit of its code",
    ]


def test_a_registered_version_is_named_as_mlflow_names_it() -> None:
    assert parse_registered("models:/a/b/3") == Registered("a/b", "3", None)
    assert parse_registered("flights@champion") == Registered("flights", None, "champion")
    for bad in ("flights", "/3", "flights/"):
        with pytest.raises(Failure, match="must be name/version or name@alias"):
            parse_registered(bad)


class _Answers(BaseHTTPRequestHandler):
    said: tuple[int, str] = (200, "")
    asked: list[str | None] = []  # noqa: RUF012 - what the test looks at

    def do_GET(self) -> None:
        self.asked.append(self.headers["authorization"])
        status, body = self.said
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            404,
            json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run with id=x not found"}),
            "Run with id=x not found",
        ),
        (200, "<html>", "is no MLflow tracking server"),
        (403, "[]", "is no MLflow tracking server"),
    ],
)
def test_a_refusal_is_told_in_mlflows_words_and_another_server_as_such(
    server: str, status: int, body: str, said: str
) -> None:
    _Answers.said = (status, body)
    with MLflow(server, {}) as mlflow, pytest.raises(Failure, match=said):
        mlflow.lineage("x")


def test_a_server_that_is_not_there_is_said() -> None:
    with MLflow("http://127.0.0.1:9", {}) as mlflow, pytest.raises(Failure, match="cannot be reached"):
        mlflow.lineage("x")


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "x"}, "Basic YWRhOng="),
        ({"MLFLOW_TRACKING_TOKEN": "t"}, "Bearer t"),
        ({}, None),
    ],
)
def test_credentials_are_those_of_mlflows_own_clients(
    server: str, environment: dict[str, str], header: str | None
) -> None:
    _Answers.said = (200, "{}")
    _Answers.asked.clear()
    with MLflow(server, environment) as mlflow, pytest.raises(Failure, match="no MLflow"):
        mlflow.lineage("x")
    assert _Answers.asked == [header]
