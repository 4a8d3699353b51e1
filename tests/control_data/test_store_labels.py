"""The store says which predictions got a label, hour by hour, and alerts when labels stay away."""

from collections.abc import Callable
from typing import Any

import pytest

from control.cases import Traffic, case_of
from control.stores import Store
from control.stores.arrivals import Arrival
from control.stores.labels import BETWEEN, HOUR, MOST_READ
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.skew.labels import LabelCoverage
from hyperplan.skew.unlabelled import unlabelled
from tests.control_data.conftest import ENDPOINT
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]


def told(sample: Sample, *, delay: int = HOUR // 2, lost: bool = False) -> Arrival:
    """Its label, by its id, or by its entity and time where the id was lost."""
    at = sample.time + delay
    about: dict[str, Any] = {"prediction_id": sample.prediction_id}
    if lost:
        about = {"entity": sample.entity, "predicted_at": sample.time, "tolerance": 10**9}
    return Arrival(Feedback(endpoint="flight-delay", label=1.0, time=at, received=at, **about))


def served(make_sample: MakeSample, hour: int, number: int = 20) -> list[Sample]:
    """Predictions spread over an hour, of planes that come once."""
    return [
        make_sample(
            f"h{hour}-{index}", hour * 3600 + index * 3600 / number, entity=f"N{hour}-{index}", predictions=[0.5]
        )
        for index in range(number)
    ]


def labels_at(store: Store, now: int, until: int | None = None) -> list[LabelCoverage]:
    """What is said at a time of the hours that are over by then, or by another."""
    store.labels.clock = lambda: now
    return store.labels.of("flight-delay", now if until is None else until)


@pytest.fixture
def hour(t0: int) -> int:
    """The start of the first whole hour after `t0`, in seconds from there."""
    return -(-t0 // HOUR) * HOUR


@EVERYWHERE
def test_each_hour_says_what_share_of_it_has_a_label_and_how_late(
    store: Store, make_sample: MakeSample, t0: int, hour: int
) -> None:
    first = round((hour - t0) / HOUR * 3600) / 3600
    one, other = served(make_sample, int(first) + 1), served(make_sample, int(first) + 2)
    store.ingest([*one, *other])
    store.take([*(told(sample) for sample in one[:10]), told(other[0], lost=True)])
    found = [part for part in labels_at(store, other[-1].time + 2 * HOUR) if part.scored.rows]
    rows = sum(part.scored.rows for part in found), sum(part.labelled.rows for part in found)
    assert rows == (40, 11)
    assert LabelCoverage.merged(found).delay(0.5) == pytest.approx(1800, rel=0.02)
    assert LabelCoverage.merged(found).labelled.outputs["label"].rows == 11


def test_an_hour_is_reckoned_again_when_late_labels_come(store: Store, make_sample: MakeSample, t0: int) -> None:
    samples = served(make_sample, 1)
    store.ingest(samples)
    store.take([told(samples[0])])
    now = t0 + 4 * HOUR
    before = LabelCoverage.merged(labels_at(store, now)).labelled.rows
    store.take([told(sample, delay=4 * HOUR) for sample in samples[1:]])
    assert LabelCoverage.merged(labels_at(store, now + BETWEEN // 2)).labelled.rows == before == 1
    assert LabelCoverage.merged(labels_at(store, now + 2 * BETWEEN)).labelled.rows == 20


def test_until_the_first_label_comes_there_is_nothing_to_say(store: Store, make_sample: MakeSample, t0: int) -> None:
    store.ingest(served(make_sample, 1))
    assert labels_at(store, t0 + 4 * HOUR) == []


def test_a_question_about_the_future_or_the_past_keeps_nobody_from_looking_now(
    store: Store, make_sample: MakeSample, t0: int
) -> None:
    samples = served(make_sample, 1)
    store.ingest(samples)
    store.take([told(samples[0])])
    now = t0 + 4 * HOUR
    assert labels_at(store, now, until=now + 1000 * HOUR)
    assert labels_at(store, now, until=t0) == []
    store.take([told(sample, delay=4 * HOUR) for sample in samples[1:]])
    assert LabelCoverage.merged(labels_at(store, now + 2 * BETWEEN)).labelled.rows == 20


def test_of_very_many_labels_a_part_is_read_and_the_share_stays(store: Store, make_sample: MakeSample, t0: int) -> None:
    samples = served(make_sample, 1, 2 * MOST_READ)
    store.ingest(samples)
    store.take([told(sample) for sample in samples])
    found = LabelCoverage.merged(labels_at(store, t0 + 4 * HOUR))
    assert found.labelled.rows == pytest.approx(MOST_READ, abs=2)
    assert found.share() == pytest.approx(1, abs=0.01)


def test_labels_that_stay_away_are_found_by_the_case_of_the_endpoint(
    store: Store, make_sample: MakeSample, t0: int
) -> None:
    for hour in range(1, 31):
        samples = served(make_sample, hour, 40)
        store.ingest(samples)
        store.take([told(sample) for sample in samples if hour <= 20 or sample.time % 7 == 0])
    traffic = Traffic("flight-delay", t0, t0 + 33 * HOUR)
    store.labels.clock = lambda: traffic.until
    case = case_of(store, ENDPOINT, "gbm@1", None, traffic, traffic.buckets(store))
    (finding,) = unlabelled(case)
    assert finding.effect < -0.5
    of_a_slice = traffic._replace(arm="gbm@1")
    assert case_of(store, ENDPOINT, "gbm@1", None, of_a_slice, of_a_slice.buckets(store)).labels == ()
