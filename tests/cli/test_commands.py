"""The commands that talk to control, against a real one."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import httpx
import pytest

from cli.addresses import claim
from tests.extproc.conversation import DOCUMENT

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a control."""
    listen, otlp = claim("127.0.0.1:0", "--listen"), claim("127.0.0.1:0", "--otlp-listen")
    data = tmp_path_factory.mktemp("control")
    arguments = ["control", "--listen", str(listen), "--otlp-listen", str(otlp), "--data", str(data)]
    with subprocess.Popen([sys.executable, "-m", "cli.main", *arguments], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not _is_ready(listen.url):
            assert process.poll() is None
            assert time.monotonic() < deadline, "control did not start"
            time.sleep(0.05)
        yield listen.url
        process.terminate()


@pytest.fixture
def run(control: str) -> Run:
    """Runs a command against control."""

    def hyperplan(*arguments: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli.main", *arguments, "--control", control]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)

    return hyperplan


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.HTTPError:
        return False


def document(name: str) -> str:
    """A document of an endpoint of one's own."""
    return DOCUMENT.replace("flight-delay", name)


def test_a_document_is_applied_and_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "endpoint.yaml").write_text(document("applied"))
    assert run("apply", "-f", str(tmp_path / "endpoint.yaml")).stdout == "applied: revision 1\n"
    shown = run("get", "applied").stdout
    assert "gbm@1" in shown
    assert "dep_delay" in shown
    assert "applied" in run("get").stdout


def test_a_document_can_come_from_standard_input(run: Run) -> None:
    assert run("apply", "-f", "-", text=document("piped")).returncode == 0


def test_applying_the_same_again_changes_nothing(run: Run) -> None:
    answers = [json.loads(run("apply", "-f", "-", "--json", text=document("same")).stdout) for _ in range(2)]
    assert [answer[0]["revision"] for answer in answers] == [1, 1]


def test_a_bad_document_is_refused_with_every_place_and_its_line(run: Run) -> None:
    bad = document("bad").replace("min: -60", "min: 60, max: 5").replace("gbm@1: 50", "gmb@1: 50")
    done = run("apply", "-f", "-", text=bad)
    assert done.returncode == 1
    assert "line 10: /schema/features/dep_delay/min" in done.stderr
    assert "/routing/split/gmb@1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_named(run: Run) -> None:
    done = run("apply", "-f", "nowhere.yaml")
    assert (done.returncode, done.stderr) == (1, "error: nowhere.yaml cannot be read: No such file or directory\n")


def test_a_split_is_edited_with_its_author_and_reason(run: Run, control: str) -> None:
    run("apply", "-f", "-", text=document("routed"))
    done = run(
        "route", "routed", "--split", "gbm@1=10,logit@1=90", "--author", "Ada Müller", "--reason", "wächst", "--json"
    )
    assert json.loads(done.stdout) == {"endpoint": "routed", "revision": 2}
    newest = httpx.get(f"{control}/v1/endpoints/routed/revisions").json()["revisions"][0]
    assert (newest["change"], newest["author"], newest["reason"]) == ("routing", "Ada Müller", "wächst")
    assert httpx.get(f"{control}/v1/endpoints/routed/routing").json()["split"] == {"gbm@1": 10, "logit@1": 90}


def test_a_split_that_names_no_model_is_refused(run: Run) -> None:
    run("apply", "-f", "-", text=document("unrouted"))
    done = run("route", "unrouted", "--split", "nobody@1=100")
    assert done.returncode == 1
    assert "nobody@1" in done.stderr


@pytest.mark.parametrize("split", ["gbm@1", "gbm@1=", "=5", "gbm@1=x", "gbm@1=1,,logit@1=2"])
def test_a_malformed_split_is_explained(run: Run, split: str) -> None:
    done = run("route", "any", "--split", split)
    assert done.returncode == 1
    assert "must be model=weight" in done.stderr


def test_an_edit_is_rolled_back(run: Run, control: str) -> None:
    run("apply", "-f", "-", text=document("rolled"))
    run("route", "rolled", "--split", "gbm@1=10,logit@1=90")
    assert run("rollback", "rolled", "--to", "1").stdout == "rolled: revision 3\n"
    assert httpx.get(f"{control}/v1/endpoints/rolled/routing").json()["split"] == {"gbm@1": 50, "logit@1": 50}


def test_an_unknown_endpoint_is_named_with_those_that_exist(run: Run) -> None:
    run("apply", "-f", "-", text=document("known"))
    done = run("get", "unknown")
    assert done.returncode == 1
    assert "unknown" in done.stderr
    assert "known" in done.stderr


def test_training_data_becomes_a_reference(run: Run, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("profiled"))
    path = tmp_path / "train.parquet"
    duckdb.execute(
        "COPY (SELECT i / 2.0 AS dep_delay, 'AA' AS carrier, i AS distance, 'N1' AS tailnum FROM range(1000) t(i)) "
        f"TO '{path}' (FORMAT parquet)"
    )
    done = run("profile", str(path), "--endpoint", "profiled", "--model", "gbm@1", "--json")
    kept = json.loads(done.stdout)
    assert (kept["rows"], kept["features"]) == (1000, ["carrier", "dep_delay", "distance", "tailnum"])


def test_training_data_without_a_feature_is_refused_by_its_name(run: Run, tmp_path: Path) -> None:
    run("apply", "-f", "-", text=document("incomplete"))
    (tmp_path / "train.csv").write_text("dep_delay,carrier\n1,AA\n")
    done = run("profile", str(tmp_path / "train.csv"), "--endpoint", "incomplete", "--model", "gbm@1")
    assert done.returncode == 1
    assert "distance" in done.stderr


def test_a_control_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    away = claim("127.0.0.1:0", "--control").url
    command = [sys.executable, "-m", "cli.main", "get", "--control", away]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: control at {away} cannot be reached")


def test_an_error_can_be_read_by_machines(run: Run) -> None:
    found = json.loads(run("apply", "-f", "-", "--json", text=document("bad").replace("min: -60", "min: x")).stdout)
    assert found["errors"][0]["pointer"] == "/schema/features/dep_delay/min"
