"""The API and the command show thresholds, learn them when asked, and pin them."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from cli.thresholds import show_thresholds
from control.api import thresholds
from control.problems import HANDLERS
from tests.control_thresholds.conftest import Gate

Api = TestClient[Litestar]
PATH = "/v1/endpoints/gate/thresholds"


@pytest.fixture
def api(gate: Gate) -> Iterator[Api]:
    app = Litestar(
        thresholds.handlers,
        dependencies={
            "registry": Provide(lambda: gate.registry, sync_to_thread=False),
            "store": Provide(lambda: gate.store, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
    )
    with TestClient(app) as client:
        yield client


def test_a_threshold_is_shown_with_where_it_comes_from(api: Api, gate: Gate) -> None:
    before = api.get(PATH).json()
    assert (before["models"]["a@1"]["setting"], before["models"]["a@1"]["origin"]) == (0.5, "start")
    gate.fly(2000)
    gate.teaching.round()
    report = api.get(PATH).json()
    found = report["models"]["a@1"]
    assert found["setting"] == found["learnt"]["value"] == found["look"]["value"]
    assert (found["origin"], found["learnt"]["labels"], found["look"]["changed"]) == ("labels", 2000, True)
    assert found["look"]["attained"]["low"] < found["look"]["attained"]["value"] < found["look"]["before"]["value"]
    assert report["models"]["b@1"]["origin"] == "start"


def test_learning_can_be_asked_for(api: Api, gate: Gate) -> None:
    gate.fly(2000)
    assert api.post(f"{PATH}/learn").json()["models"]["a@1"]["origin"] == "labels"


def test_a_threshold_is_pinned_and_unpinned(api: Api, gate: Gate) -> None:
    pinned = api.put(f"{PATH}/a@1", json={"value": 0.3}, headers={"hyperplan-reason": "so many gates"})
    assert (pinned.json()["models"]["a@1"]["setting"], pinned.json()["models"]["a@1"]["origin"]) == (0.3, "pinned")
    assert pinned.headers["etag"] == '"2"'
    assert gate.registry.history("gate", limit=1)[0].reason == "so many gates"
    assert api.delete(f"{PATH}/a@1").json()["models"]["a@1"]["setting"] == 0.5


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (f"{PATH}/c@1", {"value": 0.3}, 404, "has no model"),
        (f"{PATH}/a@1", {"value": {"0": 1}}, 422, "must be a number"),
        (f"{PATH}/a@1", {"value": "much"}, 422, ""),
        ("/v1/endpoints/door/thresholds/a@1", {"value": 0.3}, 404, "there is no endpoint"),
    ],
)
def test_a_pin_that_means_nothing_is_refused(api: Api, path: str, body: object, status: int, said: str) -> None:
    answer = api.put(path, json=body)
    assert answer.status_code == status
    assert said in answer.text


def test_the_command_shows_a_line_for_each_version(api: Api, gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    gate.fly(2000)
    gate.routed(shadow=("b@1",))
    gate.shadow(200)
    show_thresholds(api.post(f"{PATH}/learn").json())
    shown = capsys.readouterr().out
    assert "gate wants the smallest cost: positive from the threshold on, else negative" in shown
    assert "learnt" in shown
    assert "predecessor" in shown


def test_the_command_shows_nothing_attained_by_a_threshold_that_was_not_looked_at(
    api: Api, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.fly(2000)
    learnt = api.post(f"{PATH}/learn").json()["models"]["a@1"]
    assert learnt["look"]["current"] == 0.5
    pinned = api.put(f"{PATH}/a@1", json={"value": 0.93}).json()
    show_thresholds(pinned)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "0.93" in line and "│" in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == ["a@1", "0.93", "pinned", "-", "-"]
