"""Samples and their profiles in the store: kept, counted once, found again."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.stores import Store, Unavailable, Unopenable, open_store
from control.stores.migrations import STEPS
from control.stores.samples import Question
from hyperplan.profile import Profile
from hyperplan.sample import ObservedRow, Sample
from hyperplan.schema import Schema
from hyperplan.windows import Bucket, WindowKey

MakeSample = Callable[..., Sample]
FOREVER = 1 << 62


def test_an_ingested_sample_is_found_as_it_was(store: Store, make_sample: MakeSample) -> None:
    sample = make_sample(rows=[{"distance": -5, "carrier": "ZZ", "what": 1}], entity="N1", predictions=[0.5])
    assert store.ingest([sample]) == 1
    assert store.samples.get("flight-delay", "p-1") == sample
    assert store.samples.get("flight-delay", "p-2") is None
    assert store.samples.get("other", "p-1") is None


def test_samples_are_found_newest_first_and_no_more_than_wanted(store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(f"p-{index}", seconds=index) for index in (2, 0, 3, 1)])
    found = store.samples.find(Question("flight-delay", limit=3))
    assert [sample.prediction_id for sample in found] == ["p-3", "p-2", "p-1"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"chosen": "gbm@1"}, ["a", "c"]),
        ({"answered": "logit@1"}, ["b", "c"]),
        ({"entity": "N1"}, ["a"]),
        ({"with_violations": True}, ["b"]),
        ({"chosen": "gbm@1", "answered": "logit@1"}, ["c"]),
        ({"entity": "N9"}, []),
        ({"forced": True}, ["b"]),
        ({"forced": False}, ["a", "c"]),
    ],
)
def test_samples_are_found_by_what_is_asked(
    store: Store, make_sample: MakeSample, asked: dict[str, Any], found: list[str]
) -> None:
    store.ingest(
        [
            make_sample("a", entity="N1"),
            make_sample("b", chosen="logit@1", answered="logit@1", rows=[{"carrier": "AA"}], forced=True),
            make_sample("c", answered="logit@1", entity="N2"),
            make_sample("d", endpoint="other", entity="N1"),
        ]
    )
    ids = sorted(sample.prediction_id for sample in store.samples.find(Question("flight-delay", **asked)))
    assert ids == found


def test_a_range_of_time_holds_its_start_and_not_its_end(store: Store, make_sample: MakeSample, t0: int) -> None:
    store.ingest([make_sample(f"p-{index}", seconds=index) for index in range(4)])
    found = store.samples.find(Question("flight-delay", since=t0 + 10**9, until=t0 + 3 * 10**9))
    assert [sample.prediction_id for sample in found] == ["p-2", "p-1"]


def test_a_batch_that_is_sent_again_counts_once(store: Store, make_sample: MakeSample) -> None:
    batch = [make_sample(f"p-{index}", seconds=index * 40) for index in range(5)]
    assert store.ingest(batch) == 5
    assert store.ingest([*batch, make_sample("new")]) == 1
    assert len(store.samples.find(Question("flight-delay"))) == 6
    assert sum(bucket.profile.rows for bucket in store.windows.find("flight-delay", 0, FOREVER)) == 6


def test_a_sample_that_stands_twice_in_one_batch_counts_once(store: Store, make_sample: MakeSample) -> None:
    assert store.ingest([make_sample("a"), make_sample("a"), make_sample("a", endpoint="other")]) == 2


def test_a_row_goes_to_the_bucket_of_its_own_time_and_the_model_that_answered(
    store: Store, make_sample: MakeSample, t0: int
) -> None:
    store.ingest(
        [
            make_sample("a", seconds=0),
            make_sample("b", seconds=59.9, answered="logit@1"),
            make_sample("c", seconds=60, answered=None),
            make_sample("d", seconds=61, chosen=None, answered=None, rejected=True),
        ]
    )
    minute = 60 * 10**9
    buckets = [(bucket.key.start - t0, bucket.key.model) for bucket in store.windows.find("flight-delay", 0, FOREVER)]
    assert buckets == [(0, "gbm@1"), (0, "logit@1"), (minute, ""), (minute, "gbm@1")]


def test_buckets_hold_the_profile_of_their_samples(store: Store, make_sample: MakeSample, schema: Schema) -> None:
    samples = [make_sample(f"p-{index}", rows=[{"distance": index, "carrier": "AA"}]) for index in range(20)]
    store.ingest(samples)
    (bucket,) = store.windows.find("flight-delay", 0, FOREVER)
    assert bucket.profile == Profile.of_samples(schema, samples)


def test_compaction_leaves_one_row_for_each_closed_bucket_and_changes_no_answer(
    store: Store, make_sample: MakeSample, t0: int
) -> None:
    def merged() -> dict[tuple[str, int], tuple[int, int]]:
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for bucket in store.windows.find("flight-delay", 0, FOREVER):
            rows, missing = found.get((bucket.key.model, bucket.key.start), (0, 0))
            profile = bucket.profile
            found[bucket.key.model, bucket.key.start] = (
                rows + profile.rows,
                missing + profile.features["distance"].missing,
            )
        return found

    for index in range(12):
        store.ingest([make_sample(f"p-{index}", seconds=index * 10, rows=[{"carrier": "AA"}])])
    before = merged()
    assert store.compact(t0 + 60 * 10**9) == 1
    assert len(store.windows.find("flight-delay", 0, FOREVER)) == 1 + 6
    assert store.compact(t0 + 60 * 10**9) == 0
    assert merged() == before


def test_samples_that_come_after_compaction_are_merged_the_next_time(
    store: Store, make_sample: MakeSample, t0: int
) -> None:
    for prediction_id in ("a", "b", "c"):
        store.ingest([make_sample(prediction_id)])
        store.compact(t0 + 60 * 10**9)
    (bucket,) = store.windows.find("flight-delay", 0, FOREVER)
    assert bucket.profile.rows == 3


def test_samples_of_an_endpoint_that_is_unknown_are_kept_and_profiled(store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample(endpoint="gone")])
    (bucket,) = store.windows.find("gone", 0, FOREVER)
    assert bucket.profile.features["distance"].numbers
    assert store.samples.get("gone", "p-1")


def test_text_that_utf8_cannot_hold_does_not_stop_a_batch(store: Store, make_sample: MakeSample) -> None:
    odd = make_sample("p-\ud800", entity="\udfff", chosen="\ud800", rows=[{"carrier": "\ud800", "\ud801": 1}])
    assert store.ingest([odd, make_sample("fine")]) == 2
    assert store.ingest([odd]) == 0


WILD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["distance", "carrier", "other"]), WILD))
def test_no_values_of_a_sample_stop_its_profile(values: dict[str, Any]) -> None:
    for schema in (None, Schema(features={})):
        sample = Sample(
            prediction_id="p",
            time=0,
            endpoint="e",
            plan=1,
            revision=1,
            schema_version="",
            inclusion=1,
            rows=[ObservedRow(values)],
        )
        assert Profile.decode(Profile.of_samples(schema, [sample]).encode()).rows == 1


def test_what_is_in_the_store_survives_closing(open_again: Callable[[], Store], make_sample: MakeSample) -> None:
    for expected in (1, 0):
        store = open_again()
        assert store.ingest([make_sample()]) == expected
        store.close()


def test_a_closed_store_is_unavailable(open_again: Callable[[], Store], make_sample: MakeSample) -> None:
    store = open_again()
    store.close()
    with pytest.raises(Unavailable):
        store.ingest([make_sample()])


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "samples.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(Unopenable, match=r"samples\.duckdb"):
        open_store(tmp_path, 60)


def test_samples_of_a_file_from_before_arms_could_be_forced_were_not(tmp_path: Path, make_sample: MakeSample) -> None:
    with duckdb.connect(str(tmp_path / "samples.duckdb")) as connection:
        connection.execute(STEPS[0])
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
        for step in STEPS[:3]:
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


def test_readers_see_whole_batches_while_a_writer_writes(store: Store, make_sample: MakeSample) -> None:
    def write(batch: int) -> None:
        store.ingest([make_sample(f"{batch}-{index}") for index in range(20)])

    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, batch) for batch in range(10)]
        counts = [len(store.samples.find(Question("flight-delay", limit=1000))) for _ in range(20)]
        for done in writes:
            done.result()
    assert all(count % 20 == 0 for count in counts)
    assert len(store.samples.find(Question("flight-delay", limit=1000))) == 200
