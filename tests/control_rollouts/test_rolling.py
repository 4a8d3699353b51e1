"""Rollouts that control takes forward and back: each step a revision, one replica at a time, and none lost when it is killed."""

from collections.abc import Callable

import msgspec
import pytest

from control.jobs import NotHeld
from control.registry import Change, Registry, Write
from control.rollouts.book import Overtaken, RolloutBook
from hyperplan.endpoint import Endpoint
from hyperplan.rollouts import State, Taken
from tests.control_rollouts.conftest import NAME, Site


def test_a_sound_canary_takes_over_by_revisions_with_their_reasons(site: Site) -> None:
    site.start()
    for _ in range(5):
        site.serve(1000, 10)
        site.look(61)
    assert site.shares() == [0, 1, 5, 25, 50, 100]
    assert site.rollout().state is State.DONE
    newest = site.registry.history(NAME, limit=1)[0]
    assert newest.author == "hyperplan"
    assert newest.change is Change.ROUTING
    assert newest.reason.startswith("rollout of gbm@2: gbm@2 takes 100 % of the traffic: the step has had its time")


def test_a_canary_that_fails_is_taken_back_without_waiting_for_its_step(site: Site) -> None:
    site.start()
    site.serve(100, 1)
    assert site.look(1).state is State.RUNNING
    site.serve(300, 20)
    assert site.look(1).state is State.ROLLED_BACK
    assert site.shares() == [0, 1, 0]
    assert "fails more often than gbm@1: 21 of 400 requests" in site.registry.history(NAME, limit=1)[0].reason
    assert site.job.metrics.registry.get_sample_value("hyperplan_rollout_steps_total", {"state": "rolled back"}) == 1


def test_what_was_counted_before_the_rollout_is_none_of_its_business(site: Site) -> None:
    site.serve(1000, 900)
    site.start()
    assert site.look(1).state is State.RUNNING
    assert site.rollout().total("errors").requests == 0


def test_an_edit_by_a_person_stands_and_pauses_it(site: Site) -> None:
    site.start()

    def edited(endpoint: Endpoint) -> Endpoint:
        routing = msgspec.structs.replace(endpoint.routing, split={"gbm@1": 1.0})
        return msgspec.structs.replace(endpoint, routing=routing)

    entry = site.registry.edit(NAME, Change.ROUTING, Write("grace", "no canaries today"), edited)
    site.serve(1000, 500)
    paused = site.look(100)
    assert paused.state is State.PAUSED
    assert paused.why.startswith("grace edited the routing")
    assert site.registry.get(NAME)[0].number == entry.number


def test_an_edit_of_something_else_does_not_disturb_it(site: Site) -> None:
    site.start()
    site.registry.edit(NAME, Change.MODEL, Write("grace"), lambda each: msgspec.structs.replace(each, timeout=9.0))
    site.serve(1000, 10)
    assert site.look(61).share == 5


def test_after_a_restart_it_goes_on_where_it_was(site: Site, open_registry: Callable[[], Registry]) -> None:
    site.start()
    site.serve(1000, 10)
    site.look(61)
    site.job.lease.release()
    site.job = site.another(open_registry())
    assert site.job.lease.claim()
    site.serve(1000, 10)
    assert site.look(61).share == 25
    assert site.rollout().total("errors").requests == 2000


def test_of_two_replicas_one_acts(site: Site, open_registry: Callable[[], Registry]) -> None:
    site.start()
    other = site.another(open_registry())
    assert not other.lease.claim()
    site.serve(1000, 10)
    site.ahead += 61 * 10**9
    other.round()
    assert site.shares() == [0, 1]
    site.job.round()
    other.round()
    assert site.shares() == [0, 1, 5]


def test_a_step_and_its_revision_are_written_together_or_not_at_all(site: Site) -> None:
    site.start()
    book = RolloutBook(site.registry)
    kept = book.newest(NAME)
    assert kept is not None
    routing = site.registry.get(NAME)[1].routing
    taken = Taken(
        msgspec.structs.replace(kept.rollout, step=1),
        msgspec.structs.replace(routing, split={"gbm@2": 5.0, "gbm@1": 95.0}),
        "so",
    )

    def not_held(_: object) -> None:
        raise NotHeld

    with pytest.raises(NotHeld):
        book.write(kept, taken, 2, "hyperplan", not_held)
    with pytest.raises(Overtaken):
        book.write(kept._replace(version=7), taken, 2, "hyperplan")
    assert site.shares() == [0, 1]
    assert site.rollout().step == 0


def test_one_that_cannot_be_looked_at_does_not_hold_up_the_others(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.start()
    site.store.close()
    site.look(61)
    assert "the rollout of 'flight-delay' could not be looked at" in caplog.text
    assert site.job.metrics.registry.get_sample_value("hyperplan_rollout_failures_total") == 1
