"""Samples and their profiles in the store: kept, counted once, found again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from control.stores import Store, Unavailable
from control.stores.samples import Question
from hyperplan.profile import Profile
from hyperplan.sample import Sample
from hyperplan.schema import Schema
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]
FOREVER = 1 << 62

pytestmark = EVERYWHERE


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
