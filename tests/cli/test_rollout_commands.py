"""`hyperplan rollout` against a control that runs."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.addresses import claim
from tests.rollouts.conftest import DOCUMENT

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs a command about rollouts against a control that knows the endpoint `flight-delay`."""
    listen, otlp = claim("127.0.0.1:0", "--listen"), claim("127.0.0.1:0", "--otlp-listen")
    arguments = ["control", "--listen", str(listen), "--otlp-listen", str(otlp), "--data", str(tmp_path)]
    environment = {"HYPERPLAN_CONTROL": listen.url, "HYPERPLAN_AUTHOR": "ada", "COLUMNS": "200", "NO_COLOR": "1"}

    def runs(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli.main", "rollout", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)

    with subprocess.Popen([sys.executable, "-m", "cli.main", *arguments], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline, "control did not start"
            try:
                put = httpx.put(f"{listen.url}/v1/endpoints/flight-delay", content=DOCUMENT, timeout=30)
                put.raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield runs
        process.terminate()


def test_a_rollout_is_started_shown_paused_and_aborted(run: Run) -> None:
    started = json.loads(
        run("start", "flight-delay", "gbm@2", "--steps", "2,100", "--slower", "200ms", "--json").stdout
    )
    assert (started["steps"], started["hold"], started["requests_needed"]) == ([2, 100], 3600, 500)
    assert sorted(started["guardrails"]) == ["errors", "latency"]
    assert "gbm@2 against gbm@1, running at 2 %" in run("show", "flight-delay").stdout
    assert "ada paused it" in run("pause", "flight-delay").stdout
    again = run("start", "flight-delay", "gbm@2")
    assert (again.returncode, again.stderr.strip()) == (
        1,
        "error: 'flight-delay' has a rollout already; abort it, or let it end",
    )
    assert json.loads(run("abort", "flight-delay", "--json").stdout)["state"] == "aborted"
    wrong = run("start", "flight-delay", "gbm@2", "--hold", "soon")
    assert wrong.stderr.strip() == "error: --hold 'soon' is no length of time: write 30d, 36h, 2w, 90m, 600s or 200ms"
