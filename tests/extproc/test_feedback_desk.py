"""Feedback posted to the sidecar is checked against the plan's endpoints, and handed on whole or not at all."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from extproc.feedback import LARGEST_BODY, MOST_FEEDBACK, FeedbackDesk
from extproc.http import HttpListener
from extproc.telemetry.frames import SampleFrame
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback
from hyperplan.plan import FEEDBACK_PATH

ENDPOINT = msgspec.convert(
    {
        "name": "delay",
        "match": {"path": "/delay"},
        "protocol": "tfserving",
        "task": "binary",
        "schema": {"features": {"x": {"type": "float"}}},
        "models": {"gbm@1": {"url": "http://127.0.0.1:9", "protocol": "tfserving"}},
        "routing": {"split": {"gbm@1": 1}},
    },
    Endpoint,
)
GOOD = {"endpoint": "delay", "prediction_id": "p", "label": True}


class Kept:
    """Takes feedback while there is room."""

    def __init__(self) -> None:
        self.feedback: list[Feedback] = []
        self.room = True

    def told(self, feedback: Sequence[Feedback]) -> bool:
        self.feedback += feedback if self.room else ()
        return self.room


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest_asyncio.fixture
async def client(tmp_path: Path, kept: Kept) -> AsyncIterator[httpx.AsyncClient]:
    desk = FeedbackDesk({"delay": ENDPOINT}.get, kept)
    listener = HttpListener(tmp_path / "feedback.sock", desk)
    await listener.start()
    transport = httpx.AsyncHTTPTransport(uds=str(listener.path))
    async with httpx.AsyncClient(transport=transport, base_url="http://sidecar") as client:
        yield client
    await listener.stop(0.0)


async def test_one_or_many_are_accepted_and_handed_on(client: httpx.AsyncClient, kept: Kept) -> None:
    one = await client.post(FEEDBACK_PATH, json=GOOD)
    many = await client.post(FEEDBACK_PATH, json=[GOOD, GOOD | {"prediction_id": "q", "label": 0}])
    assert [(answer.status_code, answer.json()) for answer in (one, many)] == [
        (202, {"feedback": 1}),
        (202, {"feedback": 2}),
    ]
    assert [(one.prediction_id, one.label) for one in kept.feedback] == [("p", 1.0), ("p", 1.0), ("q", 0.0)]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ([GOOD, GOOD | {"label": "late"}], 422, "/1/label"),
        (GOOD | {"endpoint": "churn"}, 422, "/endpoint"),
        ("no feedback", 422, "expected a mapping"),
        ([GOOD] * (MOST_FEEDBACK + 1), 413, "send several"),
        (GOOD | {"source": "x" * LARGEST_BODY}, 413, "send several"),
    ],
)
async def test_what_is_bad_or_too_much_is_told_and_none_of_it_is_kept(
    client: httpx.AsyncClient, kept: Kept, body: Any, status: int, said: str
) -> None:
    answer = await client.post(FEEDBACK_PATH, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.text
    assert kept.feedback == []


async def test_without_room_it_is_refused_before_any_is_taken(client: httpx.AsyncClient, kept: Kept) -> None:
    kept.room = False
    answer = await client.post(FEEDBACK_PATH, json=GOOD)
    assert answer.status_code == 503
    assert "later" in answer.json()["detail"]


def test_feedback_waits_on_disk_as_samples_do() -> None:
    feedback = Feedback(endpoint="delay", prediction_id="p", label=1.0, time=5, received=6)
    frame = SampleFrame.decode(SampleFrame.of((feedback, None)).encode())
    assert (frame.event, frame.endpoint, frame.time) == (Feedback.EVENT_NAME, "delay", 6)
    assert Feedback.decode(frame.body) == feedback
