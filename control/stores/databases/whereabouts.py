"""Where in a table a value may be, so that a single row is found without looking at all.

DuckDB knows the least and largest time of each stretch of rows, and passes over those that cannot have what is asked for. Prediction ids are random, so they tell
it nothing, and to look at ten million hashes takes 25 ms of a whole core, more when something else runs. So each stretch of rows, in the order in which they came,
has a Bloom filter (Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 1970) and its range of times: nearly all stretches are
passed over, and of the others the time tells DuckDB which rows to look at.

Filters are made of the table when it is opened and live in memory, two bytes a row. They may say that something is there that is not, or is no more; never
that it is not there.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRETCH = 1 << 17
"""Rows of a stretch."""
BITS = 16 * STRETCH
PROBES = 4
"""Bits of a value: with 16 bits a row, one stretch in 400 is looked at for nothing."""
MANY = 1 << 14
"""Rows that are quicker noted in a byte for each bit."""
LATE = 600 * 10**9
"""Nanoseconds before the newest row from which on a row is late. Late rows have stretches of their own, or they would make the others long."""

Hashes = NDArray[np.uint64]
Times = NDArray[np.int64]


class Whereabouts:
    """The stretches of one table. May be used from any thread."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._stretches: list[_Stretch] = []
        self._open: dict[bool, _Stretch] = {}
        self._newest = 0

    def add(self, times: Times, hashes: Hashes) -> None:
        """Note rows, which are there from now on."""
        if not times.size:
            return
        with self._changing:
            newest = np.maximum.accumulate(np.maximum(times, self._newest))
            self._newest = int(newest[-1])
            late = times < newest - LATE
            for is_late in (False, True):
                which = late == is_late
                if which.any():
                    self._append(is_late, times[which], hashes[which])

    def forget_before(self, time: int) -> None:
        """Note that no row is older than this."""
        with self._changing:
            gone = {id(stretch) for stretch in self._stretches if stretch.end < time}
            self._stretches = [stretch for stretch in self._stretches if id(stretch) not in gone]
            self._open = {late: stretch for late, stretch in self._open.items() if id(stretch) not in gone}

    def spans(self, value: int) -> Sequence[tuple[int, int]]:
        """The spans of time, both ends included, in which rows with a hash may be."""
        places = list(_places(np.array([value], np.uint64))[:, 0])
        return [(stretch.start, stretch.end) for stretch in self._stretches if stretch.may_have(places)]

    def _append(self, is_late: bool, times: Times, hashes: Hashes) -> None:
        start = 0
        while start < times.size:
            stretch = self._open.get(is_late)
            if stretch is None or stretch.rows >= STRETCH:
                stretch = self._open[is_late] = _Stretch()
                self._stretches = [*self._stretches, stretch]  # who is reading reads on in the one before
            end = min(times.size, start + STRETCH - stretch.rows)
            stretch.add(times[start:end], hashes[start:end])
            start = end


class _Stretch:
    """Rows that came one after the other."""

    __slots__ = ("_bits", "end", "rows", "start")

    def __init__(self) -> None:
        self._bits = np.zeros(BITS // 8, np.uint8)
        self.start, self.end, self.rows = 1 << 63, -1, 0

    def add(self, times: Times, hashes: Hashes) -> None:
        self.start, self.end = min(self.start, int(times.min())), max(self.end, int(times.max()))
        self.rows += times.size
        places = _places(hashes)
        if hashes.size < MANY:
            places = places.ravel()
            np.bitwise_or.at(self._bits, places >> 3, (1 << (places & 7)).astype(np.uint8))
            return
        scattered = np.zeros(BITS, np.bool_)
        for probe in places:
            scattered[probe] = True
        self._bits |= np.packbits(scattered, bitorder="little")

    def may_have(self, places: Sequence[Any]) -> bool:
        return all(self._bits[place >> 3] >> (place & 7) & 1 for place in places)


def _places(hashes: Hashes) -> NDArray[np.int64]:
    """The bits of each hash, from two halves of it (Kirsch and Mitzenmacher, "Less hashing, same performance", 2008)."""
    low, high = hashes & np.uint64(0xFFFFFFFF), (hashes >> np.uint64(32)) | np.uint64(1)
    probes = [(low + np.uint64(probe) * high) & np.uint64(BITS - 1) for probe in range(PROBES)]
    return np.stack(probes).astype(np.int64)


def batches(found: Any) -> Iterator[tuple[Times, Hashes]]:
    """Times and hashes out of a query, piece by piece."""
    for batch in found.to_arrow_reader(1 << 20):
        times, hashes = batch.columns
        yield (
            np.asarray(times.to_numpy(zero_copy_only=False), np.int64),
            np.asarray(hashes.to_numpy(zero_copy_only=False), np.uint64),
        )
