"""A bounded queue in front of a sink that may be slow, or away for an hour.

The OpenTelemetry SDK's batch processors throw a batch away when its export fails. Here it goes back to where it came
from, in order, and is tried again, smaller each time in case it was too large for the sink. `put` never blocks, never encodes and
never raises: the caller is in the middle of a request.

What waits longer than a moment goes to disk, where there is an overflow: when the sink does not take what it is given, when
something is on disk already (it is older, and is sent first), and when the queue is half full because the sink is slow. A thread of its
own sees to that, since the one that sends may be stuck in a try. Without an overflow, or while the disk cannot be written, the queue
holds what it can: the oldest are dropped first, and each drop is counted.
"""

import enum
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from extproc.telemetry.overflow import Overflow
from extproc.telemetry.spool import Page

T = TypeVar("T")
log = logging.getLogger("hyperplan.telemetry")

BATCH = 512
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries while the sink is away; the pause doubles from the one to the other."""
MOST_REFUSALS = 5
"""Tries after which an item that the sink refuses, alone in its batch, is given up: others wait behind it."""


class Verdict(enum.Enum):
    """What became of a batch."""

    TAKEN = enum.auto()
    """The sink has it."""
    REFUSED = enum.auto()
    """The sink is there, and does not want this batch: it is too large, or something in it is wrong."""
    AWAY = enum.auto()
    """The sink cannot be reached, or takes nothing now. Nothing is wrong with the batch."""


class _Batch(NamedTuple, Generic[T]):
    """Items under way to the sink; the page they were on, if they came from disk."""

    items: list[T]
    page: Page | None


class Outbox(Generic[T]):
    """Hands items in batches to `export`, on a thread of its own.

    An exception of `export` counts as a refusal. A batch is sent when it is full, or `delay` seconds after its first item came.
    `capacity` is how many items wait in memory.
    """

    def __init__(
        self,
        name: str,
        export: Callable[[Sequence[T]], Verdict],
        *,
        capacity: int,
        delay: float,
        overflow: Overflow[T] | None = None,
    ) -> None:
        self._name = name
        self._export = export
        self._capacity = capacity
        self._delay = delay
        self._overflow = overflow
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._half = capacity // 2 + 1
        self._full = min(BATCH, self._half)
        self._marks = (1, self._full, self._half)
        self._under_way: list[T] = []
        self._size = BATCH
        self._pause = 0.0
        self._refusals = 0
        self._away = False
        self._closing: float | None = None
        self._last_try_failed = False
        self._closed = False
        self._dropped = 0
        self.sent = 0
        self._sending = threading.Thread(target=self._send, name=f"outbox-{name}", daemon=True)
        self._filing = threading.Thread(target=self._file, args=(overflow,), name=f"overflow-{name}", daemon=True)
        self._sending.start()
        if overflow:
            self._filing.start()

    def put(self, item: T) -> None:
        """Queue an item; if there is no room, the oldest one is dropped."""
        with self._changed:
            self._items.append(item)
            if len(self._items) > self._capacity:
                self._trim()
            if len(self._items) in self._marks:
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Items that wait, in memory and on disk; those of a batch under way are not counted while they are in memory."""
        return len(self._items) + (self._overflow.waiting if self._overflow else 0)

    @property
    def room(self) -> int:
        """Items that may be put before the oldest is dropped, as long as nobody else puts."""
        return self._capacity - len(self._items)

    @property
    def dropped(self) -> int:
        """Items that were lost."""
        return self._dropped + (self._overflow.dropped if self._overflow else 0)

    def close(self, timeout: float) -> None:
        """Send what waits, for at most `timeout` seconds, and stop.

        With an overflow one try that fails is enough: what could not be sent waits on disk for the next process. Without one, or
        with a disk that cannot be written, it is counted as dropped.
        """
        with self._changed:
            self._closing = time.monotonic() + timeout
            self._changed.notify_all()
        self._sending.join(timeout + 1.0)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._overflow:
            self._filing.join(timeout + 1.0)
        self._leave()

    # Sending.

    def _send(self) -> None:
        while batch := self._next():
            verdict = self._try(batch.items)
            if verdict is Verdict.TAKEN:
                self._took(batch)
            else:
                self._failed(batch, verdict)

    def _next(self) -> _Batch[T] | None:
        """The next batch, once it is due; None when there is nothing more to do."""
        while True:
            with self._changed:
                self._wait_until_due()
                if self._is_over():
                    return None
                if not self._on_disk():
                    count = min(self._size, len(self._items))
                    self._under_way = [self._items.popleft() for _ in range(count)]
                    return _Batch(self._under_way, None) if count else None
            # Outside the lock: who puts must not wait for the disk.
            stored = self._overflow.read(self._size) if self._overflow else None
            if stored:
                return _Batch(*stored)

    def _wait_until_due(self) -> None:
        pause = self._pause
        if pause:
            self._changed.wait_for(lambda: self._closing is not None, pause)
        if pause and self._closing is not None:  # a breath between two tries, or the last seconds would be a busy loop
            self._changed.wait(min(pause, SHORTEST_PAUSE))
        self._changed.wait_for(lambda: self._items or self._on_disk() or self._closing is not None)
        self._changed.wait_for(self._is_due, self._delay)

    def _is_due(self) -> bool:
        return len(self._items) >= min(self._size, self._full) or self._on_disk() or self._closing is not None

    def _is_over(self) -> bool:
        if self._closing is None:
            return False
        return time.monotonic() >= self._closing or (self._last_try_failed and self._overflow is not None)

    def _on_disk(self) -> bool:
        return self._overflow is not None and self._overflow.waiting > 0

    def _try(self, items: list[T]) -> Verdict:
        try:
            verdict = self._export(items)
        except Exception:
            log.exception("%s: a batch could not be exported", self._name)
            verdict = Verdict.REFUSED
        if verdict is Verdict.AWAY and not self._away:
            log.warning("%s: the sink is away; what it does not take waits for it", self._name)
        elif verdict is Verdict.TAKEN and self._away:
            log.info("%s: the sink takes batches again", self._name)
        self._away = verdict is Verdict.AWAY
        return verdict

    def _took(self, batch: _Batch[T]) -> None:
        self.sent += len(batch.items)
        self._pause = 0.0
        self._refusals = 0
        self._size = min(self._size * 2, BATCH)
        self._done_with(batch)

    def _failed(self, batch: _Batch[T], verdict: Verdict) -> None:
        alone = len(batch.items) == 1
        self._refusals = self._refusals + 1 if alone and verdict is Verdict.REFUSED else 0
        if self._refusals >= MOST_REFUSALS:
            log.warning("%s: an item was refused %d times and is dropped", self._name, MOST_REFUSALS)
            self._refusals = 0
            with self._changed:
                self._dropped += 1
            self._done_with(batch)
            return
        self._size = max(1, len(batch.items) // 2)
        with self._changed:
            self._last_try_failed = self._closing is not None
            if alone or verdict is Verdict.AWAY:
                self._pause = min(max(SHORTEST_PAUSE, self._pause * 2), LONGEST_PAUSE)
            if batch.page is None:
                self._put_back(batch.items)
            self._under_way = []

    def _done_with(self, batch: _Batch[T]) -> None:
        with self._changed:
            self._under_way = []
        if batch.page and self._overflow:
            self._overflow.remove(batch.page)

    # Filing, on a thread of its own.

    def _file(self, overflow: Overflow[T]) -> None:
        overflow.open()
        with self._changed:
            self._changed.notify_all()
        while items := self._next_to_file():
            left = overflow.store(items)
            with self._changed:
                self._put_back(left)
                if left:
                    self._changed.wait_for(lambda: self._closed, LONGEST_PAUSE)

    def _next_to_file(self) -> deque[T] | None:
        """All that waits in memory, once it must wait on disk; None at the end."""
        with self._changed:
            while not self._closed:
                self._changed.wait_for(lambda: self._closed or self._must_be_filed())
                self._changed.wait_for(lambda: self._closed or len(self._items) >= self._full, self._delay)
                if not self._closed and self._must_be_filed():
                    items, self._items = self._items, deque()
                    return items
        return None

    def _must_be_filed(self) -> bool:
        waits = self._pause > 0 or self._on_disk() or len(self._items) >= self._half
        return bool(self._items) and waits

    def _leave(self) -> None:
        """Put what is left to disk, a batch that is stuck on its way included; what finds no room there is lost."""
        with self._changed:
            left = [*self._under_way, *self._items]
            self._items.clear()
        if self._overflow:
            left = self._overflow.store(left)
            self._overflow.close()
            if self._overflow.waiting:
                log.info("%s: %d wait on disk for the next start", self._name, self._overflow.waiting)
        if left:
            self._dropped += len(left)
            log.warning("%s: %d could not be sent before the end and are lost", self._name, len(left))

    # Both.

    def _put_back(self, items: Sequence[T]) -> None:
        """Put items in front of the queue, in order, and wake whoever waits for something to do. The lock is held."""
        self._items.extendleft(reversed(items))
        self._trim()
        self._changed.notify_all()

    def _trim(self) -> None:
        while len(self._items) > self._capacity:
            self._items.popleft()
            self._dropped += 1
