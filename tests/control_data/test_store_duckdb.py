"""A store in a DuckDB file: files of other versions, and what a kill leaves behind."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from control.stores import Keeping, Unavailable, Unopenable, open_store
from control.stores.migrations import DUCKDB
from control.stores.samples import Question
from control.stores.shadows import Shadowed
from hyperplan.profile import Profile
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample
from hyperplan.windows import Bucket, WindowKey

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]
FOREVER = 1 << 62
EVER = Shadowed("flight-delay", "logit@1", 0, FOREVER)


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "samples.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(Unopenable, match=r"samples\.duckdb"):
        open_store(tmp_path, 60)


def test_samples_of_a_file_from_before_arms_could_be_forced_were_not(tmp_path: Path, make_sample: MakeSample) -> None:
    with duckdb.connect(str(tmp_path / "samples.duckdb")) as connection:
        connection.execute(DUCKDB[0])
        connection.execute("CREATE TABLE steps_taken (step BIGINT NOT NULL); INSERT INTO steps_taken VALUES (0)")
        connection.execute(
            "INSERT INTO samples SELECT 1, 'e', 'old', 1, 1, '', * REPLACE (?::BLOB AS body) FROM (SELECT "
            "NULL, NULL, NULL, NULL, NULL, 1.0, NULL, NULL, false, NULL, 0, 0, NULL AS body)",
            [make_sample().encode()],
        )
    store = open_store(tmp_path, 60)
    try:
        store.ingest([make_sample("new", endpoint="e", forced=True)])
        assert len(store.samples.find(Question("e", forced=False))) == 1
        assert len(store.samples.find(Question("e", forced=True))) == 1
    finally:
        store.close()


def test_profiles_of_a_file_from_before_windows_are_kept_as_windows(tmp_path: Path) -> None:
    old = Profile(rows=3)
    with duckdb.connect(str(tmp_path / "samples.duckdb")) as connection:
        for step in DUCKDB[:3]:
            connection.execute(step)
        connection.execute(
            "CREATE TABLE steps_taken (step BIGINT NOT NULL); INSERT INTO steps_taken VALUES (0), (1), (2)"
        )
        connection.execute("INSERT INTO profiles VALUES ('e', 'gbm@1', 60, ?)", [old.encode()])
    store = open_store(tmp_path, 60)
    try:
        key = WindowKey("e", "gbm@1", "gbm@1", "", 60, 1.0, 60 * 10**9)
        assert store.windows.find("e", 0, 61) == [Bucket(key, old)]
    finally:
        store.close()


def test_the_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path, 60).close()
    with duckdb.connect(str(tmp_path / "samples.duckdb")) as connection:
        connection.execute("INSERT INTO steps_taken SELECT unnest(range(1000))")
    with pytest.raises(Unopenable, match="newer version"):
        open_store(tmp_path, 60)


WRITER = """
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from control.stores import open_store
from hyperplan.sample import ObservedRow, Sample

store = open_store(Path(sys.argv[1]), 60)
number = 0
while True:
    batch = [
        Sample(prediction_id=f"{number}-{index}", time=number * 10**9, endpoint="e", plan=1, revision=1,
               schema_version="", inclusion=1, rows=[ObservedRow({"x": index})], rows_seen=1)
        for index in range(50)
    ]
    store.ingest(batch)
    print(number, flush=True)
    number += 1
"""


def test_nothing_that_was_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        acknowledged = [int(line) for line, _ in zip(writer.stdout, range(8), strict=False)]
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout]
    store = open_store(tmp_path, 60)
    try:
        kept = {sample.prediction_id for sample in store.samples.find(Question("e", limit=1_000_000))}
        assert len(acknowledged) >= 8
        assert kept >= {f"{number}-{index}" for number in acknowledged for index in range(50)}
        assert len(kept) % 50 == 0
        assert sum(bucket.profile.rows for bucket in store.windows.find("e", 0, FOREVER)) == len(kept)
    finally:
        store.close()


def test_a_file_of_a_version_without_shadows_gets_the_table_and_keeps_its_samples(
    tmp_path: Path, make_sample: MakeSample, make_answer: MakeAnswer
) -> None:
    store = open_store(tmp_path, 60)
    store.ingest([make_sample()])
    store.close()
    with duckdb.connect(str(tmp_path / "samples.duckdb")) as connection:
        connection.execute(
            "DROP TABLE forgotten; DROP TABLE feedback; ALTER TABLE samples DROP COLUMN looked_up; "
            "DROP TABLE shadows; ALTER TABLE samples DROP COLUMN forced; DROP TABLE windows; "
            "CREATE TABLE profiles (endpoint VARCHAR, model VARCHAR, bucket BIGINT, profile BLOB); "
            "ALTER TABLE counter_increments DROP COLUMN id; ALTER TABLE counter_increments DROP COLUMN parts; "
            "DELETE FROM steps_taken WHERE step >= 1"
        )
    store = open_store(tmp_path, 60)
    try:
        store.ingest([make_answer()])
        assert len(store.shadows.pairs(EVER)) == 1
    finally:
        store.close()


def test_closing_waits_for_those_who_read(tmp_path: Path, make_sample: MakeSample) -> None:
    store = open_store(tmp_path, 60)
    store.ingest([make_sample(f"p-{index}") for index in range(2000)])
    begun = threading.Event()

    def read() -> int:
        counts = []
        begun.set()
        with suppress(Unavailable):
            while True:
                counts.append(len(store.samples.find(Question("flight-delay", limit=2000))))
        return min(counts, default=2000)

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        begun.wait()
        store.close()
        assert [reader.result() for reader in readers] == [2000] * 3


def test_a_prediction_is_found_after_the_file_is_opened_again_and_not_after_it_was_removed(
    tmp_path: Path, make_sample: MakeSample
) -> None:
    store = open_store(tmp_path, 60)
    store.ingest([make_sample("early", seconds=0), make_sample("late", seconds=5000), make_sample("é", seconds=10)])
    store.close()
    store = open_store(tmp_path, 60)
    try:
        found = [store.samples.get("flight-delay", name) for name in ("early", "late", "é", "none")]
        assert [sample and sample.prediction_id for sample in found] == ["early", "late", "é", None]
        store.trim(Keeping(samples=60), make_sample(seconds=5000).time)
        assert store.samples.get("flight-delay", "early") is None
        assert store.samples.get("flight-delay", "late") is not None
    finally:
        store.close()
