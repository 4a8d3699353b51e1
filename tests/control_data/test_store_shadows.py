"""What shadows answered, in the store: kept, counted once, and joined to the samples of its requests."""

from collections.abc import Callable
from typing import Any

import pytest

from control.stores import Store
from control.stores.shadows import Failure, Shadowed
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]
MakeAnswer = Callable[..., ShadowSample]

pytestmark = EVERYWHERE

EVER = Shadowed("flight-delay", "logit@1", 0, 1 << 62)


def test_an_ingested_answer_is_found_as_it_was(store: Store, make_answer: MakeAnswer) -> None:
    answer = make_answer(status=503, failure="not \ud800 JSON", latency=None)
    assert store.ingest([answer]) == 1
    assert store.shadows.get("flight-delay", "p-1") == [answer]
    assert store.shadows.get("other", "p-1") == []


def test_an_answer_that_is_sent_again_counts_once_and_that_of_another_shadow_by_itself(
    store: Store, make_answer: MakeAnswer
) -> None:
    batch = [make_answer("a"), make_answer("a", model="tree@1"), make_answer("b")]
    assert store.ingest([*batch, make_answer("a")]) == 3
    assert store.ingest([*batch, make_answer("c")]) == 1
    assert store.shadows.answers("flight-delay", 0, 1 << 62) == {"logit@1": 3, "tree@1": 1}


def test_an_answer_and_the_sample_of_its_request_do_not_displace_one_another(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer
) -> None:
    assert store.ingest([make_sample("a"), make_answer("a")]) == 2
    assert store.ingest([make_answer("a"), make_sample("a")]) == 0


@pytest.mark.parametrize("answer_first", [False, True])
def test_an_answer_is_joined_to_its_sample_whichever_comes_first(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer, answer_first: bool
) -> None:
    halves: list[Sample | ShadowSample] = [
        make_sample(predictions=[0.9], latency=0.02),
        make_answer(predictions=[0.4], latency=0.03),
    ]
    for half in reversed(halves) if answer_first else halves:
        store.ingest([half])
    ((by, pair),) = store.shadows.pairs(EVER)
    assert by == "gbm@1"
    assert (pair.primary, pair.shadow) == (([0.9], False, 0.02), ([0.4], False, 0.03))
    assert pair.inclusion == 0.5


def test_nothing_is_joined_across_endpoints(store: Store, make_sample: MakeSample, make_answer: MakeAnswer) -> None:
    store.ingest([make_sample(endpoint="other"), make_answer()])
    assert store.shadows.pairs(EVER) == []


def test_halves_without_a_partner_are_counted(store: Store, make_sample: MakeSample, make_answer: MakeAnswer) -> None:
    store.ingest([make_sample("both"), make_answer("both"), make_answer("answer-only")])
    store.ingest([make_sample("sample-only", revision=7), make_sample("rejected", chosen=None, answered=None)])
    store.ingest([make_answer("sample-only", model="tree@1")])
    assert store.shadows.answers("flight-delay", 0, 1 << 62)["logit@1"] == 2
    assert len(store.shadows.pairs(EVER)) == 1
    assert store.shadows.unanswered(EVER) == {7: 1}


def test_the_time_of_the_copy_decides_what_is_in_a_range(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer, t0: int
) -> None:
    store.ingest([make_sample(seconds=-0.1), make_answer(seconds=0.0)])
    assert len(store.shadows.pairs(EVER._replace(since=t0, until=t0 + 1))) == 1
    assert len(store.shadows.pairs(EVER._replace(since=t0 - 10**9, until=t0))) == 0


def test_a_question_can_be_asked_of_the_newest_answers_only(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer
) -> None:
    for index in (3, 1, 4, 0, 2):
        store.ingest([make_sample(f"p-{index}", seconds=index)])
        store.ingest([make_answer(f"p-{index}", seconds=index, predictions=[index])])
    newest = store.shadows.newest(EVER, 2)
    assert [pair.shadow.predictions for _, pair in store.shadows.pairs(newest)] == [[3], [4]]
    assert store.shadows.newest(EVER, 6) == EVER


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"status": 200}, False),
        ({"status": 503}, True),
        ({"status": 404}, True),
        ({"status": None}, True),
        ({"status": 200, "failure": "not JSON"}, True),
    ],
)
def test_what_a_client_would_not_have_been_given_is_a_failure(
    store: Store, make_sample: MakeSample, make_answer: MakeAnswer, fields: dict[str, Any], failed: bool
) -> None:
    store.ingest([make_sample(), make_answer(**fields)])
    ((_, pair),) = store.shadows.pairs(EVER)
    assert pair.shadow.failed == failed
    assert bool(store.shadows.failures(EVER, 5)) == failed


def test_the_commonest_failures_come_first(store: Store, make_answer: MakeAnswer) -> None:
    kinds: list[dict[str, Any]] = [{"status": 503}, {"status": None, "failure": "reset"}, {"status": 503}, {}]
    store.ingest([make_answer(f"p-{index}", **fields) for index, fields in enumerate(kinds)])
    assert store.shadows.failures(EVER, 5) == [Failure(503, None, 2), Failure(None, "reset", 1)]
    assert store.shadows.failures(EVER, 1) == [Failure(503, None, 2)]
