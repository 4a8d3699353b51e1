"""The spool: a bounded queue of byte strings on disk, which outlives the process.

It is a series of segment files that are only appended to, of a megabyte at most: to drop the oldest is to remove one
file, and what is sent twice after a crash is one file at most. Each is read once, as a whole; from then on nothing
more is written to it. A new process never appends to a file of an old one, whose last frame may be torn.

What is promised: what `append` has kept is in the operating system's hands, so killing the process loses none of it. It is not
synced, which would cost more than a sample is worth: a power cut may lose the last seconds. A disk that is
full or read-only is an ordinary event: it is logged once, and who appends learns how much was kept.
"""

import contextlib
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from extproc.telemetry.framing import HEAD, pack, unpack

log = logging.getLogger("hyperplan.telemetry")

SEGMENT = 1 << 20
"""Bytes of a segment, unless a single frame is larger; an eighth of the capacity, where that is less."""
_NAME = re.compile(r"(\d{10,})-([0-9a-f]{8})\.spool")


class Page(NamedTuple):
    """Some of the oldest frames: the payloads, and the number of the segment that holds them."""

    payloads: list[bytes]
    segment: int


@dataclass
class _Segment:
    """A file, named for its number and its salt; its size in bytes, and how many frames in it wait."""

    path: Path
    number: int
    salt: int
    size: int = 0
    frames: int = 0


class Spool:
    """Keeps byte strings in files of a folder, at most `capacity` bytes of them: the oldest are dropped first, and counted.

    Its methods may be called from any thread. They wait for the disk. Nothing is read from or written to it before `open`.
    """

    def __init__(self, folder: Path, capacity: int) -> None:
        self._folder = folder
        self._capacity = capacity
        self._limit = min(SEGMENT, max(1, capacity // 8))
        self._lock = threading.Lock()
        self._segments: deque[_Segment] = deque()
        self._next_number = 1
        self._size = 0
        self._file: BinaryIO | None = None  # the newest segment, while it is written to
        self._read: list[bytes] | None = None  # what waits in the oldest segment, once it was read
        self._troubled = False
        self.waiting = 0
        """Frames that were appended and not yet removed."""
        self.dropped = 0
        """Frames that were lost: dropped for want of room, larger than all the room there is, or damaged."""

    def open(self) -> None:
        """Find what an earlier process left. A folder that cannot be read holds nothing, and the log says why."""
        with self._lock:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                self._trouble(error)
            for path in sorted(self._folder.glob("*.spool")):
                self._adopt(path)
            if self.waiting:
                log.info("%d samples of an earlier run wait in %s", self.waiting, self._folder)
            self._make_room(0)

    def append(self, payloads: Sequence[bytes]) -> int:
        """Put payloads behind all that wait, in order. Returns how many the spool has dealt with; the rest found no room on the disk."""
        done = 0
        with self._lock:
            try:
                while done < len(payloads):
                    done += self._write(payloads[done:])
            except OSError as error:
                self._trouble(error)
            else:
                self._no_trouble()
        return done

    def read(self, most: int) -> Page | None:
        """Up to so many of the oldest payloads, all of one segment; None when nothing waits. `remove` takes them out."""
        with self._lock:
            while self._segments:
                waiting = self._load()
                if waiting:
                    return Page(waiting[:most], self._segments[0].number)
                self._remove_oldest()
            return None

    def remove(self, page: Page) -> None:
        """Take out what `read` gave. What had to make room in the meantime is counted as dropped already."""
        with self._lock:
            if not self._segments or self._segments[0].number != page.segment or self._read is None:
                return
            oldest, count = self._segments[0], len(page.payloads)
            del self._read[:count]
            oldest.frames -= count
            self.waiting -= count
            if not self._read:
                self._remove_oldest()

    def close(self) -> None:
        """Leave what waits to the next process."""
        with self._lock:
            self._seal()

    # Writing.

    def _write(self, payloads: Sequence[bytes]) -> int:
        """Write as many as the newest segment still takes, or one; how many."""
        if HEAD + len(payloads[0]) > self._capacity:
            self.dropped += 1
            return 1
        count, size = self._fitting(payloads)
        self._make_room(size)
        segment, file = self._newest()
        data = b"".join(pack(payload, segment.salt) for payload in islice(payloads, count))
        try:
            _write_all(file, data)
        except OSError:
            self._cut_back(segment, file)
            raise
        segment.size += size
        self._size += size
        segment.frames += count
        self.waiting += count
        return count

    def _fitting(self, payloads: Sequence[bytes]) -> tuple[int, int]:
        """How many go into one segment, and their size as frames. Ends the newest one if not even the first fits into it."""
        size = HEAD + len(payloads[0])
        used = self._segments[-1].size if self._file else 0
        if used + size > self._limit:
            self._seal()
            used = 0
        count = 1
        for payload in islice(payloads, 1, None):
            more = HEAD + len(payload)
            if used + size + more > self._limit:
                break
            size += more
            count += 1
        return count, size

    def _newest(self) -> tuple[_Segment, BinaryIO]:
        """The segment that is written to, begun if there is none."""
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            salt = int.from_bytes(os.urandom(4), "big")
            path = self._folder / f"{self._next_number:010}-{salt:08x}.spool"
            self._file = path.open("xb", buffering=0)
            self._segments.append(_Segment(path, self._next_number, salt))
            self._next_number += 1
        return self._segments[-1], self._file

    def _cut_back(self, segment: _Segment, file: BinaryIO) -> None:
        """Undo a write that failed half-way. The room it took may be what others need to go on."""
        with contextlib.suppress(OSError):  # a torn frame is passed over by who reads
            file.truncate(segment.size)
        self._seal()
        if not segment.frames:
            self._segments.pop()
            self._unlink(segment)

    def _seal(self) -> None:
        """Write no more to the newest segment."""
        if self._file:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    # Reading.

    def _adopt(self, path: Path) -> None:
        """Take in a segment of an earlier process."""
        name = _NAME.fullmatch(path.name)
        if name is None:
            return
        try:
            data = path.read_bytes()
        except OSError as error:
            self._trouble(error)
            return
        segment = _Segment(path, int(name[1]), int(name[2], 16), len(data))
        payloads, damaged = unpack(data, segment.salt)
        segment.frames = len(payloads)
        self._next_number = max(self._next_number, segment.number + 1)
        if payloads:
            self._segments.append(segment)
            self._size += segment.size
            self.waiting += segment.frames
        else:
            self.dropped += damaged
            self._unlink(segment)

    def _load(self) -> list[bytes]:
        """What waits in the oldest segment."""
        if self._read is None:
            oldest = self._segments[0]
            if len(self._segments) == 1:
                self._seal()
            try:
                self._read, lost = unpack(oldest.path.read_bytes(), oldest.salt)
            except OSError as error:
                self._trouble(error)
                self._read, lost = [], oldest.frames
            if lost:
                self.dropped += lost
                log.warning("%s is damaged: %d samples or stretches of samples are lost", oldest.path, lost)
            self.waiting += len(self._read) - oldest.frames
            oldest.frames = len(self._read)
        return self._read

    # Removing.

    def _make_room(self, size: int) -> None:
        """Drop the oldest segments until so many bytes more are within the capacity."""
        while self._segments and self._size + size > self._capacity:
            if len(self._segments) == 1:
                self._seal()
            self.dropped += self._segments[0].frames
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        oldest = self._segments.popleft()
        self._read = None
        self._size -= oldest.size
        self.waiting -= oldest.frames
        self._unlink(oldest)

    def _unlink(self, segment: _Segment) -> None:
        try:
            segment.path.unlink(missing_ok=True)
        except OSError as error:
            self._trouble(error)  # the next process sends it again; receivers know a prediction by its id

    # The disk.

    def _trouble(self, error: OSError) -> None:
        if not self._troubled:
            log.warning("the spool in %s cannot be used, samples wait in memory only: %s", self._folder, error)
        self._troubled = True

    def _no_trouble(self) -> None:
        if self._troubled:
            log.info("the spool in %s can be used again", self._folder)
        self._troubled = False


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write to a file without a buffer, which may take less than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
