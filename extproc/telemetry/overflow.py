"""Where the items of an outbox wait when its sink does not take them: a spool, and how an item becomes bytes and comes back."""

import logging
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from extproc.telemetry.spool import Page, Spool

T = TypeVar("T")
log = logging.getLogger("hyperplan.telemetry")


class Stored(NamedTuple, Generic[T]):
    """Items that were read from the spool, and the page they were on."""

    items: list[T]
    page: Page


class Overflow(Generic[T]):
    """A spool of items. `pack` may raise anything for an item that cannot be kept, `unpack` ValueError for bytes that are no item."""

    def __init__(self, spool: Spool, pack: Callable[[T], bytes], unpack: Callable[[bytes], T]) -> None:
        self._spool = spool
        self._pack = pack
        self._unpack = unpack
        self._unusable = 0

    @property
    def waiting(self) -> int:
        """Items on disk."""
        return self._spool.waiting

    @property
    def dropped(self) -> int:
        """Items that were lost on the way to the disk, on it, or on the way back."""
        return self._spool.dropped + self._unusable

    def open(self) -> None:
        """Find what an earlier process left."""
        self._spool.open()

    def close(self) -> None:
        """Leave what waits to the next process."""
        self._spool.close()

    def store(self, items: Sequence[T]) -> list[T]:
        """Keep items on disk; gives back those for which it has no room. One that cannot be encoded is dropped."""
        packed = [(item, payload) for item in items if (payload := self._packed(item)) is not None]
        done = self._spool.append([payload for _, payload in packed])
        return [item for item, _ in packed[done:]]

    def read(self, most: int) -> Stored[T] | None:
        """Up to so many of the oldest items; None when there are none. `remove` takes them out."""
        while page := self._spool.read(most):
            items = [item for payload in page.payloads if (item := self._unpacked(payload)) is not None]
            if items:
                return Stored(items, page)
            self._spool.remove(page)
        return None

    def remove(self, page: Page) -> None:
        """Take out what `read` gave."""
        self._spool.remove(page)

    def _packed(self, item: T) -> bytes | None:
        try:
            return self._pack(item)
        except Exception:
            log.exception("an item cannot be encoded and is dropped")
            self._unusable += 1
            return None

    def _unpacked(self, payload: bytes) -> T | None:
        try:
            return self._unpack(payload)
        except ValueError as error:
            log.warning("what waited on disk cannot be read and is dropped: %s", error)
            self._unusable += 1
            return None
