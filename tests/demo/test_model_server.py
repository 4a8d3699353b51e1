"""The model server, as a process of its own, answers as TensorFlow Serving does."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from demo.model_server import app

ROW: dict[str, Any] = {
    "dep_delay": 40.0,
    "distance": 1400,
    "hour": 17,
    "temp": 39.02,
    "wind_speed": 12.7,
    "visib": 10.0,
    "precip": 0.0,
    "carrier": "UA",
    "origin": "EWR",
    "tailnum": "N14228",
}
PREDICT = "/v1/models/flight-delay:predict"


def predict(address: str, *rows: dict[str, Any]) -> list[float]:
    answer = httpx.post(address + PREDICT, json={"instances": rows}, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    predictions: list[float] = answer.json()["predictions"]
    return predictions


def test_each_row_gets_a_probability(model_server: str) -> None:
    late, early = predict(model_server, ROW, ROW | {"dep_delay": -5.0})
    assert 0 <= early < 0.5 < late <= 1


def test_rows_of_one_request_are_answered_as_they_are_alone(model_server: str) -> None:
    rows = [ROW, ROW | {"dep_delay": None}, ROW | {"origin": "JFK"}]
    assert predict(model_server, *rows) == [predict(model_server, row)[0] for row in rows]


def test_the_status_is_that_of_an_available_model(model_server: str) -> None:
    answer = httpx.get(f"{model_server}/v1/models/flight-delay", trust_env=False)
    assert answer.status_code == 200
    assert answer.json() == {
        "model_version_status": [
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }


def test_a_renamed_feature_is_no_error(model_server: str) -> None:
    row = {("dist" if name == "distance" else name): value for name, value in ROW.items()}
    assert predict(model_server, row) == predict(model_server, ROW | {"distance": None})


def test_null_is_as_good_as_absent(model_server: str) -> None:
    absent = {name: value for name, value in ROW.items() if name != "temp"}
    assert predict(model_server, absent) == predict(model_server, ROW | {"temp": None})


def test_a_category_that_training_never_saw_is_no_error(model_server: str) -> None:
    assert predict(model_server, ROW | {"carrier": "ZZ"}) == predict(model_server, ROW | {"carrier": "QQ"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        b'{"instances": {}}',
        b'{"instances": []}',
        b'{"instances": [1]}',
        b'{"instances": [{"distance": "far"}]}',
        b'{"instances": [{"carrier": 5}]}',
        b'{"instances": [{"dep_delay": NaN}]}',
        b'{"instances": ' + b"[" * 100_000,
    ],
)
def test_a_bad_body_gets_400_and_a_reason(model_server: str, body: bytes) -> None:
    answer = httpx.post(model_server + PREDICT, content=body, trust_env=False)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"]


def test_an_error_names_the_value_that_caused_it(model_server: str) -> None:
    answer = httpx.post(model_server + PREDICT, json={"instances": [ROW, {"distance": "far"}]}, trust_env=False)
    assert "$.instances[1].distance" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("POST", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("POST", "/v2/models", 404, "Malformed request: POST /v2/models"),
        ("DELETE", "/v1/models/flight-delay", 405, "Malformed request: DELETE /v1/models/flight-delay"),
    ],
)
def test_what_is_not_there_is_said_as_tensorflow_serving_says_it(
    model_server: str, method: str, path: str, status: int, error: str
) -> None:
    answer = httpx.request(method, model_server + path, trust_env=False)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_settings_come_from_the_environment_and_sigterm_stops_the_server(model_path: Path) -> None:
    environment = {
        "HYPERPLAN_MODEL_PATH": str(model_path),
        "HYPERPLAN_MODEL_NAME": "gbm",
        "HYPERPLAN_MODEL_LISTEN": "127.0.0.1:0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.model_server"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with httpx.Client(trust_env=False) as client:  # still connected when the server is told to stop
            assert client.get(f"{address}/v1/models/gbm").status_code == 200
            process.terminate()
            assert process.wait(timeout=5) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("listen", ["8501", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(model_path: Path, listen: str) -> None:
    refused = CliRunner().invoke(app, ["--name", "gbm", "--model", str(model_path), "--listen", listen])
    assert refused.exit_code == 2
    assert "must be host:port" in refused.output


def test_a_model_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["--name", "gbm", "--model", str(tmp_path / "none.joblib")])
    assert refused.exit_code == 2
    assert "No such file" in refused.output
