"""The job publishes weights as revisions with a reason: when it is time, when they changed, and never over a person."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from control.exploration import Exploring
from control.exploration.past import resume
from control.jobs import NotHeld
from control.registry import Change, Entry, Registry, Write
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample

SECOND = 10**9
MakeTraffic = Callable[..., list[Sample | Feedback]]
NAME = "flight-delay"


class Clock:
    """A time that the test moves on."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(now: int) -> Clock:
    return Clock(now)


@pytest.fixture
def exploring(registry: Registry, store: Store, clock: Clock) -> Exploring:
    job = Exploring(registry, store, clock)
    assert job.lease.claim()
    return job


@pytest.fixture
def earned(store: Store, traffic: MakeTraffic, now: int) -> None:
    store.ingest(traffic(now, 200))  # type: ignore[arg-type]


def newest(registry: Registry) -> Entry:
    return registry.get(NAME)[0]


def split_of(entry: Entry) -> dict[str, float]:
    assert entry.endpoint is not None
    return entry.endpoint.routing.split


def weighted(**weights: float) -> Callable[[Endpoint], Endpoint]:
    """An edit of the weights."""
    split = {"gbm@1": weights["gbm"], "logit@1": weights["logit"], "spare@1": 0.0}

    def edited(endpoint: Endpoint) -> Endpoint:
        return msgspec.structs.replace(endpoint, routing=msgspec.structs.replace(endpoint.routing, split=split))

    return edited


def rounds(exploring: Exploring, clock: Clock, count: int) -> None:
    """Take rounds, further apart than weights are published, however slow this machine is."""
    for _ in range(count):
        clock.now += 600 * SECOND
        exploring.round()


@pytest.mark.usefixtures("earned")
def test_weights_follow_what_arms_earn_in_a_revision_that_says_why(registry: Registry, exploring: Exploring) -> None:
    exploring.round()
    entry = newest(registry)
    assert (entry.number, entry.author, entry.change) == (2, "hyperplan", Change.EXPLORATION)
    assert entry.reason.startswith("thompson: by prediction (and how many) earned gbm@1 0.")
    assert split_of(entry) == {"gbm@1": 10.0, "logit@1": 90.0, "spare@1": 0.0}


@pytest.mark.usefixtures("earned")
def test_what_would_hardly_change_makes_no_revision(registry: Registry, exploring: Exploring, clock: Clock) -> None:
    rounds(exploring, clock, 4)
    assert newest(registry).number == 2


def test_while_nothing_is_known_weights_stay(registry: Registry, exploring: Exploring) -> None:
    exploring.round()
    assert newest(registry).number == 1


@pytest.mark.usefixtures("earned")
def test_weights_are_published_at_most_every_so_many_seconds(
    registry: Registry, exploring: Exploring, store: Store, clock: Clock, traffic: MakeTraffic
) -> None:
    exploring.round()
    at = round(newest(registry).created_at.timestamp() * 1e9)
    # What comes next earns nothing at all from the best arm.
    turned = [
        msgspec.structs.replace(one, reward=0.0) if isinstance(one, Feedback) else one
        for one in traffic(at, 2_000, prediction_id="late")
    ]
    turned = [
        msgspec.structs.replace(one, prediction_id=f"late-{number // 2}", **_more(one))
        for number, one in enumerate(turned)
    ]
    store.ingest(turned)  # type: ignore[arg-type]
    clock.now = at + 9 * SECOND
    exploring.round()
    assert newest(registry).number == 2
    clock.now = at + 11 * SECOND
    exploring.round()
    assert newest(registry).number == 3


def _more(one: Sample | Feedback) -> dict[str, Any]:
    return {"propensity": 0.9, "chosen": "logit@1", "answered": "logit@1"} if isinstance(one, Sample) else {}


@pytest.mark.usefixtures("earned")
def test_weights_that_a_person_set_are_held_until_somebody_lets_them_go(
    registry: Registry, exploring: Exploring, clock: Clock
) -> None:
    registry.edit(NAME, Change.ROUTING, Write("ada", "I know better"), weighted(gbm=70, logit=30))
    rounds(exploring, clock, 2)
    assert split_of(newest(registry))["gbm@1"] == 70
    resume(registry.engine, NAME, newest(registry).number)
    rounds(exploring, clock, 1)
    assert split_of(newest(registry))["gbm@1"] == 10
    registry.edit(NAME, Change.ROUTING, Write("ada", "again"), weighted(gbm=70, logit=30))
    rounds(exploring, clock, 2)
    assert split_of(newest(registry))["gbm@1"] == 70


@pytest.mark.usefixtures("earned")
def test_an_edit_of_something_else_holds_nothing(registry: Registry, exploring: Exploring, clock: Clock) -> None:
    def edited(endpoint: Endpoint) -> Endpoint:
        return msgspec.structs.replace(endpoint, timeout=3.0)

    registry.edit(NAME, Change.APPLY, Write("ada"), edited)
    rounds(exploring, clock, 1)
    assert newest(registry).author == "hyperplan"


@pytest.mark.usefixtures("earned")
def test_a_document_that_is_applied_again_starts_from_its_weights_and_goes_on(
    registry: Registry, exploring: Exploring, clock: Clock, endpoint: Endpoint
) -> None:
    exploring.round()
    registry.put(endpoint, Change.APPLY, Write("ada"))
    assert split_of(newest(registry))["gbm@1"] == 50
    rounds(exploring, clock, 1)
    assert split_of(newest(registry))["gbm@1"] == 10


@pytest.mark.usefixtures("earned")
def test_an_edit_that_was_faster_stands(registry: Registry, exploring: Exploring, store: Store) -> None:
    labelled = store.labelled

    def meanwhile(name: str, since: int, until: int) -> Any:
        registry.edit(NAME, Change.ROUTING, Write("ada", "faster"), weighted(gbm=1, logit=1))
        return labelled(name, since, until)

    store.labelled = meanwhile  # type: ignore
    exploring.round()
    assert (newest(registry).number, newest(registry).author) == (2, "ada")


@pytest.mark.usefixtures("earned")
def test_a_replica_that_lost_the_lease_publishes_nothing(registry: Registry, store: Store, now: int) -> None:
    asleep, successor = Exploring(registry, store, lambda: now), Exploring(registry, store, lambda: now)
    assert asleep.lease.claim()
    asleep.lease.release()
    assert successor.lease.claim()
    asleep.lease.held = True  # it does not know yet
    with pytest.raises(NotHeld):
        asleep.round()
    assert newest(registry).number == 1


@pytest.mark.usefixtures("earned")
def test_predictions_too_young_to_have_their_labels_do_not_count(
    registry: Registry, exploring: Exploring, endpoint: Endpoint
) -> None:
    assert endpoint.exploration is not None
    waiting = msgspec.structs.replace(endpoint.exploration, wait=3600.0)
    registry.put(msgspec.structs.replace(endpoint, exploration=waiting), Change.APPLY, Write("ada"))
    exploring.round()
    assert newest(registry).author == "ada"
