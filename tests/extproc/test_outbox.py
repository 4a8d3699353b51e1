"""The queue in front of a sink: bounded, in order, and nothing is lost while there is room."""

import threading
from collections.abc import Callable, Sequence

import pytest

from extproc.telemetry import Outbox


class Sink:
    """A sink that can be away, stuck, or broken."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.away = False
        self.tries = 0
        self.open = threading.Event()
        self.open.set()
        self.changed = threading.Condition()

    def export(self, batch: Sequence[int]) -> bool:
        self.open.wait(10)
        with self.changed:
            self.tries += 1
            self.changed.notify_all()
            if self.away:
                return False
            self.taken += batch
            return True

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, 10)


@pytest.fixture
def sink() -> Sink:
    return Sink()


def outbox(sink: Sink, capacity: int = 10_000) -> Outbox[int]:
    return Outbox("numbers", sink.export, capacity=capacity, delay=0.01)


def test_what_is_put_in_is_sent_in_order(sink: Sink) -> None:
    box = outbox(sink)
    for number in range(2000):
        box.put(number)
    box.close(5)
    assert sink.taken == list(range(2000))
    assert (box.sent, box.dropped) == (2000, 0)


def test_a_batch_that_could_not_be_sent_is_sent_again_before_what_came_later(sink: Sink) -> None:
    sink.away = True
    box = outbox(sink)
    box.put(1)
    sink.wait_for(lambda: sink.tries >= 1)
    box.put(2)
    sink.wait_for(lambda: sink.tries >= 2)
    sink.away = False
    box.close(5)
    assert sink.taken == [1, 2]
    assert box.dropped == 0


def test_a_full_queue_drops_the_oldest_and_counts_them(sink: Sink) -> None:
    sink.away = True
    box = outbox(sink, capacity=3)
    box.put(0)
    sink.wait_for(lambda: sink.tries >= 1)
    for number in range(1, 6):
        box.put(number)
    sink.away = False
    box.close(5)
    assert sink.taken == [3, 4, 5]
    assert box.dropped == 3


def test_a_stuck_sink_does_not_hold_up_who_puts(sink: Sink) -> None:
    sink.open.clear()
    box = outbox(sink, capacity=10)
    for number in range(10_000):
        box.put(number)
    assert box.waiting <= 10
    sink.open.set()
    box.close(5)


def test_a_sink_that_raises_is_tried_again() -> None:
    tries: list[Sequence[int]] = []

    def export(batch: Sequence[int]) -> bool:
        tries.append(batch)
        if len(tries) == 1:
            raise RuntimeError("broken")
        return True

    box: Outbox[int] = Outbox("numbers", export, capacity=10, delay=0.01)
    box.put(1)
    box.close(5)
    assert tries == [[1], [1]]


def test_closing_gives_up_on_a_sink_that_stays_away_and_counts_what_is_lost(sink: Sink) -> None:
    sink.away = True
    box = outbox(sink)
    box.put(1)
    box.close(0.3)
    assert box.dropped == 1


def test_a_batch_too_large_for_the_sink_is_sent_in_smaller_ones() -> None:
    taken: list[int] = []

    def export(batch: Sequence[int]) -> bool:
        if len(batch) > 3:
            return False
        taken.extend(batch)
        return True

    box: Outbox[int] = Outbox("numbers", export, capacity=100, delay=0.05)
    for number in range(10):
        box.put(number)
    box.close(10)
    assert taken == list(range(10))
