"""The commands about alerts, against a real control; and what control is told about webhooks."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.addresses import claim
from cli.failure import Failure
from cli.webhooks import read_webhooks
from control.alerts.book import AlertBook
from control.jobs.lease import Lease
from control.registry import Change, Registry, Write
from control.registry.database import FILE, open_database, sqlite_url
from hyperplan.alerts import Found, Observation, Policy
from hyperplan.documents import Document
from hyperplan.endpoint import read_endpoint
from hyperplan.schema import Float, Schema
from hyperplan.skew.finding import Finding

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def seed(data: Path) -> None:
    """An alert that was opened before control started, of an endpoint that shows nothing new."""
    engine = open_database(sqlite_url(data / FILE))
    Registry(engine).put(read_endpoint(Document(DOCUMENT)), Change.APPLY, Write())
    lease = Lease(engine, "alerts")
    lease.claim()
    now = time.time_ns()
    sentence = "dep_delay comes in seconds where training had minutes"
    found = Finding(feature="dep_delay", kind="feature", finding="unit", effect=60, evidence=50, sentence=sentence)
    schema = Schema(features={"dep_delay": Float(source="ops-feed")})
    seen = Observation("flight-delay", schema, {"gbm@1"}, {"gbm@1": now}, [Found("gbm@1", found)])
    AlertBook(engine).take_step(seen, now, Policy(), lease=lease, webhooks=["hook"], body=lambda _: b"{}")
    lease.release()
    engine.dispose()


DOCUMENT = {
    "name": "flight-delay",
    "match": {"path": "/predict"},
    "protocol": "json",
    "task": "binary",
    "schema": {"features": {"dep_delay": {"type": "float", "source": "ops-feed"}}},
    "models": {"gbm@1": {"url": "http://127.0.0.1:9001/predict", "protocol": "json"}},
    "routing": {"split": {"gbm@1": 1}},
}


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a control that has an open alert."""
    listen, otlp = claim("127.0.0.1:0", "--listen"), claim("127.0.0.1:0", "--otlp-listen")
    data = tmp_path_factory.mktemp("control")
    seed(data)
    arguments = ["control", "--listen", str(listen), "--otlp-listen", str(otlp), "--data", str(data)]
    with subprocess.Popen([sys.executable, "-m", "cli.main", *arguments], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline, "control did not start"
            try:
                httpx.get(f"{listen.url}/readyz").raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield listen.url
        process.terminate()


@pytest.fixture
def run(control: str) -> Run:
    """Runs a command against control."""

    def runs(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli.main", "alerts", *arguments]
        environment = {"HYPERPLAN_CONTROL": control, "COLUMNS": "200", "NO_COLOR": "1", "TZ": "UTC"}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)

    return runs


def test_an_alert_is_listed_shown_and_acknowledged(run: Run) -> None:
    listed = run()
    assert "ops-feed: dep_delay comes in seconds where training had minutes" in listed.stdout, listed.stderr
    (alert,) = json.loads(run("list", "--state", "open", "--endpoint", "flight-delay", "--json").stdout)
    said = json.loads(run("ack", alert["id"], "--author", "ada", "--note", "on [it]", "--json").stdout)
    assert said["acknowledged"]["note"] == "on [it]"
    shown = run("show", alert["id"]).stdout
    assert "seen by ada" in shown
    assert "on [it]" in shown
    assert f"msg_{alert['id']}-1 to webhook hook: " in shown
    assert f"/v1/endpoints/flight-delay/alerts/{alert['id']}/picture.svg" in shown
    assert json.loads(run("show", alert["id"], "--json").stdout)["id"] == alert["id"]


def test_a_silence_is_made_listed_and_ended(run: Run) -> None:
    made = json.loads(run("silence", "--feature", "dep_delay", "--until", "+1h", "--author", "ada", "--json").stdout)
    assert "feature dep_delay" in run("silences").stdout
    assert [each["id"] for each in json.loads(run("silences", "--json").stdout)] == [made["id"]]
    assert run("unsilence", made["id"]).stdout == f"{made['id']}: ended\n"
    assert run("silences").stdout == "no silence\n"


def test_what_cannot_be_done_is_said_in_a_sentence(run: Run) -> None:
    assert run("show", "nobody").stderr == "error: there is no alert 'nobody'; GET /v1/alerts lists them\n"
    nothing = run("silence", "--author", "ada")
    assert nothing.stderr.startswith("error: name what is to be silenced: at least one of --alert, --endpoint")
    late = run("silence", "--author", "ada", "--feature", "x", "--until", "yesterday")
    assert "ahead like +2h" in late.stderr


# Webhooks.


def test_webhooks_are_read_with_their_secret(tmp_path: Path) -> None:
    urls = ["https://one.example.org/x", "http://127.0.0.1:1/"]
    found = read_webhooks(urls, None, {"HYPERPLAN_WEBHOOK_SECRET": SECRET})
    assert (list(found.urls), list(found.secrets)) == (urls, [b"0123456789abcdef0123456789abcdef"])
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert read_webhooks(urls, tmp_path / "secret", {}) == found
    assert read_webhooks([], None, {}).urls == ()


def test_a_webhook_without_a_secret_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"HYPERPLAN_WEBHOOK_SECRET holds no secret.*openssl rand"):
        read_webhooks(["http://127.0.0.1:1/"], None, {})
    with pytest.raises(Failure, match="nowhere cannot be read"):
        read_webhooks(["http://127.0.0.1:1/"], tmp_path / "nowhere", {})


def test_a_webhook_that_is_no_url_is_refused() -> None:
    with pytest.raises(Failure, match="--webhook"):
        read_webhooks(["example.org"], None, {"HYPERPLAN_WEBHOOK_SECRET": SECRET})
