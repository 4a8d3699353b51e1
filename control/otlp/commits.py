"""Commits shared by all that wait.

A commit is synced to disk, which costs the same for one sample as for a thousand. So samples that arrive while a commit
is under way wait together, and the next commit takes all of them.
"""

import asyncio
from collections.abc import Sequence

from control.stores import Store
from control.stores.arrivals import Arrival

Observed = Sequence[Arrival]

MOST_AT_ONCE = 10_000
"""Samples in one commit, unless a single request holds more."""


class Commits:
    """Takes samples, shadows' answers among them, of many requests and commits them in as few transactions as keep up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Observed, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def commit(self, samples: Observed) -> None:
        """Take samples in; they are on disk when this returns.

        Raises:
            Unavailable: the store refused; none of these samples was kept.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((samples, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._waiting:
            batch = self._next()
            try:
                await asyncio.to_thread(self._store.take, [sample for samples, _ in batch for sample in samples])
            except Exception as error:
                _settle(batch, error)
            else:
                _settle(batch, None)
        self._task = None

    def _next(self) -> list[tuple[Observed, asyncio.Future[None]]]:
        taken, size = 0, 0
        while taken < len(self._waiting) and (not taken or size + len(self._waiting[taken][0]) <= MOST_AT_ONCE):
            size += len(self._waiting[taken][0])
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch


def _settle(batch: list[tuple[Observed, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in batch:
        if done.done():
            continue  # whoever waited has gone
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
