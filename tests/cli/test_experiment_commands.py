"""The commands about experiments, against a real control that judges by itself, and that is killed and started again."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.addresses import claim
from control.registry import Registry
from control.registry.database import FILE, open_database, sqlite_url
from control.stores import open_store
from hyperplan.shadow import ShadowSample
from tests.control_experiments.conftest import Shop

pytestmark = pytest.mark.heavy

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def seed(data: Path) -> None:
    """Visitors of whom those that met b@1 bought twice as often, some minutes ago; and what the shadow c@1 would have said to half of them."""
    engine = open_database(sqlite_url(data / FILE))
    registry = Registry(engine)
    store = open_store(data, 60, lambda name: registry.get(name)[1])
    shop = Shop(lambda: registry, store)
    shop.redesign(window=2.0)
    shop.begin()
    samples = shop.visit(1500, {"a@1": 0.2, "b@1": 0.4}, at=0, revision=2)
    store.ingest(
        [
            ShadowSample(
                prediction_id=each.prediction_id,
                time=each.time,
                endpoint="shop",
                revision=2,
                model="c@1",
                inclusion=1.0,
                status=200,
                predictions=[0.3],
            )
            for each in samples[::2]
        ]
    )
    shop.judging.lease.release()
    store.close()
    registry.close()


class Control:
    """A control on a folder of data, which can be killed and started again."""

    def __init__(self, data: Path) -> None:
        self._listen, self._otlp = claim("127.0.0.1:0", "--listen"), claim("127.0.0.1:0", "--otlp-listen")
        self._data = data
        self.url = self._listen.url

    def start(self) -> None:
        arguments = ["control", "--listen", str(self._listen), "--otlp-listen", str(self._otlp)]
        command = [sys.executable, "-m", "cli.main", *arguments, "--data", str(self._data)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.wait_for("/readyz", lambda _: True)

    def wait_for(self, path: str, holds: Callable[[httpx.Response], bool]) -> Any:
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None
            assert time.monotonic() < deadline, f"{path} does not say what it should"
            try:
                answer = httpx.get(f"{self.url}{path}")
                if answer.is_success and holds(answer):
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    data = tmp_path_factory.mktemp("control")
    seed(data)
    control = Control(data)
    try:
        control.start()
        control.wait_for("/v1/endpoints/shop/experiment", lambda answer: answer.json()["state"] == "running")
        yield control
    finally:
        control.kill()


@pytest.fixture
def run(control: Control) -> Run:
    def runs(*arguments: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli.main", "experiment", *arguments]
        environment = {"HYPERPLAN_CONTROL": control.url, "COLUMNS": "200", "NO_COLOR": "1", "TZ": "UTC"}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=environment, input=given
        )

    return runs


def test_control_judges_by_itself_and_the_verdict_is_shown_in_words(run: Run) -> None:
    shown = run("show", "shop")
    assert shown.stdout.startswith("shop, since revision 2"), shown.stderr
    assert "SHIP b@1 against a@1 since" in shown.stdout
    assert "b@1 is better than a@1: the effect is from +" in shown.stdout
    assert "units come as the weights say: yes" in shown.stdout
    report = json.loads(run("show", "shop", "--json").stdout)
    assert report["treatments"][0]["verdict"]["state"] == "better"


def test_a_verdict_is_there_after_control_was_killed(control: Control, run: Run) -> None:
    before = json.loads(run("show", "shop", "--json").stdout)["treatments"][0]
    control.kill()
    control.start()
    after = json.loads(run("show", "shop", "--json").stdout)["treatments"][0]
    assert (after["verdict"], after["decided_at"]) == (before["verdict"], before["decided_at"])


def test_a_plan_is_made_of_what_is_declared_and_of_what_a_file_says(run: Run, tmp_path: Path) -> None:
    shown = run("plan", "shop", "--since", "-1h").stdout
    assert "from 1,500 labelled predictions" in shown
    assert "b@1" in shown
    design = {"arms": ["a@1", "b@1"], "minimum_effect": {"absolute": 0.05}, "unit": "request"}
    (tmp_path / "endpoint.json").write_text(json.dumps({"name": "shop", "experiment": design}))
    planned = json.loads(run("plan", "shop", "-f", str(tmp_path / "endpoint.json"), "--json").stdout)
    assert planned["treatments"][0]["outlook"]["fixed"] > 1000
    assert json.loads(run("plan", "shop", "-f", "-", "--json", given=json.dumps(design)).stdout)["design"] == design
    assert run("plan", "shop", "-f", "-", given="name: shop").stderr.startswith(
        "error: standard input holds no experiment"
    )


def test_a_shadow_is_judged_by_the_labels_that_came(run: Run) -> None:
    shown = run("compare", "shop", "--since", "-1h").stdout
    assert "c@1 predicts better than a@1: its brier loss less that of a@1 is" in shown
    report = json.loads(run("compare", "shop", "--loss", "error", "--json").stdout)
    assert {one["model"] for one in report["shadows"][0]["against"]} == {"a@1", "b@1"}


def test_what_is_not_there_is_said_in_a_sentence(run: Run) -> None:
    assert "there is no endpoint 'nobody'" in run("show", "nobody").stderr
    assert "started with revision 9; known: [2]" in run("show", "shop", "--revision", "9").stderr
    assert "known: brier, error, log" in run("compare", "shop", "--loss", "huber").stderr
