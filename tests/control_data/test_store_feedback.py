"""Feedback finds its prediction, whenever and in whatever order it comes; the newest counts."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from control.stores import Store
from control.stores.arrivals import Arrival
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from tests.support.databases import EVERYWHERE

T0 = 1_800_000_000 * 10**9
DAY = 86_400 * 10**9
MakeSample = Callable[..., Sample]


def told(prediction_id: str | None = "p-1", label: float | str | None = 1.0, **fields: Any) -> Feedback:
    """Feedback of `flight-delay` that was received, and whose truth was known, an hour after `T0`."""
    later = T0 + 3600 * 10**9
    defaults: dict[str, Any] = {"endpoint": "flight-delay", "time": later, "received": later}
    return Feedback(prediction_id=prediction_id, label=label, **(defaults | fields))


def take(store: Store, *feedback: Feedback) -> int:
    return store.take([Arrival(one) for one in feedback])


def labels(store: Store, since: int = 0, until: int = 1 << 62) -> dict[str, float]:
    found = store.labelled("flight-delay", since, until)
    return dict(zip(found.prediction_id.tolist(), found.label.tolist(), strict=True))


@EVERYWHERE
def test_a_label_is_joined_to_its_prediction_with_all_that_learning_needs(
    store: Store, make_sample: MakeSample
) -> None:
    samples = [
        make_sample("p-1", predictions=[0.7], entity="N1", slices={"carrier": "AA"}),
        make_sample("p-2", 5, predictions=[[0.9, 0.1]], chosen="logit@1", propensity=0.1, forced=True),
        make_sample("p-3", 6, predictions=[0.5]),
    ]
    store.ingest(samples)
    take(store, told(), told("p-2", 0.0, reward=2.5))
    found = store.labelled("flight-delay", 0, 1 << 62)
    assert found.prediction_id.tolist() == ["p-1", "p-2"]
    assert found.score.tolist() == [0.7, 0.1]
    assert found.label.tolist() == [1.0, 0.0]
    assert (np.isnan(found.reward[0]), found.reward[1]) == (True, 2.5)
    assert (found.arm.texts(), found.answered.texts()) == (["gbm@1", "logit@1"], ["gbm@1", "gbm@1"])
    assert (found.propensity.tolist(), found.inclusion.tolist()) == ([0.9, 0.1], [0.5, 0.5])
    assert (found.forced.tolist(), found.entity.texts()) == ([False, True], ["N1", None])
    assert found.slices["carrier"].texts() == ["AA", None]
    assert found.labelled_at.tolist() == [T0 + 3600 * 10**9] * 2


@EVERYWHERE
def test_what_is_sent_twice_is_kept_once_and_what_is_new_is_told(store: Store) -> None:
    assert take(store, told(), told("p-2")) == 2
    assert take(store, told("p-2"), told("p-3")) == 1


@EVERYWHERE
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_newest_counts_in_whatever_order_it_comes(
    store: Store, make_sample: MakeSample, order: tuple[int, ...]
) -> None:
    revised = told(label=0.0, revision=2, time=T0, received=T0 + 5)
    known_later = told(label=1.0, revision=1, time=T0 + DAY, received=T0 + 4)
    first = told(label=1.0, received=T0 + 9 * DAY)
    for place in order:
        take(store, (revised, known_later, first)[place])
    store.ingest([make_sample()])
    assert labels(store) == {"p-1": 0.0}


def test_without_revisions_what_was_known_last_counts_however_often_the_first_is_sent(
    store: Store, make_sample: MakeSample
) -> None:
    store.ingest([make_sample()])
    take(store, told(label=0.0, time=T0 + 2))
    take(store, told(label=1.0, time=T0 + 1, received=T0 + DAY))
    assert labels(store) == {"p-1": 0.0}


@EVERYWHERE
def test_feedback_comes_before_its_sample_or_months_after_it(store: Store, make_sample: MakeSample) -> None:
    take(store, told())
    store.ingest([make_sample(), make_sample("p-2")])
    take(store, told("p-2", received=T0 + 200 * DAY, time=T0 + 199 * DAY))
    assert labels(store, T0, T0 + DAY) == {"p-1": 1.0, "p-2": 1.0}


def test_what_was_never_sampled_is_kept_counted_and_joined_when_its_sample_comes(
    store: Store, make_sample: MakeSample
) -> None:
    store.ingest([make_sample("p-9")])
    take(store, told(), told("p-2"), told("p-2", received=T0 + DAY))
    assert store.feedback.coverage("flight-delay", 0, 1 << 62) == (1, 0, 2, 0)
    store.ingest([make_sample()])
    assert store.feedback.coverage("flight-delay", 0, 1 << 62) == (2, 1, 1, 0)


def test_feedback_of_another_endpoint_is_kept_apart(store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample()])
    take(store, told(endpoint="churn"))
    assert labels(store) == {}
    assert store.feedback.about(make_sample()) == []
    take(store, told(label=0.0))
    assert labels(store) == {"p-1": 0.0}


@EVERYWHERE
def test_a_lost_id_is_made_good_by_entity_and_time_nearest_within_the_tolerance(
    store: Store, make_sample: MakeSample
) -> None:
    samples = [make_sample(f"p-{second}", second, entity="N1") for second in (0, 10, 20)]
    store.ingest([*samples, make_sample("other", 11, entity="N2")])
    lost: dict[str, Any] = {"prediction_id": None, "entity": "N1", "tolerance": 6 * 10**9}
    near, ambiguous, far = (told(**lost, predicted_at=T0 + seconds * 10**9) for seconds in (12, 5, 27))
    take(store, near, ambiguous, far)
    assert labels(store) == {"p-10": 1.0}
    assert [store.feedback.about(sample) for sample in samples] == [[], [near], []]
    assert store.feedback.coverage("flight-delay", 0, 1 << 62) == (4, 1, 0, 1)
    assert labels(store, T0 + 11 * 10**9) == {}
    take(store, told("p-10", 0.0, revision=1))
    assert labels(store) == {"p-10": 0.0}


@EVERYWHERE
def test_each_row_of_a_request_has_feedback_of_its_own(store: Store, make_sample: MakeSample) -> None:
    rows = [{"distance": 1.0, "carrier": "AA"}] * 2
    sample = make_sample(rows=rows, predictions=[0.2, 0.8])
    store.ingest([sample])
    take(store, told(row=1), told(row=0, label=0.0), told(row=7, reward=1.0))
    found = store.labelled("flight-delay", 0, 1 << 62)
    assert (found.row.tolist(), found.label.tolist()) == ([0, 1, 7], [0.0, 1.0, 1.0])
    assert found.score[:2].tolist() == [0.2, 0.8]
    assert np.isnan(found.score[2])
    assert [one.row for one in store.feedback.about(sample)] == [0, 1, 7]
