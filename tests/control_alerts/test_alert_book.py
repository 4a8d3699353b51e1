"""Alerts, silences, messages and the lease in a real database: what is written together, and who may write."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from control.alerts.book import AlertBook, NoSuchAlert, NoSuchSilence, Question
from control.alerts.outbox import DeliveryState, Outbox
from control.jobs.lease import Lease, NotHeld
from control.registry import Registry
from hyperplan.alerts import Acknowledgement, Alert, Event, Found, Observation, Policy, State, Step
from hyperplan.schema import Float, Schema
from hyperplan.skew.finding import Finding

MINUTE = 60 * 10**9
T0 = 1_800_000_000 * 10**9
SCHEMA = Schema(features={"dep_delay": Float(source="ops-feed"), "wind": Float(source="weather")})
MakeFinding = Callable[..., Finding]

pytestmark = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))], indirect=True
)
"""Everything here holds in each database."""


class Desk:
    """A book with a lease and an outbox, and one webhook."""

    def __init__(self, registry: Registry, lease_seconds: float = 30) -> None:
        self.book, self.outbox = AlertBook(registry.engine), Outbox(registry.engine)
        self.lease = Lease(registry.engine, "alerts", lease_seconds)
        self.lease.claim()
        self.minute = 0

    def step(
        self, *findings: Finding, body: Callable[[Event], bytes] = lambda event: event.kind.encode(), **fields: Any
    ) -> Step:
        self.minute += 1
        now = T0 + self.minute * MINUTE
        seen = Observation(
            "flight-delay", SCHEMA, {"gbm@1"}, {"gbm@1": now}, [Found("gbm@1", each) for each in findings]
        )
        return self.book.take_step(
            seen._replace(**fields), now, Policy(), lease=self.lease, webhooks=["hook"], body=body
        )

    def sent(self) -> list[tuple[str, str]]:
        return [(each.message, each.body.decode()) for each in self.outbox.due(T0 + 999 * MINUTE)]

    def open(self) -> Alert:
        (alert,) = self.book.find(Question((State.OPEN,)))
        return alert


@pytest.fixture
def desk(registry: Registry) -> Desk:
    return Desk(registry)


def test_an_alert_and_its_message_are_written_together(desk: Desk, finding: MakeFinding) -> None:
    desk.step(finding())
    assert desk.sent() == [(f"msg_{desk.open().id}-1", "opened")]


def test_a_step_that_fails_on_the_way_has_written_nothing(desk: Desk, finding: MakeFinding) -> None:
    def broken(_: Event) -> bytes:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        desk.step(finding(), body=broken)
    assert (desk.book.find(Question(tuple(State))), desk.sent()) == ([], [])
    desk.step(finding())
    assert [body for _, body in desk.sent()] == ["opened"]


def test_alerts_survive_a_restart(desk: Desk, finding: MakeFinding, open_registry: Callable[[], Registry]) -> None:
    desk.step(finding(details={"factor": 60, "explains": []}))
    again = Desk(open_registry())
    assert again.book.get(desk.open().id) == desk.open()


def test_what_is_pending_is_known_but_not_listed_unless_asked_for(desk: Desk, finding: MakeFinding) -> None:
    desk.step(finding(evidence=12.0))
    assert desk.book.find(Question()) == []
    assert [alert.state for alert in desk.book.find(Question((State.PENDING,)))] == [State.PENDING]
    desk.step()
    assert desk.book.find(Question(tuple(State))) == []


def test_open_alerts_come_first_and_endpoints_are_told_apart(desk: Desk, finding: MakeFinding) -> None:
    desk.step(finding())
    for _ in range(9):
        desk.step(finding("wind"))
    assert [alert.source for alert in desk.book.find(Question())] == ["weather", "ops-feed"]
    assert desk.book.find(Question(endpoint="other")) == []
    assert len(desk.book.find(Question(limit=1))) == 1
    assert desk.book.endpoints() == ["flight-delay"]


def test_who_acknowledges_between_two_looks_is_not_overwritten(desk: Desk, finding: MakeFinding) -> None:
    desk.step(finding())
    said = Acknowledgement(author="ada", note="on it", time=T0)
    desk.book.acknowledge(desk.open().id, said)
    desk.step(finding())
    assert desk.open().acknowledged == said


def test_an_alert_that_is_not_there_cannot_be_read_or_acknowledged(desk: Desk) -> None:
    with pytest.raises(NoSuchAlert, match="no alert 'x'"):
        desk.book.get("x")
    with pytest.raises(NoSuchAlert, match="no alert 'x'"):
        desk.book.acknowledge("x", Acknowledgement(author="ada", note="", time=T0))


def test_old_alerts_are_forgotten_and_open_ones_never(desk: Desk, finding: MakeFinding) -> None:
    desk.step(finding())
    for _ in range(9):
        desk.step(finding("wind"))
    assert desk.book.forget(T0 + 999 * MINUTE) == 1
    assert [alert.source for alert in desk.book.find(Question())] == ["weather"]


def test_silences_are_kept_until_they_are_ended(desk: Desk) -> None:
    made = desk.book.silence(until=T0 + MINUTE, created=T0, author="ada", feature="wind")
    assert desk.book.silences(T0) == [made]
    assert desk.book.silences(T0 + MINUTE) == []
    assert desk.book.get_silence(made.id) == made
    desk.book.end_silence(made.id)
    for call in (desk.book.get_silence, desk.book.end_silence):
        with pytest.raises(NoSuchSilence):
            call(made.id)


def test_settled_messages_are_not_due_and_are_forgotten_after_their_time(desk: Desk, finding: MakeFinding) -> None:
    desk.step(finding())
    (delivery,) = desk.outbox.due(T0 + 999 * MINUTE)
    assert desk.outbox.waiting() == 1
    desk.outbox.settle(delivery, DeliveryState.WAITING, next_at=T0 + 30 * MINUTE, error="x" * 999)
    assert desk.outbox.due(T0 + 29 * MINUTE) == []
    (again,) = desk.outbox.due(T0 + 30 * MINUTE)
    assert (again.attempts, len(again.error)) == (1, 500)
    desk.outbox.settle(again, DeliveryState.DELIVERED)
    desk.outbox.forget(T0)
    assert [each.state for each in desk.outbox.of(desk.open().id)] == [DeliveryState.DELIVERED]
    desk.outbox.forget(T0 + 999 * MINUTE)
    assert desk.outbox.of(desk.open().id) == []


# The lease.


def test_only_one_replica_holds_the_lease(
    desk: Desk, open_registry: Callable[[], Registry], finding: MakeFinding
) -> None:
    other = Desk(open_registry())
    assert (desk.lease.held, other.lease.held) == (True, False)
    with pytest.raises(NotHeld):
        other.step(finding())
    assert other.sent() == []


def test_a_replica_that_stops_hands_the_lease_over(desk: Desk, open_registry: Callable[[], Registry]) -> None:
    other = Lease(open_registry().engine, "alerts")
    assert not other.claim()
    desk.lease.release()
    assert other.claim()
    assert not desk.lease.claim()


def test_a_replica_that_fell_silent_loses_the_lease_and_cannot_write_any_more(
    registry: Registry, open_registry: Callable[[], Registry], finding: MakeFinding
) -> None:
    asleep = Desk(registry, lease_seconds=0.05)
    other = Lease(open_registry().engine, "alerts")
    deadline = time.monotonic() + 10
    while not other.claim():
        assert time.monotonic() < deadline
    with pytest.raises(NotHeld):
        asleep.step(finding())
