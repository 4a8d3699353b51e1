"""Decisions by thresholds, as Envoy sees them: at the answer of the model that answered, in the header and in the field."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest

from extproc.stages import Adapt
from extproc.stages.answers import SAMPLED_HEADER
from hyperplan.plan import CompiledEndpoint, PlannedEndpoint, adapted
from tests.extproc.attempts import Attempt, adapt_for, an_endpoint
from tests.extproc.conversation import DOCUMENT, NO_HEADERS, Conversation, Memory, decide_for

BLOCK = """
thresholds:
  objective: { f_beta: 1 }
  decisions: { positive: late, negative: on-time }
  pinned: { gbm@1: 0.7, logit@1: 0.2 }
"""
HEADER = "x-hyperplan-decision"
TWO = b'{"predictions": [0.25, 0.75]}'


@pytest.fixture
def adapt(memory: Memory) -> Adapt:
    return deciding(memory)


def deciding(memory: Memory, more: str = "") -> Adapt:
    return adapt_for(an_endpoint(("timeout: 15\n", "timeout: 15\n" + BLOCK + more)), memory)


def answer(adapt: Adapt, model: str, body: bytes = TWO, headers: Mapping[str, str] = NO_HEADERS) -> Any:
    attempt = Attempt(adapt, model)
    attempt.goes()
    return attempt.comes(body, headers)


def test_an_answer_says_what_is_decided_of_each_row_and_stays_as_it_is(adapt: Adapt) -> None:
    came = answer(adapt, "gbm@1")
    assert (came.headers[HEADER], came.body) == ("on-time,late", TWO)


def test_each_model_has_a_threshold_of_its_own(adapt: Adapt) -> None:
    assert answer(adapt, "logit@1").headers[HEADER] == "late,late"
    assert answer(adapt, "tree@1").headers[HEADER] == "on-time,late", "of which nothing is known yet"


def test_the_field_is_in_the_answer_of_a_model_that_is_translated_and_of_one_that_is_not(memory: Memory) -> None:
    adapt = deciding(memory, "  field: decision\n")
    for model, decided in (("gbm@1", ["on-time", "late"]), ("logit@1", ["late", "late"])):
        came = answer(adapt, model)
        assert came.is_well_described
        assert json.loads(came.body) == {"predictions": [0.25, 0.75], "decision": decided}
        assert came.headers[HEADER] == ",".join(decided)


def test_a_decision_that_a_model_sends_itself_is_not_ours(adapt: Adapt) -> None:
    assert answer(adapt, "gbm@1", headers={HEADER: "early"}).headers[HEADER] == "on-time,late"
    assert HEADER not in answer(adapt, "gbm@1", b'{"predictions": ["a", "b"]}', {HEADER: "early"}).headers


def test_a_compressed_answer_is_decided_on_too(adapt: Adapt) -> None:
    came = answer(adapt, "gbm@1", gzip.compress(TWO), {"content-encoding": "gzip"})
    assert (came.headers[HEADER], came.body) == ("on-time,late", TWO)


def test_failures_and_streams_have_no_decision(adapt: Adapt) -> None:
    attempt = Attempt(adapt, "gbm@1")
    attempt.goes()
    assert HEADER not in attempt.comes(b'{"error": "no"}', status=400).headers
    assert HEADER not in answer(adapt, "gbm@1", b"<html>").headers
    assert HEADER not in answer(adapt, "gbm@1", headers={"content-type": "text/event-stream"}).headers


def test_nothing_is_decided_by_a_shadow(adapt: Adapt) -> None:
    attempt = Attempt(adapt, "gbm@1", {"x-hyperplan-shadow": "1", SAMPLED_HEADER: "0.5"})
    attempt.goes()
    assert HEADER not in attempt.comes(TWO).headers


def test_the_arms_of_an_endpoint_with_thresholds_meet_the_adapt_stage() -> None:
    alone = ("routing: { split: { gbm@1: 1 }, fallback: [logit@1, tree@1] }", "routing: { split: { gbm@1: 1 } }")
    assert not adapted(an_endpoint(alone), "gbm@1")
    assert adapted(an_endpoint(alone, ("timeout: 15\n", "timeout: 15\n" + BLOCK)), "gbm@1")
    assert CompiledEndpoint(PlannedEndpoint(1, an_endpoint(alone))).decider is None


def test_a_sample_has_the_decisions_and_the_threshold_of_the_model_that_answered(memory: Memory) -> None:
    request = Conversation(decide_for(DOCUMENT + BLOCK, memory).open({}))
    request.request_headers()
    request.request_body(b'{"instances": [{"dep_delay": 1.5, "carrier": "AA", "distance": 5}]}')
    request.response_headers({"x-hyperplan-model": "logit@1"})
    request.response_body(b'{"predictions": [0.25]}')
    request.close()
    [(sample, _)] = memory.samples
    assert (sample.decisions, sample.threshold) == (["late"], 0.2)


def test_a_sample_of_an_endpoint_without_thresholds_has_none(memory: Memory) -> None:
    request = Conversation(decide_for(DOCUMENT, memory).open({}))
    request.request_headers()
    request.request_body(b'{"instances": [{"dep_delay": 1.5, "carrier": "AA", "distance": 5}]}')
    request.response_headers({"x-hyperplan-model": "logit@1"})
    request.response_body(b'{"predictions": [0.25]}')
    request.close()
    [(sample, _)] = memory.samples
    assert (sample.predictions, sample.decisions, sample.threshold) == ([0.25], [], None)
