"""The same function over many things, in several processes that start from nothing."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def over(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """What a function says of each item, in their order; it must stand at the top of a module."""
    if workers < 2:
        yield from map(function, items)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(function, items)
