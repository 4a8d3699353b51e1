"""A lineage comes from a tracking server that nobody here wrote: MLflow's own, with runs that its own client logged."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio

from cli.addresses import claim
from cli.processes import Process, own_environment
from tests.end_to_end.stacks import Log
from tests.extproc.conversation import DOCUMENT
from tests.interop.servers import ENVIRONMENTS, START, program, run_script

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Tracked(NamedTuple):
    """A tracking server, a control, and two runs that did the same."""

    mlflow: str
    control: str
    runs: list[dict[str, Any]]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        command = [sys.executable, "-m", "cli.main", *arguments, "--control", self.control]
        environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)

    def imported(self, model: str, *which: str) -> dict[str, Any]:
        """The answer to the import of a model's lineage."""
        done = self.run("models", "import", "flight-delay", model, "--mlflow", self.mlflow, *which, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tracked(log: Log, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tracked]:
    folder = tmp_path_factory.mktemp("tracking")
    mlflow, listen, otlp = (claim("127.0.0.1:0", "a port") for _ in range(3))
    server = Process("mlflow", _server(folder, mlflow.port), _environment(), log)
    data = ["--data", str(folder / "control")]
    ours = [sys.executable, "-m", "cli.main", "control", "--listen", str(listen), "--otlp-listen", str(otlp), *data]
    control = Process("control", ours, own_environment(), log)
    try:
        for process, url in ((server, f"{mlflow.url}/health"), (control, f"{listen.url}/readyz")):
            await process.start()
            await process.until(_answers(url), START)
        runs = json.loads((await asyncio.to_thread(run_script, "mlflow", "track_mlflow", mlflow.url)).splitlines()[-1])
        async with httpx.AsyncClient() as client:
            await client.put(f"{listen.url}/v1/endpoints/flight-delay", content=DOCUMENT)
        yield Tracked(mlflow.url, listen.url, runs)
    finally:
        for process in (control, server):
            await process.stop()


def _server(folder: Path, port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = [
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.sqlite'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    return [program("mlflow", "mlflow"), "server", *where, *store]


def _environment() -> dict[str, str]:
    return own_environment(PATH=f"{ENVIRONMENTS / 'mlflow' / 'bin'}:{os.environ['PATH']}")


def _answers(url: str) -> Callable[[], Any]:
    async def ready() -> bool:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(url)).is_success
            except httpx.TransportError:
                return False

    return ready


def test_a_run_becomes_the_lineage_of_a_model(tracked: Tracked) -> None:
    run = tracked.runs[0]
    lineage = tracked.imported("gbm@1", "--run", run["run"])["lineage"]
    page = f"{tracked.mlflow}/#/experiments/{run['experiment']}/runs/{run['run']}"
    assert lineage["algorithm"] == "sklearn.linear_model.LogisticRegression"
    assert lineage["parameters"] == {"C": "0.5", "fit_intercept": "True", "penalty": "None"}
    assert lineage["data"] == {"uri": "/data/flights.parquet", "hash": run["digest"], "rows": 4}
    assert lineage["metrics"] == {"auc": 1.0}
    assert (lineage["code_revision"], lineage["author"]) == (run["commit"], run["user"])
    assert lineage["run"] == {"server": tracked.mlflow, "experiment": "delays", "id": run["run"], "url": page}
    ended = datetime.fromtimestamp(run["end"] // 1000, UTC)
    assert datetime.fromisoformat(lineage["trained_at"]) == ended
    assert [each["name"] for each in lineage["extra"]["datasets"]] == ["held out"]
    assert httpx.get(f"{tracked.control}/v1/endpoints/flight-delay/models/gbm@1").json()["lineage"] == lineage


def test_what_the_run_lacks_is_said(tracked: Tracked) -> None:
    said = tracked.imported("gbm@1", "--run", tracked.runs[0]["run"])["notes"]
    assert said == ["left out, being no numbers: the metrics odds"]


@pytest.mark.parametrize("which", ["flights/2", "flights@champion", "models:/flights/2"])
def test_a_version_of_a_registered_model_leads_to_its_run_which_repeats_the_first(tracked: Tracked, which: str) -> None:
    tracked.imported("gbm@1", "--run", tracked.runs[0]["run"])
    found = tracked.imported("logit@1", "--registered", which)
    assert found["lineage"]["run"]["id"] == tracked.runs[1]["run"]
    assert found["lineage"]["extra"]["registered_version"] == "2"
    assert any("logit@1 repeats gbm@1" in note for note in found["notes"])
    compared = json.loads(tracked.run("models", "compare", "flight-delay", "gbm@1", "logit@1", "--json").stdout)
    lines = {line["pointer"]: line["same"] for line in compared["lines"]}
    assert (lines["/lineage/data/hash"], lines["/lineage/run/id"]) == (True, False)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        (("--run", "0" * 32), "not found"),
        (("--registered", "flights/9"), "flights"),
        (("--registered", "nothing@champion"), "nothing"),
        (("--registered", "flights"), "must be name/version or name@alias"),
        ((), "give --run, or --registered"),
    ],
)
def test_what_mlflow_does_not_know_is_said_in_a_sentence(tracked: Tracked, which: tuple[str, ...], said: str) -> None:
    done = tracked.run("models", "import", "flight-delay", "gbm@1", "--mlflow", tracked.mlflow, *which)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_the_endpoint_has_not_is_said(tracked: Tracked) -> None:
    run = tracked.runs[0]["run"]
    done = tracked.run("models", "import", "flight-delay", "nobody@1", "--mlflow", tracked.mlflow, "--run", run)
    assert "no model 'nobody@1'" in done.stderr
