"""A bounded queue in front of a sink that may be slow, or away for an hour.

The OpenTelemetry SDK's batch processors throw a batch away when its export fails. Here it goes back to where it came
from, in order, and is tried again, smaller each time in case it was too large for the sink; only when the queue is full is anything dropped, the
oldest first, and each drop is counted. `put` never blocks and never raises: the caller is in the middle of a request.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger("hyperplan.telemetry")

BATCH = 512
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries while the sink is away; the pause doubles from the one to the other."""


class Outbox(Generic[T]):
    """Hands items in batches to `export`, on a thread of its own.

    `export` returns whether the sink has the batch; an exception counts as no. A batch is sent when it is full, or `delay` seconds
    after its first item came.
    """

    def __init__(self, name: str, export: Callable[[Sequence[T]], bool], *, capacity: int, delay: float) -> None:
        self._name = name
        self._export = export
        self._capacity = capacity
        self._delay = delay
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closing: float | None = None
        self._away = False
        self._size = BATCH
        self.dropped = 0
        self.sent = 0
        self._thread = threading.Thread(target=self._run, name=f"outbox-{name}", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Queue an item; if there is no room, the oldest one is dropped."""
        with self._changed:
            self._items.append(item)
            self._trim()
            if len(self._items) in (1, BATCH):
                self._changed.notify()

    @property
    def waiting(self) -> int:
        """Items that wait, those of a batch under way not counted."""
        return len(self._items)

    def close(self, timeout: float) -> None:
        """Send what waits, for at most `timeout` seconds, and stop. What could not be sent by then is counted as dropped."""
        with self._changed:
            self._closing = time.monotonic() + timeout
            self._changed.notify()
        self._thread.join(timeout + 1.0)
        left = len(self._items)
        if left:
            self.dropped += left
            log.warning("%s: %d could not be sent before the end and are lost", self._name, left)

    def _run(self) -> None:
        pause = 0.0
        while batch := self._next(pause):
            if self._try(batch):
                self.sent += len(batch)
                pause = 0.0
                self._size = min(self._size * 2, BATCH)
            else:
                self._put_back(batch)
                self._size = max(1, len(batch) // 2)
                pause = min(max(SHORTEST_PAUSE, pause * 2), LONGEST_PAUSE)

    def _next(self, pause: float) -> list[T]:
        """The next batch, once it is due; empty when there is nothing more to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing is not None, pause)
            self._changed.wait_for(lambda: self._items or self._closing is not None)
            self._changed.wait_for(lambda: len(self._items) >= BATCH or self._closing is not None, self._delay)
            if self._closing is not None and time.monotonic() >= self._closing:
                return []
            return [self._items.popleft() for _ in range(min(self._size, len(self._items)))]

    def _try(self, batch: list[T]) -> bool:
        try:
            done = self._export(batch)
        except Exception:
            log.exception("%s: a batch could not be exported", self._name)
            done = False
        if done == self._away:
            self._away = not done
            if done:
                log.info("%s: the sink takes batches again", self._name)
            else:
                log.warning("%s: the sink is away; up to %d wait for it", self._name, self._capacity)
        return done

    def _put_back(self, batch: list[T]) -> None:
        with self._changed:
            self._items.extendleft(reversed(batch))
            self._trim()
            if self._closing is not None:  # a breath between two tries, or the last seconds would be a busy loop
                self._changed.wait(SHORTEST_PAUSE)

    def _trim(self) -> None:
        while len(self._items) > self._capacity:
            self._items.popleft()
            self.dropped += 1
