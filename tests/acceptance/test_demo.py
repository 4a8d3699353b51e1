"""The demo itself: shorter, and its accidents would be over before anybody has looked twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo keeps its pictures."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def told(pictures: Path) -> Any:
    """What the demo says of itself."""
    command = (
        f"demo --pictures {pictures} --once --json --listen 127.0.0.1:0 --control 127.0.0.1:0 --otlp-listen 127.0.0.1:0"
    )
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *command.split()], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_client_sees_an_error(told: Any) -> None:
    assert (told["requests"], told["client_errors"], told["rejected"]) == (20_000, 0, 0)


def test_every_request_is_sampled(told: Any) -> None:
    assert told["samples"] == 20_000


def test_planes_stay_where_they_are_and_move_only_when_they_must(told: Any) -> None:
    planes = told["checks"]["planes"]
    assert (planes["torn"], planes["moved_back"]) == (0, 0)
    assert planes["moved"] > 0
    assert all(p_value > 0.001 for p_value in told["checks"]["split_p_values"].values())


def test_the_edit_is_visible_in_the_arms_within_a_second(told: Any) -> None:
    assert set(told["checks"]["split_p_values"]) == {"1", "2"}
    assert told["checks"]["edit_visible_ms"] < 1000


def test_the_killed_model_is_stood_in_for(told: Any) -> None:
    assert told["checks"]["failovers"] > 0


def test_the_accidents_are_seen_in_violations_and_skew(told: Any) -> None:
    assert told["violations"]["range"]["dep_delay"] > 0
    assert told["violations"]["renamed"]["distance"] > 0
    skew = told["skew"]
    assert skew["distance"]["violations"]["renamed"] == told["violations"]["renamed"]["distance"]
    assert skew["dep_delay"]["worst_psi"] > 2 * skew["carrier"]["worst_psi"]


def test_the_seconds_and_the_rename_are_called_by_their_names_and_shown(told: Any, pictures: Path) -> None:
    alert_of = {tuple(finding): alert for alert in told["alerts"] for finding in alert["findings"]}
    seconds, rename = alert_of["dep_delay", "unit"], alert_of["distance", "renamed"]
    assert "seconds where training had minutes" in seconds["sentence"]
    assert "dist" in rename["sentence"]
    for alert in (seconds, rename):
        assert (pictures / f"{alert['id']}.svg").read_text().startswith("<svg")


def test_the_truth_comes_back_and_no_client_notices_who_is_compared(told: Any) -> None:
    experiment = told["experiment"]
    assert (experiment["flights"], experiment["client_errors"]) == (12_000, 0)
    assert experiment["labels"] > 11_000


def test_the_experiment_ends_with_the_verdict_that_the_model_beats_the_rule(told: Any) -> None:
    (treatment,) = told["experiment"]["experiment"]["treatments"]
    assert (treatment["treatment"], treatment["control"]) == ("gbm@1", "prior@1")
    assert treatment["verdict"]["decision"] == "ship", treatment["verdict"]["why"]
    assert treatment["effect"]["low"] > 0


def test_the_shadow_is_judged_on_the_same_flights_as_the_models_that_answered(told: Any) -> None:
    (shadow,) = told["experiment"]["paired"]["shadows"]
    against = {one["model"]: one for one in shadow["against"]}
    assert shadow["shadow"] == "logit@1"
    assert against["prior@1"]["state"] == "better"
    assert against["gbm@1"]["estimate"] > against["prior@1"]["estimate"]


def test_thresholds_are_learnt_from_the_labels_for_each_model_its_own(told: Any) -> None:
    models = told["experiment"]["thresholds"]["models"]
    gbm = models["gbm@1"]
    assert gbm["origin"] == "labels"
    assert 0.1 < gbm["setting"] < 0.4  # a wrong "on time" costs five times as much, so late is called early
    assert gbm["learnt"]["labels"] >= 100
