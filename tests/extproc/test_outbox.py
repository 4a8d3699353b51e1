"""The queue in front of a sink: bounded, in order, and nothing is lost while there is room, in memory or on disk."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import extproc.telemetry.outbox
from extproc.telemetry.outbox import MOST_REFUSALS, Outbox, Verdict
from extproc.telemetry.overflow import Overflow
from extproc.telemetry.spool import Spool

ROOMY = 1 << 20
"""Bytes of a spool in which everything has room."""


class Sink:
    """A sink that can be away or stuck, and that refuses some numbers."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.refused: set[int] = set()
        self.away = False
        self.tries = 0
        self.open = threading.Event()
        self.open.set()
        self.changed = threading.Condition()

    def export(self, batch: Sequence[int]) -> Verdict:
        with self.changed:
            self.tries += 1
            self.changed.notify_all()
        self.open.wait(10)
        with self.changed:
            if self.away:
                return Verdict.AWAY
            if self.refused.intersection(batch):
                return Verdict.REFUSED
            self.taken += batch
            self.changed.notify_all()
            return Verdict.TAKEN

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait for what the sink sees, or for what happens behind it, of which nobody tells."""
        deadline = time.monotonic() + 15
        with self.changed:
            while not condition():
                assert time.monotonic() < deadline, "did not happen in time"
                self.changed.wait(0.01)


@pytest.fixture
def sink() -> Sink:
    return Sink()


def outbox(sink: Sink, capacity: int = 10_000, overflow: Overflow[int] | None = None) -> Outbox[int]:
    return Outbox("numbers", sink.export, capacity=capacity, delay=0.01, overflow=overflow)


def on_disk(folder: Path, capacity: int = ROOMY) -> Overflow[int]:
    """Numbers on disk, as text. -1 cannot be written."""

    def pack(number: int) -> bytes:
        if number < 0:
            raise TypeError("not a number of ours")
        return str(number).encode()

    return Overflow(Spool(folder, capacity), pack, int)


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

    def export(batch: Sequence[int]) -> Verdict:
        tries.append(batch)
        if len(tries) == 1:
            raise RuntimeError("broken")
        return Verdict.TAKEN

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

    def export(batch: Sequence[int]) -> Verdict:
        if len(batch) > 3:
            return Verdict.REFUSED
        taken.extend(batch)
        return Verdict.TAKEN

    box: Outbox[int] = Outbox("numbers", export, capacity=100, delay=0.05)
    for number in range(10):
        box.put(number)
    box.close(10)
    assert taken == list(range(10))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extproc.telemetry.outbox, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(extproc.telemetry.outbox, "SHORTEST_PAUSE", 0.01)


@pytest.mark.usefixtures("impatient")
def test_an_item_that_is_refused_again_and_again_is_given_up_and_the_others_are_sent(sink: Sink) -> None:
    sink.refused = {5}
    box = outbox(sink)
    for number in range(10):
        box.put(number)
    sink.wait_for(lambda: 9 in sink.taken)
    box.close(5)
    assert sink.taken == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert box.dropped == 1
    assert sink.tries > MOST_REFUSALS


def test_what_a_sink_that_is_away_does_not_take_waits_on_disk_and_is_sent_in_order(sink: Sink, tmp_path: Path) -> None:
    sink.away = True
    overflow = on_disk(tmp_path)
    box = outbox(sink, overflow=overflow)
    for number in range(2000):
        box.put(number)
    sink.wait_for(lambda: overflow.waiting == 2000)
    sink.away = False
    sink.wait_for(lambda: len(sink.taken) == 2000)
    box.close(5)
    assert sink.taken == list(range(2000))
    assert (box.waiting, box.dropped) == (0, 0)
    assert list(tmp_path.iterdir()) == []


def test_what_comes_while_older_ones_wait_on_disk_goes_behind_them(sink: Sink, tmp_path: Path) -> None:
    sink.away = True
    overflow = on_disk(tmp_path)
    box = outbox(sink, overflow=overflow)
    for number in range(10):
        box.put(number)
        sink.wait_for(lambda number=number: overflow.waiting == number + 1)  # type: ignore[misc]
    sink.away = False
    box.close(5)
    assert sink.taken == list(range(10))


def test_a_sink_that_takes_everything_never_meets_the_disk(sink: Sink, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    written: list[int] = []

    def pack(number: int) -> bytes:
        written.append(number)
        return b""

    box = outbox(sink, overflow=Overflow(Spool(folder, ROOMY), pack, int))
    for number in range(2000):
        box.put(number)
    box.close(5)
    assert sink.taken == list(range(2000))
    assert written == []


def test_while_the_sink_is_stuck_a_queue_that_is_half_full_goes_to_disk_and_nothing_is_dropped(
    sink: Sink, tmp_path: Path
) -> None:
    sink.open.clear()
    overflow = on_disk(tmp_path)
    box = outbox(sink, capacity=1000, overflow=overflow)
    box.put(0)
    sink.wait_for(lambda: sink.tries == 1)
    for start in range(1, 5001, 500):
        for number in range(start, start + 500):
            box.put(number)
        sink.wait_for(lambda start=start: box.waiting == start + 499 and box.waiting - overflow.waiting <= 500)  # type: ignore[misc]
    assert overflow.waiting >= 4500
    sink.open.set()
    sink.wait_for(lambda: len(sink.taken) == 5001)
    box.close(5)
    assert sorted(sink.taken) == list(range(5001))
    assert box.dropped == 0


def test_closing_leaves_what_could_not_be_sent_on_disk_for_the_next_process(sink: Sink, tmp_path: Path) -> None:
    sink.away = True
    box = outbox(sink, overflow=on_disk(tmp_path))
    for number in range(700):
        box.put(number)
    box.close(5)
    assert (sink.taken, box.dropped, box.waiting) == ([], 0, 700)
    sink.away = False
    box = outbox(sink, overflow=on_disk(tmp_path))
    sink.wait_for(lambda: len(sink.taken) == 700)
    box.close(5)
    assert sink.taken == list(range(700))
    assert list(tmp_path.iterdir()) == []


def test_closing_leaves_on_disk_what_is_stuck_on_its_way(sink: Sink, tmp_path: Path) -> None:
    sink.open.clear()
    box = outbox(sink, overflow=on_disk(tmp_path))
    for number in range(600):
        box.put(number)
    sink.wait_for(lambda: sink.tries == 1)
    box.close(0.0)
    assert (box.dropped, box.waiting) == (0, 600)
    sink.open.set()


def test_closing_an_outbox_whose_sink_is_away_does_not_wait_for_it(sink: Sink, tmp_path: Path) -> None:
    sink.away = True
    box = outbox(sink, overflow=on_disk(tmp_path))
    box.put(1)
    box.close(3600)  # longer than this test may take
    assert box.waiting == 1


def test_a_disk_that_cannot_be_written_leaves_what_there_is_room_for_in_memory(sink: Sink, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.write_text("a file where a folder should be")
    sink.away = True
    box = outbox(sink, capacity=100, overflow=on_disk(folder))
    for number in range(150):
        box.put(number)
    sink.wait_for(lambda: sink.tries >= 2)
    sink.away = False
    sink.wait_for(lambda: 149 in sink.taken)
    box.close(5)
    assert sink.taken == list(range(50, 150))
    assert box.dropped == 50


def test_an_item_that_cannot_be_written_is_dropped_alone(sink: Sink, tmp_path: Path) -> None:
    sink.away = True
    box = outbox(sink, overflow=on_disk(tmp_path))
    for number in (1, -1, 2):
        box.put(number)
    box.close(5)
    assert (box.waiting, box.dropped) == (2, 1)


def test_what_waits_on_disk_and_is_no_item_is_dropped_alone(sink: Sink, tmp_path: Path) -> None:
    spool = Spool(tmp_path, ROOMY)
    spool.append([b"1", b"one and a half", b"2"])
    spool.close()
    box = outbox(sink, overflow=on_disk(tmp_path))
    sink.wait_for(lambda: len(sink.taken) == 2)
    box.close(5)
    assert (sink.taken, box.dropped) == ([1, 2], 1)


@pytest.mark.usefixtures("impatient")
def test_an_item_on_disk_that_is_refused_again_and_again_does_not_hold_up_the_others(
    sink: Sink, tmp_path: Path
) -> None:
    spool = Spool(tmp_path, ROOMY)
    spool.append([b"1", b"2", b"3"])
    spool.close()
    sink.refused = {2}
    box = outbox(sink, overflow=on_disk(tmp_path))
    sink.wait_for(lambda: 3 in sink.taken)
    box.close(5)
    assert (sink.taken, box.dropped) == ([1, 3], 1)
