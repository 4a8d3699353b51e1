"""The same function over many things, in several processes that start from nothing, and end when we do."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def over(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """What a function says of each item, in their order; it must stand at the top of a module."""
    if workers < 2:
        yield from map(function, items)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent) as pool:
        yield from pool.map(function, items)


def _end_with_parent() -> None:
    """A worker goes on, and then waits for more to do for ever, when its parent is killed: unless it watches."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
