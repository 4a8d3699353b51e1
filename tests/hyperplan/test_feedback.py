"""Feedback is held against its endpoint: what a label is depends on the task."""

import math
from typing import Any

import msgspec
import pytest

from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.feedback import Feedback, SentFeedback, feedback_of, storable_feedback
from hyperplan.problems import Invalid

NOW = 1_700_000_000_000_000_000


def endpoint(task: str) -> Endpoint:
    return parse_endpoint(
        f"""
        {{name: flights, match: {{path: /predict}}, protocol: json, task: {task},
         schema: {{features: {{distance: {{type: float}}}}}},
         models: {{gbm@1: {{url: "http://127.0.0.1:1/", protocol: json}}}}, routing: {{split: {{gbm@1: 1}}}}}}
        """
    )


ENDPOINTS = {task: endpoint(task) for task in ("binary", "multiclass", "regression")}


def read(task: str = "binary", **fields: Any) -> Feedback:
    sent = msgspec.convert({"endpoint": "flights", "prediction_id": "p"} | fields, SentFeedback)
    return feedback_of(sent, ENDPOINTS[task], now=NOW)


def problems(task: str = "binary", **fields: Any) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read(task, **fields)
    return [problem.pointer for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("task", "label", "kept"),
    [
        ("binary", True, 1.0),
        ("binary", 0, 0.0),
        ("regression", -12.5, -12.5),
        ("regression", 3, 3.0),
        ("multiclass", "late", "late"),
        ("multiclass", 2, "2"),
        ("multiclass", 2.0, "2"),
    ],
)
def test_a_label_of_the_task_is_kept(task: str, label: Any, kept: float | str) -> None:
    assert read(task, label=label).label == kept


@pytest.mark.parametrize(
    ("task", "label"),
    [
        ("binary", 0.5),
        ("binary", 2),
        ("binary", "1"),
        ("binary", math.nan),
        ("regression", True),
        ("regression", "3"),
        ("regression", math.nan),
        ("regression", math.inf),
        ("regression", 10**400),
        ("multiclass", True),
        ("multiclass", ""),
        ("multiclass", math.nan),
        ("multiclass", "x" * 257),
    ],
)
def test_a_label_that_the_task_has_none_of_is_refused(task: str, label: Any) -> None:
    assert problems(task, label=label) == ["/label"]


def test_a_reward_needs_no_label_but_must_be_a_number() -> None:
    assert read(reward=2.5).label is None
    assert problems(reward=math.nan) == ["/reward"]
    assert problems() == ["/label"]


def test_an_entity_and_a_time_name_a_prediction_whose_id_was_lost() -> None:
    found = read(prediction_id=None, entity="N1", predicted_at="2026-01-31T12:00:00+01:00", tolerance=5, label=1)
    assert (found.entity, found.predicted_at, found.tolerance) == ("N1", 1_769_857_200_000_000_000, 5_000_000_000)
    assert problems(prediction_id=None, entity="N1", label=1) == ["/prediction_id"]


def test_times_are_dates_or_seconds_and_everything_wrong_is_said_at_once() -> None:
    assert read(label=1).time == NOW
    assert read(label=1, time=1.5).time == 1_500_000_000
    assert problems(label="x", time="yesterday", reward=math.inf) == ["/time", "/label", "/reward"]
    assert problems(label=1, time=-1) == ["/time"]
    assert problems(label=1, time="1969-12-31T00:00:00Z") == ["/time"]


def test_feedback_survives_its_way_and_what_no_client_could_send_is_told() -> None:
    found = read("multiclass", label="späte", revision=2, source="nightly")
    assert Feedback.decode(found.encode()) == found
    assert storable_feedback(found)
    for bad in ({"prediction_id": None}, {"label": math.nan}, {"label": None}, {"time": -1}, {"row": 1 << 63}):
        assert not storable_feedback(msgspec.structs.replace(found, **bad))
