"""Messages on their way to webhooks: tried again with growing pauses, given up aloud, sent again under the same id after a crash."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from control.alerts import courier as couriers
from control.alerts.book import AlertBook
from control.alerts.courier import Courier, Webhooks, pause_after
from control.alerts.metrics import AlertMetrics
from control.alerts.outbox import Delivery, DeliveryState, Outbox, fingerprint
from control.alerts.tables import DeliveryRow
from control.jobs.lease import Lease
from control.registry import Registry
from hyperplan.alerts import Found, Observation, Policy
from hyperplan.schema import Float, Schema
from hyperplan.skew.finding import Finding
from tests.support.waiting import eventually

SCHEMA = Schema(features={"dep_delay": Float(source="ops-feed")})
MakeFinding = Callable[..., Finding]


class Post:
    """What is needed to deliver: a book, an outbox and a courier to one webhook."""

    def __init__(self, registry: Registry, receiver: Any, finding: MakeFinding) -> None:
        self.registry, self.receiver, self.finding = registry, receiver, finding
        self.outbox, self.lease, self.metrics = (
            Outbox(registry.engine),
            Lease(registry.engine, "alerts"),
            AlertMetrics(),
        )
        self.lease.claim()

    def open_alert(self, url: str | None = None) -> None:
        """An alert opens, and a message for the webhook is in the outbox."""
        now = time.time_ns()
        found = [Found("gbm@1", self.finding())]
        seen = Observation("flight-delay", SCHEMA, {"gbm@1"}, {"gbm@1": now}, found)
        hooks = [fingerprint(url or self.receiver.url)]
        AlertBook(self.registry.engine).take_step(
            seen, now, Policy(), lease=self.lease, webhooks=hooks, body=lambda _: b'{"type":"alert.opened"}'
        )

    def shift(self, **values: Any) -> None:
        """Move the messages in time."""
        with Session(self.registry.engine) as session, session.begin():
            session.execute(update(DeliveryRow).values(values))

    def rows(self) -> list[DeliveryRow]:
        with Session(self.registry.engine, expire_on_commit=False) as session:
            return list(session.query(DeliveryRow))

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[Courier]:
        courier = Courier(self.outbox, self.receiver.webhooks(), self.lease, self.metrics, chance=lambda: 0.0)
        task = asyncio.create_task(courier.run())
        try:
            yield courier
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def counted(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("hyperplan_webhook_attempts_total", {"outcome": outcome}) or 0.0


@pytest.fixture
def post(registry: Registry, receiver: Any, finding: MakeFinding) -> Post:
    return Post(registry, receiver, finding)


async def settled(post: Post, state: DeliveryState) -> Delivery:
    await eventually(lambda: [row.state for row in post.rows()] == [state.value])
    return post.outbox.of(post.rows()[0].alert)[0]


async def test_a_message_that_was_taken_is_not_sent_again(post: Post) -> None:
    post.open_alert()
    async with post.delivering() as courier:
        await settled(post, DeliveryState.DELIVERED)
        courier.wake()
    assert len(post.receiver.received) == 1
    assert post.counted("delivered") == 1


@pytest.mark.parametrize("status", [500, 429, 404, 302])
async def test_a_message_that_was_not_taken_is_sent_again_after_a_pause(post: Post, status: int) -> None:
    post.open_alert()
    post.receiver.answers = [(status, {"location": "http://127.0.0.1:1/"})]
    async with post.delivering() as courier:
        await eventually(lambda: post.rows()[0].attempts == 1)
        row = post.rows()[0]
        assert (row.state, row.error) == ("waiting", f"the webhook answered {status}")
        assert 1 < (row.next_at - time.time_ns()) / 1e9 <= 2.5
        post.shift(next_at=0)
        courier.wake()
        delivery = await settled(post, DeliveryState.DELIVERED)
    first, second = post.receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.message
    assert first.body == second.body
    assert (post.counted("failed"), post.counted("delivered")) == (1, 1)


async def test_a_receiver_may_ask_for_a_longer_pause(post: Post) -> None:
    post.open_alert()
    post.receiver.answers = [(503, {"retry-after": "120"})]
    async with post.delivering():
        await eventually(lambda: post.rows()[0].attempts == 1)
    assert 100 < (post.rows()[0].next_at - time.time_ns()) / 1e9 <= 120


async def test_a_receiver_that_is_away_is_tried_again(post: Post) -> None:
    await post.receiver.stop()
    post.open_alert()
    async with post.delivering():
        await eventually(lambda: post.rows()[0].attempts == 1)
    row = post.rows()[0]
    assert row.state == "waiting"
    assert "ConnectError" in row.error
    assert "s3cret" not in row.error


async def test_after_a_day_a_message_is_given_up_aloud(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.open_alert()
    post.shift(created=time.time_ns() - 25 * 3600 * 10**9)
    post.receiver.answers = [(500, {})]
    async with post.delivering():
        delivery = await settled(post, DeliveryState.GIVEN_UP)
    assert (
        f"message {delivery.message} is given up for webhook {delivery.webhook}: the webhook answered 500"
        in caplog.text
    )
    assert "s3cret" not in caplog.text
    assert post.counted("given_up") == 1


async def test_a_webhook_that_is_gone_gets_nothing_more(post: Post) -> None:
    post.open_alert()
    post.receiver.answers = [(410, {})]
    async with post.delivering() as courier:
        await settled(post, DeliveryState.GIVEN_UP)
        post.shift(state="waiting")
        courier.wake()
        await settled(post, DeliveryState.GIVEN_UP)
    assert len(post.receiver.received) == 1


async def test_a_webhook_that_is_no_longer_configured_is_said_so(post: Post) -> None:
    post.open_alert("http://127.0.0.1:1/other")
    async with post.delivering():
        delivery = await settled(post, DeliveryState.GIVEN_UP)
    assert delivery.error == "the webhook is not configured any more"
    assert post.receiver.received == []


async def test_a_message_whose_answer_was_not_written_down_is_sent_again_under_its_id(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.open_alert()
    settle = Outbox.settle
    never = threading.Event()
    monkeypatch.setattr(Outbox, "settle", lambda *_, **__: never.wait())  # killed before it could
    killed = asyncio.create_task(Courier(post.outbox, post.receiver.webhooks(), post.lease, post.metrics).run())
    await eventually(lambda: len(post.receiver.received) == 1)
    monkeypatch.setattr(Outbox, "settle", settle)
    killed.cancel()
    never.set()
    async with post.delivering():
        await settled(post, DeliveryState.DELIVERED)
    first, second = post.receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_who_does_not_hold_the_lease_sends_nothing(post: Post) -> None:
    post.open_alert()
    post.lease.release()
    async with post.delivering() as courier:
        for _ in range(5):
            courier.wake()
            await asyncio.sleep(0)
    assert post.receiver.received == []


def test_pauses_grow_to_an_hour_and_are_partly_chance() -> None:
    assert [pause_after(attempts, 1.0) for attempts in range(1, 8)] == [5, 20, 80, 320, 1280, 3600, 3600]
    assert pause_after(1, 0.0) == 2.5
    assert pause_after(10**6, 1.0) == couriers.LONGEST_PAUSE


def test_a_webhook_is_not_known_by_its_url_in_the_database(post: Post) -> None:
    post.open_alert()
    assert Webhooks([post.receiver.url]).by_name() == {post.rows()[0].webhook: post.receiver.url}
    assert "s3cret" not in str([vars(row) for row in post.rows()])
