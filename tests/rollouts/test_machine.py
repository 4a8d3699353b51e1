"""What becomes of a rollout, look by look."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperplan.endpoint import Endpoint
from hyperplan.experiments.verdict import Verdict
from hyperplan.problems import Invalid
from hyperplan.rollouts import Counts, Rollout, Seen, State, Taken, Terms, abort, pause, resume, start, step
from hyperplan.rollouts.machine import TABLE, Sign
from hyperplan.rollouts.rollout import LIVE
from tests.rollouts.conftest import SECOND, T0

Begin = Callable[..., Rollout]
See = Callable[..., Seen]
LATER = T0 + 101 * SECOND


def test_the_canary_takes_the_share_of_the_first_step_and_the_others_keep_their_proportions(begun: Begin) -> None:
    rollout = begun()
    assert rollout.routing.split == {"gbm@1": 89.1, "logit@1": 9.9, "gbm@2": 1.0}
    assert rollout.control == "gbm@1"
    assert rollout.why == "ada started it: gbm@2 takes 1 % of the traffic"


def test_nothing_happens_before_a_step_has_had_its_time(begun: Begin, sees: See) -> None:
    rollout = begun()
    taken = step(rollout, sees(rollout), T0 + 99 * SECOND)
    assert (taken.routing, taken.why, taken.rollout.state) == (None, "", State.RUNNING)


def test_a_step_that_had_its_time_and_its_requests_makes_the_next(begun: Begin, sees: See) -> None:
    rollout = begun()
    taken = step(rollout, sees(rollout), LATER)
    assert taken.routing == taken.rollout.routing
    assert taken.rollout.routing.split["gbm@2"] == 5.0
    assert taken.why == (
        "gbm@2 takes 5 % of the traffic: the step has had its time and no guardrail is broken "
        "(1 of 100 requests (1.00%) against 100 of 10,000 (1.00%) failed)"
    )
    assert (taken.rollout.since, taken.rollout.requests) == (LATER, 0)


def test_with_too_few_requests_it_holds_and_goes_on_when_they_have_come(begun: Begin, sees: See) -> None:
    rollout = begun(requests=500)
    held = step(rollout, sees(rollout), LATER)
    assert (held.rollout.state, held.routing) == (State.HOLDING, None)
    assert "too few requests were counted of gbm@2" in held.why
    assert step(held.rollout, sees(rollout), LATER) == Taken(held.rollout), "it says so once"
    assert step(held.rollout, sees(rollout, 500, 5), LATER).rollout.state is State.RUNNING


def test_it_goes_through_all_its_steps_and_is_done(begun: Begin, sees: See) -> None:
    rollout, shares, now = begun(), [], T0
    for revision in range(2, 20):
        now += 101 * SECOND
        taken = step(rollout, sees(rollout), now)
        rollout = msgspec.structs.replace(taken.rollout, revision=revision)
        shares.append(rollout.happenings[-1].share)
        if rollout.state is State.DONE:
            break
    assert shares == [5, 25, 50, 100, 100]
    assert rollout.routing.split == {"gbm@1": 0.0, "logit@1": 0.0, "gbm@2": 100.0}
    assert rollout.ended == now


def test_a_last_step_below_all_traffic_lasts_its_time_too(begun: Begin, sees: See) -> None:
    rollout = begun(steps=(10.0,))
    assert step(rollout, sees(rollout), T0).rollout.state is State.RUNNING
    done = step(rollout, sees(rollout), LATER)
    assert (done.rollout.state, done.routing) == (State.DONE, None)


def test_a_canary_that_fails_more_often_is_rolled_back_at_once(begun: Begin, sees: See) -> None:
    rollout = begun()
    taken = step(rollout, sees(rollout, 300, 15), T0 + SECOND)
    assert taken.rollout.state is State.ROLLED_BACK
    assert taken.routing is not None
    assert taken.routing.split == {"gbm@1": 90.0, "logit@1": 10.0, "gbm@2": 0.0}
    assert taken.why == (
        "gbm@2 fails more often than gbm@1: 15 of 300 requests (5.00%) against 100 of 10,000 (1.00%) since the start"
    )
    assert step(taken.rollout, sees(rollout), LATER) == Taken(taken.rollout), "that is the end"


def test_evidence_is_carried_over_the_steps(begun: Begin, sees: See) -> None:
    rollout = begun()
    first = step(rollout, sees(rollout, 200, 7), LATER).rollout
    assert first.state is State.RUNNING
    rollout = msgspec.structs.replace(first, revision=2)
    totals = {("errors", 0): Counts(7, 200, 100, 10_000), ("errors", 2): Counts(7, 200, 100, 10_000)}
    assert step(rollout, sees(rollout, totals=totals), LATER).rollout.state is State.ROLLED_BACK
    anew = begun()
    assert step(anew, sees(anew, 200, 7), LATER).rollout.state is State.RUNNING, "the second step alone is not enough"


def test_an_edit_of_the_routing_pauses_it_and_it_says_by_whom(begun: Begin, sees: See, endpoint: Endpoint) -> None:
    rollout = begun()
    seen = sees(rollout, 300, 30, routing=endpoint.routing, editor="grace")
    paused = step(rollout, seen, LATER)
    assert (paused.rollout.state, paused.routing) == (State.PAUSED, None)
    assert paused.why.startswith("grace edited the routing, so it waits")
    assert step(paused.rollout, seen, LATER).routing is None, "the edit stands, whatever is broken"


def test_a_rollout_that_was_paused_stays_but_is_still_guarded(begun: Begin, sees: See) -> None:
    rollout = begun()
    paused = pause(rollout, sees(rollout), T0, "ada").rollout
    assert step(paused, sees(paused), LATER).routing is None
    assert step(paused, sees(paused, 300, 15), LATER).rollout.state is State.ROLLED_BACK


def test_resuming_begins_the_step_anew_with_its_share(begun: Begin, sees: See, endpoint: Endpoint) -> None:
    rollout = begun()
    paused = step(rollout, sees(rollout, routing=endpoint.routing), T0).rollout
    resumed = resume(paused, sees(rollout, routing=endpoint.routing), LATER, "ada")
    assert resumed.routing == rollout.routing
    assert (resumed.rollout.state, resumed.rollout.since) == (State.RUNNING, LATER)
    assert resume(resumed.rollout, sees(rollout), LATER, "ada").why == "", "what runs cannot be resumed"


def test_aborting_restores_the_split_but_not_over_an_edit(begun: Begin, sees: See, endpoint: Endpoint) -> None:
    rollout = begun()
    aborted = abort(rollout, sees(rollout), T0, "ada")
    assert aborted.routing is not None
    assert aborted.routing.split == {"gbm@1": 90.0, "logit@1": 10.0, "gbm@2": 0.0}
    edited = msgspec.structs.replace(endpoint.routing, split={"logit@1": 1.0})
    left = abort(rollout, sees(rollout, routing=edited), T0, "ada")
    assert (left.rollout.state, left.routing) == (State.ABORTED, None)


def test_without_its_endpoint_it_is_over(begun: Begin, sees: See) -> None:
    rollout = begun()
    assert step(rollout, sees(rollout, routing=None), T0).rollout.state is State.ABORTED


# With an experiment.


def says(decision: Any, state: str) -> dict[str, Any]:
    return {"decided": True, "verdict": Verdict(decision=decision, state=state, why="because")}


@pytest.mark.parametrize(
    ("verdict", "state", "share"),
    [
        (("ship", "better"), State.DONE, 100.0),
        (("stop", "worse"), State.ROLLED_BACK, 0.0),
        (("stop", "guardrail"), State.ROLLED_BACK, 0.0),
        (("stop", "too small"), State.HOLDING, 1.0),
        (("broken", "mismatch"), State.HOLDING, 1.0),
        (("go on", "undecided"), State.RUNNING, 5.0),
    ],
)
def test_a_verdict_decides(begun: Begin, sees: See, verdict: tuple[str, str], state: State, share: float) -> None:
    rollout = begun()
    taken = step(rollout, sees(rollout, **says(*verdict)), LATER)
    assert taken.rollout.state is state
    assert taken.rollout.routing.split["gbm@2"] == share


def test_not_before_its_verdict_does_it_take_everything(begun: Begin, sees: See) -> None:
    rollout = begun(steps=(50.0, 100.0))
    held = step(rollout, sees(rollout, decided=True), LATER)
    assert held.rollout.state is State.HOLDING
    assert held.why == "the step has had its time, and waits for the experiment: it has no verdict yet"


# Starting.


@pytest.mark.parametrize(
    ("terms", "place", "words"),
    [
        ({"canary": "gbm@3"}, "/canary", "is no model of 'flight-delay'"),
        ({"canary": "gbm@2", "steps": (5.0, 1.0)}, "/steps", "must grow"),
        ({"canary": "gbm@2", "control": "gbm@2"}, "/control", "must be an arm that takes traffic"),
        ({"canary": "gbm@2", "guardrails": {"latency": {}}}, "/guardrails/latency/slower", "is missing"),
    ],
)
def test_what_cannot_be_rolled_out_is_refused(endpoint: Endpoint, terms: Any, place: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        start(endpoint, msgspec.convert(terms, Terms), "r-1", T0, "ada")
    assert [(problem.pointer, words in problem.detail) for problem in caught.value.problems] == [(place, True)]


def test_where_nobody_counts_failures_the_cure_is_named(endpoint: Endpoint) -> None:
    bare = msgspec.structs.replace(endpoint, routing=msgspec.structs.replace(endpoint.routing, fallback=()))
    with pytest.raises(Invalid, match=r"hyperplan route flight-delay --fallback gbm@1"):
        start(bare, Terms(canary="gbm@2"), "r-1", T0, "ada")


# Laws.

LOOKS = st.lists(
    st.tuples(
        st.integers(0, 300),
        st.integers(0, 40),
        st.integers(0, 200),
        st.sampled_from(["look", "look", "look", "edit", "pause", "resume", "abort"]),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(LOOKS)
def test_whatever_happens_the_canary_never_takes_more_than_its_step_and_the_end_is_the_end(looks: Any) -> None:
    from hyperplan.endpoint import parse_endpoint
    from tests.rollouts.conftest import DOCUMENT

    endpoint = parse_endpoint(DOCUMENT)
    rollout = start(endpoint, Terms(canary="gbm@2", hold=100.0, requests=50), "r-1", T0, "ada")
    routing, now, requests, hits = rollout.routing, T0, 0, 0
    for more, failed, seconds, what in looks:
        now, requests, hits = now + seconds * SECOND, requests + more, hits + min(failed, more)
        if what == "edit":
            routing = msgspec.structs.replace(routing, split={**routing.split, "logit@1": float(more + 1)})
        seen = Seen(routing, "grace", {("errors", 0): Counts(hits, requests, now // SECOND // 100, now // SECOND)})
        say = {"pause": pause, "resume": resume, "abort": abort}.get(what)
        before = rollout
        taken = say(rollout, seen, now, "ada") if say else step(rollout, seen, now)
        rollout = msgspec.json.decode(msgspec.json.encode(taken.rollout), type=Rollout)
        assert rollout == taken.rollout, "what is kept is the same when it is read"
        if before.state not in LIVE:
            assert (rollout, taken.routing) == (before, None)
        if taken.routing is not None:
            assert taken.why
            assert taken.routing == rollout.routing
            routing = taken.routing
            total = sum(routing.split.values())
            assert routing.split["gbm@2"] / total * 100 <= rollout.share + 1e-6
        assert rollout.step <= before.step + 1


def test_the_table_has_no_way_out_of_the_end() -> None:
    assert {state for state, _ in TABLE} == set(LIVE)
    assert {sign for _, sign in TABLE} | {Sign.EARLY} == set(Sign)
