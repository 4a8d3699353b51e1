"""Stores that are full, that other controls write to at the same time, and what they owe to those who were acknowledged."""

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from control.stores import Store, Unavailable, open_store
from control.stores.counters import CumulativeSum, Series
from control.stores.samples import Question
from hyperplan.sample import Sample
from tests.support.databases import EVERYWHERE, SHARED, postgres_binaries, postgres_server

MakeSample = Callable[..., Sample]
FOREVER = 1 << 62
MINUTE = 60 * 10**9

FILLER = """
import json, os, resource, signal, sys
from pathlib import Path
from control.stores import Unavailable, open_store
from hyperplan.sample import ObservedRow, Sample

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit is an error, as on a disk that is full
store = open_store(Path(sys.argv[1]), 60)
refused = []

def ingest(number):
    batch = [
        Sample(prediction_id=f"{number}-{index}", time=number * 10**9, endpoint="e", plan=1, revision=1,
               schema_version="", inclusion=1, flaw=os.urandom(10_000).hex(),
               rows=[ObservedRow({"x": 1})], rows_seen=1)
        for index in range(50)
    ]
    try:
        store.ingest(batch)
    except Unavailable as error:
        refused.append(str(error))

_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
ingest(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), most))
number = 0
while len(refused) < 3:
    number += 1
    ingest(number)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
for each in range(number + 1):  # what was refused comes again, and so does all the rest
    ingest(each)
print(json.dumps({"refused": refused, "batches": number + 1}))
"""


@pytest.mark.parametrize(("limit", "said"), [(4_000_000, "wal"), (24_000_000, "checkpoint")])
def test_a_disk_that_is_full_is_used_again_when_there_is_room_and_what_is_sent_again_counts_once(
    tmp_path: Path, limit: int, said: str
) -> None:
    arguments = [sys.executable, "-c", FILLER, str(tmp_path), str(limit)]
    told = json.loads(subprocess.run(arguments, capture_output=True, check=True, timeout=120).stdout)
    assert said in told["refused"][0]
    store = open_store(tmp_path, 60)
    try:
        found = {sample.prediction_id for sample in store.samples.find(Question("e", limit=1_000_000))}
        assert len(told["refused"]) == 3
        assert found == {f"{number}-{index}" for number in range(told["batches"]) for index in range(50)}
        assert sum(bucket.profile.rows for bucket in store.windows.find("e", 0, FOREVER)) == len(found)
    finally:
        store.close()


@SHARED
def test_what_two_controls_are_sent_is_kept_by_both_and_counted_once(
    open_again: Callable[[], Store], make_sample: MakeSample
) -> None:
    one, other = open_again(), open_again()
    try:
        one.ingest([make_sample("a"), make_sample("b")])
        other.ingest([make_sample("b"), make_sample("c")])
        for store in (one, other):
            assert len(store.samples.find(Question("flight-delay"))) == 3
            assert sum(bucket.profile.rows for bucket in store.windows.find("flight-delay", 0, FOREVER)) == 3
    finally:
        one.close()
        other.close()


@pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))], indirect=True
)
def test_what_several_controls_are_sent_at_the_same_moment_counts_once(
    open_again: Callable[[], Store], make_sample: MakeSample
) -> None:
    stores = [open_again() for _ in range(3)]
    batches = [[make_sample(f"p-{batch}-{index}") for index in range(20)] for batch in range(5)]
    try:
        with ThreadPoolExecutor(6) as pool:
            new = sum(pool.map(lambda job: job[0].ingest(job[1]), [(s, b) for b in batches for s in stores]))
        assert new == 100
        assert sum(bucket.profile.rows for bucket in stores[0].windows.find("flight-delay", 0, FOREVER)) == 100
    finally:
        for store in stores:
            store.close()


@pytest.mark.xdist_group("postgresql")
def test_a_server_that_stops_while_samples_come_in_loses_nothing_that_was_acknowledged(make_sample: MakeSample) -> None:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with postgres_server(binaries) as server:
        store = open_store(server.create_database("stopped"), 60)
        senders = [Sender(store, make_sample, lane) for lane in range(4)]
        with ThreadPoolExecutor(len(senders)) as pool:
            sending = [pool.submit(sender.send_until_refused) for sender in senders]
            assert all(sender.started.wait(60) for sender in senders)
            server.stop()
            assert all(future.result() for future in sending)
        server.start()
        try:
            kept = {sample.prediction_id for sample in store.samples.find(Question("flight-delay", limit=1_000_000))}
            assert {name for sender in senders for name in sender.acknowledged} <= kept
            assert rows_of(store) == len(kept)
            sent = [sample for sender in senders for sample in sender.sent]
            store.ingest(sent)  # as senders do that were refused, or not answered
            assert rows_of(store) == len(sent)
        finally:
            store.close()


class Sender:
    """Sends batches one after the other, and remembers what was sent and what was acknowledged."""

    def __init__(self, store: Store, make_sample: MakeSample, lane: int) -> None:
        self._store, self._make_sample, self._lane = store, make_sample, lane
        self.sent: list[Sample] = []
        self.acknowledged: set[str] = set()
        self.started = threading.Event()

    def send_until_refused(self) -> str:
        """What is said when it is."""
        for number in itertools.count():
            batch = [self._make_sample(f"{self._lane}-{number}-{index}", seconds=number) for index in range(20)]
            self.sent += batch
            try:
                self._store.ingest(batch)
            except Unavailable as error:
                return str(error)
            self.acknowledged |= {sample.prediction_id for sample in batch}
            if number == 5:
                self.started.set()
        raise AssertionError("never refused")


def rows_of(store: Store) -> int:
    return sum(bucket.profile.rows for bucket in store.windows.find("flight-delay", 0, FOREVER))


@SHARED
def test_two_controls_that_compact_at_once_change_no_answer(
    open_again: Callable[[], Store], make_sample: MakeSample, t0: int
) -> None:
    one, other = open_again(), open_again()
    series = Series("hyperplan.requests", "flight-delay", "routed")
    try:
        for index in range(12):
            store = (one, other)[index % 2]
            store.ingest([make_sample(f"p-{index}", seconds=index)])
            store.count([CumulativeSum(series, str(index), 0, t0 + index, 1)])
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda store: store.compact(t0 + MINUTE), (one, other)))
        one.compact(t0 + MINUTE)
        (bucket,) = other.windows.find("flight-delay", 0, FOREVER)
        assert bucket.profile.rows == 12
        assert other.counters.increments("flight-delay", 0, FOREVER) == {t0: {series: 12}}
    finally:
        one.close()
        other.close()


@EVERYWHERE
def test_a_store_that_is_closed_answers_no_question(open_again: Callable[[], Store]) -> None:
    store = open_again()
    store.check()
    store.close()
    with pytest.raises(Unavailable):
        store.check()
