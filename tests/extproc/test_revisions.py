"""The endpoints that requests may have been decided by are kept as long as those requests last, and no longer."""

from hypothesis import given
from hypothesis import strategies as st

from extproc.stages.revisions import MOST_RETIRED, SLACK, Revisions
from hyperplan.plan import CompiledEndpoint
from tests.extproc.attempts import Clock, a_plan, an_endpoint

NAME = "flight-delay"
ENDPOINT = an_endpoint()


def test_an_endpoint_is_kept_until_the_requests_that_it_decided_have_timed_out() -> None:
    clock = Clock()
    revisions = Revisions(clock)
    endpoint = an_endpoint()
    first, second = a_plan(1, 1, endpoint), a_plan(2, 2, endpoint)
    revisions.adopt(first)
    revisions.adopt(second)
    clock.now += endpoint.timeout + SLACK - 0.1
    assert revisions.find(NAME, 1) is first.by_name[NAME]
    clock.now += 0.2
    assert revisions.find(NAME, 1) is second.by_name[NAME], "it is gone, and the newest is the best guess"
    assert len(revisions) == 1


def test_an_endpoint_that_is_removed_is_kept_as_long() -> None:
    clock = Clock()
    revisions = Revisions(clock)
    plan = a_plan(1, 1, an_endpoint())
    revisions.adopt(plan)
    revisions.adopt(a_plan(2, 1, an_endpoint(("name: flight-delay", "name: other"))))
    assert revisions.find(NAME, 1) is plan.by_name[NAME]
    clock.now += 1000
    assert revisions.find(NAME, 1) is None


def test_a_plan_that_is_only_prepared_is_known_and_retires_nothing() -> None:
    revisions = Revisions(Clock())
    first, second = a_plan(1, 1, an_endpoint()), a_plan(2, 2, an_endpoint())
    revisions.adopt(first)
    revisions.prepare(second)
    assert revisions.find(NAME, 1) is first.by_name[NAME]
    assert revisions.find(NAME, 2) is second.by_name[NAME]
    assert len(revisions) == 1


def test_a_revision_that_nobody_knows_is_taken_for_the_newest() -> None:
    revisions = Revisions(Clock())
    plan = a_plan(1, 1, an_endpoint())
    revisions.prepare(plan)
    assert revisions.find(NAME, 5) is plan.by_name[NAME]
    revisions.adopt(plan)
    assert revisions.find(NAME, 5) is plan.by_name[NAME]
    assert revisions.find(NAME, None) is plan.by_name[NAME]
    assert revisions.find("unknown", 1) is None


def test_however_many_plans_come_what_is_kept_is_bounded() -> None:
    revisions = Revisions(Clock())
    endpoint = an_endpoint()
    plans = [a_plan(number, number, endpoint) for number in range(MOST_RETIRED + 10)]
    for plan in plans:
        revisions.adopt(plan)
    assert len(revisions) == MOST_RETIRED + 1
    assert revisions.find(NAME, 8) is plans[-1].by_name[NAME], "the oldest went first"
    assert revisions.find(NAME, 9) is plans[9].by_name[NAME]


@given(st.lists(st.floats(0, 12), min_size=1, max_size=20))
def test_whatever_the_pace_of_plans_a_request_is_adapted_by_the_endpoint_that_decided_it(pauses: list[float]) -> None:
    clock = Clock()
    revisions = Revisions(clock)
    decided: list[tuple[float, int, CompiledEndpoint]] = []
    for number, pause in enumerate(pauses):
        plan = a_plan(number, number, ENDPOINT)
        revisions.prepare(plan)
        revisions.adopt(plan)
        clock.now += pause
        decided.append((clock.now, number, plan.by_name[NAME]))
        for at, revision, endpoint in decided:
            if clock.now - at <= ENDPOINT.timeout:
                assert revisions.find(NAME, revision) is endpoint
        assert len(revisions) <= 2 + sum(clock.now - at <= ENDPOINT.timeout + SLACK + pause for at, _, _ in decided)
