"""The spool keeps bytes in files: bounded, in order, and whatever happens to the process or to the files."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from extproc.telemetry.framing import HEAD
from extproc.telemetry.spool import SEGMENT, Page, Spool

ROOMY = 64 << 20


Open = Callable[..., Spool]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens spools in the place of processes. Closing one writes nothing: on disk a crash looks the same."""
    with ExitStack() as stack:

        def begin(folder: Path, capacity: int = ROOMY) -> Spool:
            spool = Spool(folder, capacity)
            stack.callback(spool.close)
            spool.open()
            return spool

        yield begin


def drain(spool: Spool) -> list[bytes]:
    """Read and remove all there is."""
    found = []
    while page := spool.read(100):
        found += page.payloads
        spool.remove(page)
    return found


def numbered(count: int, size: int = 8) -> list[bytes]:
    return [str(number).zfill(size).encode() for number in range(count)]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def disk_use(folder: Path) -> int:
    return sum(path.stat().st_size for path in segments(folder))


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Lets files of this process grow to so many bytes only: the kernel cuts a write short and refuses the next, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


def test_what_is_appended_is_read_in_order_and_its_files_go_with_it(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path)
    written = numbered(5000, 1000)
    for start in range(0, 5000, 500):
        assert spool.append(written[start : start + 500]) == 500
    assert spool.waiting == 5000
    assert len(segments(tmp_path)) == 5
    assert max(path.stat().st_size for path in segments(tmp_path)) <= SEGMENT
    assert drain(spool) == written
    assert (spool.waiting, spool.dropped) == (0, 0)
    assert segments(tmp_path) == []


def test_what_was_read_is_read_again_until_it_is_removed(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path)
    spool.append([b"a", b"b", b"c"])
    first = spool.read(2)
    assert first is not None
    assert first.payloads == [b"a", b"b"]
    assert spool.read(1) == first._replace(payloads=[b"a"])
    spool.remove(first)
    assert drain(spool) == [b"c"]


def test_what_is_appended_after_a_read_comes_behind_it(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path)
    spool.append([b"a"])
    page = spool.read(10)
    spool.append([b"b"])
    assert page is not None
    spool.remove(page)
    assert drain(spool) == [b"b"]


def test_what_waits_outlives_the_spool(tmp_path: Path, opened: Open) -> None:
    first = opened(tmp_path)
    first.append(numbered(10))
    first.close()
    second = opened(tmp_path)
    assert second.waiting == 10
    second.append([b"newer"])
    assert drain(second) == [*numbered(10), b"newer"]


def test_what_was_removed_in_part_is_sent_again_by_one_file_at_most(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path)
    written = numbered(3000, 1000)
    spool.append(written)
    for _ in range(12):
        page = spool.read(100)
        assert page is not None
        spool.remove(page)
    found = drain(opened(tmp_path))
    assert set(written[1200:]) <= set(found)
    assert len(found) - 1800 <= SEGMENT // 1000


def test_the_oldest_make_room_and_are_counted(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path, 100_000)
    written = numbered(1000, 1000)
    for payload in written:
        assert spool.append([payload]) == 1
        assert disk_use(tmp_path) <= 100_000
    kept = drain(spool)
    assert kept == written[-len(kept) :]
    assert len(kept) >= 70
    assert spool.dropped == 1000 - len(kept)


def test_a_batch_larger_than_all_the_room_leaves_its_end(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path, 10_000)
    written = numbered(1000, 100)
    assert spool.append(written) == 1000
    kept = drain(spool)
    assert kept == written[-len(kept) :]
    assert spool.dropped == 1000 - len(kept)


def test_a_payload_larger_than_all_the_room_is_dropped_alone(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path, 1000)
    assert spool.append([b"a", b"x" * (1001 - HEAD), b"b"]) == 3
    assert drain(spool) == [b"a", b"b"]
    assert spool.dropped == 1


def test_removing_what_had_to_make_room_takes_nothing_else_away(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path, 800)
    spool.append([b"old"])
    page = spool.read(1)
    assert page is not None
    spool.append(numbered(7, 96))
    assert spool.dropped == 1
    spool.remove(page)
    assert drain(spool) == numbered(7, 96)


def test_less_room_than_an_earlier_process_used_is_kept_to_at_once(tmp_path: Path, opened: Open) -> None:
    first = opened(tmp_path)
    first.append(numbered(5000, 1000))
    spool = opened(tmp_path, 3 << 20)
    assert disk_use(tmp_path) <= 3 << 20
    assert spool.waiting + spool.dropped == 5000


def test_a_torn_tail_costs_the_last_frame(tmp_path: Path, opened: Open) -> None:
    opened(tmp_path).append(numbered(10))
    (path,) = segments(tmp_path)
    os.truncate(path, path.stat().st_size - 1)
    spool = opened(tmp_path)
    spool.append([b"newer"])
    assert drain(spool) == [*numbered(9), b"newer"]
    assert spool.dropped == 1


def test_a_file_without_a_good_frame_is_counted_and_removed(tmp_path: Path, opened: Open) -> None:
    opened(tmp_path).append([b"a"])
    (path,) = segments(tmp_path)
    path.write_bytes(b"\0" * 100)
    spool = opened(tmp_path)
    assert (spool.waiting, spool.dropped) == (0, 1)
    assert segments(tmp_path) == []


def test_files_of_others_are_left_alone(tmp_path: Path, opened: Open) -> None:
    for name in ("notes.txt", "notes.spool"):
        (tmp_path / name).write_text("mine")
    spool = opened(tmp_path)
    spool.append([b"a"])
    assert drain(spool) == [b"a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.spool", "notes.txt"]


def test_a_file_that_somebody_removed_is_counted_and_the_rest_is_read(tmp_path: Path, opened: Open) -> None:
    spool = opened(tmp_path)
    written = numbered(3000, 1000)
    spool.append(written)
    segments(tmp_path)[0].unlink()
    found = drain(spool)
    assert found == written[-len(found) :]
    assert spool.dropped == 3000 - len(found) > 0
    assert spool.waiting == 0


def test_what_a_full_disk_does_not_take_is_left_to_the_caller_and_said_once(
    tmp_path: Path, opened: Open, full_disk: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    spool = opened(tmp_path)
    spool.append([b"before"])
    full_disk(500)
    assert spool.append(numbered(10, 100)) == 0
    assert spool.append([b"x" * 1000]) == 0
    assert len(caplog.records) == 1
    full_disk(ROOMY)
    assert spool.append([b"after"]) == 1
    assert drain(spool) == [b"before", b"after"]
    assert spool.dropped == 0
    assert segments(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_said_once_and_used_when_it_can(
    tmp_path: Path, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "spool"
    folder.write_text("in the way")
    spool = opened(folder)
    assert spool.append([b"a"]) == 0
    assert spool.append([b"a"]) == 0
    assert len(caplog.records) == 1
    folder.unlink()
    assert spool.append([b"a"]) == 1
    assert drain(spool) == [b"a"]


def test_a_process_that_is_killed_loses_nothing_that_it_appended(tmp_path: Path, opened: Open) -> None:
    program = """
import sys
from pathlib import Path
from extproc.telemetry.spool import Spool
spool = Spool(Path(sys.argv[1]), 1 << 30)
spool.open()
number = 0
while True:
    spool.append([str(number + index).encode() for index in range(100)])
    number += 100
    print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        for _ in range(50):
            child.stdout.readline()
        child.kill()
        said = child.stdout.read().splitlines()
    promised = int(next(line for line in reversed(said) if line)) if said else 5000
    found = drain(opened(tmp_path))
    assert found[:promised] == [str(number).encode() for number in range(promised)]


class Lives(RuleBasedStateMachine):
    """A spool with little room, its process ended now and then, against the list of all that was ever appended.

    What waits is always the end of that list; after a new start, perhaps some more of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.appended: list[bytes] = []
        self.begin()

    def begin(self) -> None:
        self.spool = Spool(Path(self.folder.name), 4000)
        self.spool.open()
        self.page: Page | None = None

    @rule(sizes=st.lists(st.integers(8, 300), min_size=1, max_size=10))
    def append(self, sizes: list[int]) -> None:
        payloads = [str(len(self.appended) + index).zfill(size).encode() for index, size in enumerate(sizes)]
        dropped = self.spool.dropped
        assert self.spool.append(payloads) == len(payloads)
        self.appended += payloads
        assert self.spool.dropped == dropped or disk_use(Path(self.folder.name)) > 4000 - 4000 // 8

    @rule(most=st.integers(1, 20))
    def read(self, most: int) -> None:
        waiting = self.spool.waiting
        self.page = self.spool.read(most)
        assert (self.page is None) == (waiting == 0)
        if self.page:
            first = len(self.appended) - waiting
            assert self.page.payloads == self.appended[first : first + len(self.page.payloads)]

    @precondition(lambda self: self.page is not None)
    @rule()
    def remove(self) -> None:
        assert self.page
        self.spool.remove(self.page)
        self.page = None

    @rule()
    def start_again(self) -> None:
        waiting = self.spool.waiting
        self.spool.close()
        self.begin()
        assert self.spool.waiting >= waiting

    @invariant()
    def keeps_to_its_room(self) -> None:
        assert disk_use(Path(self.folder.name)) <= 4000

    def teardown(self) -> None:
        waiting = self.spool.waiting
        found = drain(self.spool)
        self.spool.close()
        self.folder.cleanup()
        assert found == self.appended[len(self.appended) - waiting :]


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
