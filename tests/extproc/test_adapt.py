"""The adapt stage, as Envoy talks to it: one attempt at a model is a list of messages."""

import gzip
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.stages import Adapt, coding, rewrites
from extproc.stages.adapt import NOT_THERE, STREAMS
from extproc.stages.rewrites import Said
from extproc.wire import HeaderMap, Headers, HeaderValue, ProcessingRequest, ProcessingResponse
from hyperplan.plan import LARGEST_ANSWER
from hyperplan.ranges import latency_of
from tests.extproc.attempts import REQUEST, Attempt, Clock, a_plan, adapt_for, an_endpoint, apply, attempt_headers
from tests.extproc.conversation import NO_HEADERS, Memory

OPEN_INFERENCE = ('gbm:predict", protocol: tfserving', 'gbm:predict", protocol: oip')
TWO = b'{"predictions": [0.25, 0.75]}'


@pytest.fixture
def adapt(memory: Memory) -> Adapt:
    return adapt_for(an_endpoint(), memory)


@pytest.fixture
def at(adapt: Adapt) -> Callable[..., Attempt]:
    """Begins an attempt at a model."""
    return lambda model, more=NO_HEADERS: Attempt(adapt, model, more)


# A model that speaks as the client does.


def test_a_request_goes_to_a_model_that_speaks_alike_as_it_is(at: Callable[..., Attempt]) -> None:
    attempt = at("gbm@1")
    answer = attempt.request_headers(attempt.headers)
    assert not answer.HasField("mode_override"), "its body is not asked for"
    apply(answer.request_headers.response.header_mutation, attempt.headers)
    assert attempt.headers[":path"] == "/v1/models/gbm:predict"
    assert attempt.headers["content-length"] == str(len(REQUEST))


def test_no_model_is_asked_for_a_compressed_answer(at: Callable[..., Attempt]) -> None:
    for model in ("gbm@1", "logit@1"):
        attempt = at(model)
        attempt.goes()
        assert attempt.headers["accept-encoding"] == "identity"


def test_what_envoy_told_the_stage_alone_is_not_told_to_the_model(at: Callable[..., Attempt]) -> None:
    for model in ("gbm@1", "logit@1"):
        attempt = at(model)
        attempt.goes()
        assert not {"x-hyperplan-path", "x-hyperplan-target"} & attempt.headers.keys()


def test_a_good_answer_passes_as_it_is(at: Callable[..., Attempt], memory: Memory) -> None:
    attempt = at("gbm@1")
    attempt.goes()
    came = attempt.comes(TWO)
    assert (came.status, came.body) == (200, TWO)
    assert attempt.is_over
    assert memory.attempts == [("flight-delay", "gbm@1", "ok")]


@pytest.mark.parametrize("garbage", [b"", b"<html>", b"{}", b'{"predictions": []}', b'{"predictions": ', b"\xff\xfe"])
def test_an_answer_that_cannot_be_understood_is_a_failure_that_envoy_tries_again(
    garbage: bytes, at: Callable[..., Attempt], memory: Memory
) -> None:
    for model in ("gbm@1", "logit@1"):
        attempt = at(model)
        attempt.goes()
        came = attempt.comes(garbage)
        assert came.status == 503
        assert came.is_well_described
        assert json.loads(came.body)["error"].startswith(f"the answer of {model} is of no use: ")
    assert [outcome for _, _, outcome in memory.attempts] == ["not_understood"] * 2


@pytest.mark.parametrize("kind", ["text/html", "image/png", "application/octet-stream"])
def test_an_answer_that_is_not_json_is_a_failure_before_its_body_is_here(
    kind: str, at: Callable[..., Attempt], memory: Memory
) -> None:
    for model in ("gbm@1", "logit@1"):
        attempt = at(model)
        attempt.goes()
        answer = attempt.response_headers({"content-type": kind}).response_headers.response
        headers: dict[str, str] = {}
        apply(answer.header_mutation, headers)
        assert headers[":status"] == "503"
        assert answer.status == answer.CONTINUE_AND_REPLACE
        assert attempt.is_over
    assert [outcome for _, _, outcome in memory.attempts] == ["not_understood"] * 2


def test_an_answer_that_does_not_say_what_it_is_is_read(at: Callable[..., Attempt]) -> None:
    attempt = at("gbm@1")
    attempt.goes()
    assert attempt.comes(TWO, {"content-type": ""}).status == 200


@pytest.mark.parametrize("kind", sorted(STREAMS))
def test_a_stream_passes_at_once(kind: bytes, at: Callable[..., Attempt], memory: Memory) -> None:
    for model in ("gbm@1", "logit@1"):
        attempt = at(model)
        attempt.goes()
        answer = attempt.response_headers({"content-type": f"{kind.decode()}; charset=utf-8"})
        assert answer == ProcessingResponse(response_headers=answer.response_headers)
        assert not answer.response_headers.HasField("response")
        assert attempt.is_over
    assert [outcome for _, _, outcome in memory.attempts] == ["ok"] * 2


@pytest.mark.parametrize("status", sorted(NOT_THERE | {301, 304}))
def test_a_status_that_says_that_the_model_is_not_there_is_a_failure(
    status: int, at: Callable[..., Attempt], memory: Memory
) -> None:
    for model in ("gbm@1", "logit@1"):
        attempt = at(model)
        attempt.goes()
        came = attempt.comes(b'{"error": "where am I"}', status=status)
        assert came.status == 503
        assert came.is_well_described
    assert [outcome for _, _, outcome in memory.attempts] == ["failed"] * 2


@pytest.mark.parametrize(("status", "outcome"), [(400, "client_error"), (422, "client_error"), (500, "failed")])
def test_an_error_passes_as_it_is_where_client_and_model_speak_alike(
    status: int, outcome: str, at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("gbm@1")
    attempt.goes()
    came = attempt.comes(b'{"error": "no"}', status=status)
    assert (came.status, came.body) == (status, b'{"error": "no"}')
    assert memory.attempts == [("flight-delay", "gbm@1", outcome)]


# A model that speaks otherwise.


def test_a_request_is_said_in_the_words_of_the_model(at: Callable[..., Attempt]) -> None:
    attempt = at("logit@1")
    body = attempt.goes()
    assert body is not None
    assert json.loads(body) == {
        "dataframe_split": {"columns": ["dep_delay", "distance"], "data": [[1.5, 5], [None, 7]]}
    }
    assert attempt.headers[":path"] == "/invocations"
    assert attempt.headers["content-type"] == "application/json"
    assert attempt.headers["content-length"] == str(len(body))


def test_its_answer_is_said_in_the_words_of_the_client(at: Callable[..., Attempt], memory: Memory) -> None:
    attempt = at("logit@1")
    attempt.goes()
    came = attempt.comes(b'{"predictions":  [0.25,  0.75]}', {"content-type": "application/json; charset=utf-8"})
    assert came.status == 200
    assert json.loads(came.body) == {"predictions": [0.25, 0.75]}
    assert came.is_well_described
    assert memory.attempts == [("flight-delay", "logit@1", "ok")]


def test_an_answer_with_too_few_predictions_is_a_failure_of_the_model(
    at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("logit@1")
    attempt.goes()
    came = attempt.comes(b'{"predictions": [0.25]}')
    assert came.status == 503
    assert "1 predictions for 2 rows" in json.loads(came.body)["error"]
    assert memory.attempts == [("flight-delay", "logit@1", "not_understood")]


@pytest.mark.parametrize(("status", "outcome"), [(400, "client_error"), (422, "client_error"), (500, "failed")])
def test_an_error_is_put_in_the_form_that_the_client_knows(
    status: int, outcome: str, at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("logit@1")
    attempt.goes()
    came = attempt.comes(b'{"error_code": "BAD_REQUEST", "message": "there is no column x"}', status=status)
    assert came.status == status
    assert json.loads(came.body) == {"error": "there is no column x"}
    assert came.is_well_described
    assert memory.attempts == [("flight-delay", "logit@1", outcome)]


def test_an_error_without_a_body_passes(at: Callable[..., Attempt]) -> None:
    attempt = at("logit@1")
    attempt.goes()
    headers = HeaderMap(headers=[HeaderValue(key=":status", raw_value=b"400")]).SerializeToString()
    message = ProcessingRequest()
    message.response_headers.headers, message.response_headers.end_of_stream = headers, True
    answer = ProcessingResponse.FromString(attempt._exchange.receive(message.SerializeToString()))
    assert not answer.response_headers.HasField("response")
    assert attempt.is_over


@pytest.mark.parametrize("body", [b"", b"{", b'{"instances": [[1]]}', b'{"instances": [{"dep_delay": NaN}]}'])
def test_a_request_that_cannot_be_said_to_the_model_is_refused_in_the_form_that_the_client_knows(
    body: bytes, at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("logit@1")
    attempt.request_headers(attempt.headers)
    immediate = attempt.request_body(body).immediate_response
    assert immediate.status.code == 422
    assert list(json.loads(immediate.body)) == ["error"]
    headers: dict[str, str] = {}
    apply(immediate.headers, headers)
    assert headers == {"content-type": "application/json", "x-hyperplan-prediction-id": "id-1"}
    assert attempt.is_over
    assert memory.attempts == [("flight-delay", "logit@1", "untranslatable")]


def test_a_request_without_a_body_cannot_be_said_to_a_model_that_speaks_otherwise(at: Callable[..., Attempt]) -> None:
    attempt = at("logit@1")
    assert attempt.request_headers(attempt.headers, end_of_stream=True).immediate_response.status.code == 422
    attempt = at("gbm@1")
    assert attempt.request_headers(attempt.headers, end_of_stream=True).HasField("request_headers")


def test_a_request_in_a_coding_that_nobody_took_off_is_refused(at: Callable[..., Attempt]) -> None:
    attempt = at("logit@1", {"content-encoding": "zstd"})
    immediate = attempt.request_headers(attempt.headers).immediate_response
    assert immediate.status.code == 422
    assert b"zstd" in immediate.body


# Answers that are compressed although nobody asked.


@pytest.mark.parametrize(
    ("name", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", lambda plain: zlib.compress(plain)[2:-4])],
)
@pytest.mark.parametrize("model", ["gbm@1", "logit@1"])
def test_a_compressed_answer_is_understood(
    model: str, name: str, compress: Callable[[bytes], bytes], at: Callable[..., Attempt]
) -> None:
    attempt = at(model)
    attempt.goes()
    came = attempt.comes(compress(TWO), {"content-encoding": name})
    assert came.status == 200
    assert json.loads(came.body) == json.loads(TWO)
    assert "content-encoding" not in came.headers
    assert came.is_well_described


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("br", b"\x8b\x03\x80"),
        ("gzip", TWO),
        ("gzip", gzip.compress(TWO)[:-9]),
        ("deflate", b"\xff\xff"),
    ],
    ids=["a coding that is not known", "not in it", "cut off", "garbage"],
)
def test_a_coding_that_cannot_be_taken_off_is_a_failure_of_the_model(
    name: str, content: bytes, at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("gbm@1")
    attempt.goes()
    came = attempt.comes(content, {"content-encoding": name})
    assert came.status == 503
    assert "content-encoding" not in came.headers
    assert memory.attempts == [("flight-delay", "gbm@1", "not_understood")]


def test_an_answer_that_is_too_large_when_decoded_is_a_failure(
    at: Callable[..., Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coding, "LARGEST", 1000)
    attempt = at("gbm@1")
    attempt.goes()
    assert attempt.comes(gzip.compress(bytes(1001)), {"content-encoding": "gzip"}).status == 503


# Answers that are too large to read.


def test_an_answer_too_large_to_read_passes_where_client_and_model_speak_alike(at: Callable[..., Attempt]) -> None:
    attempt = at("gbm@1")
    attempt.goes()
    answer = attempt.response_headers({"content-length": str(LARGEST_ANSWER + 1)})
    assert not answer.response_headers.HasField("response")
    assert not answer.HasField("mode_override")


def test_where_an_endpoint_allows_large_requests_large_answers_are_read(memory: Memory) -> None:
    large = an_endpoint(("timeout: 15", f"max_body: {LARGEST_ANSWER + 1}"))
    attempt = Attempt(adapt_for(large, memory), "gbm@1")
    attempt.goes()
    assert attempt.response_headers({"content-length": str(LARGEST_ANSWER + 1)}).HasField("mode_override")


def test_an_answer_too_large_to_translate_is_a_failure(at: Callable[..., Attempt], memory: Memory) -> None:
    attempt = at("logit@1")
    attempt.goes()
    answer = attempt.response_headers({"content-length": str(LARGEST_ANSWER + 1)}).response_headers.response
    headers: dict[str, str] = {}
    apply(answer.header_mutation, headers)
    assert headers[":status"] == "503"
    assert memory.attempts == [("flight-delay", "logit@1", "not_understood")]


# One attempt after the other: headers that one has written are still there in the next.


def test_the_next_model_gets_what_the_client_said_whatever_was_said_to_the_one_before(adapt: Adapt) -> None:
    client = {"content-type": "application/json;charset=UTF-8", "content-length": str(len(REQUEST))}
    first = Attempt(adapt, "logit@1", client)
    first.goes()
    assert first.headers["content-length"] != client["content-length"]
    second = Attempt(adapt, "gbm@1", {**first.headers, **attempt_headers("gbm@1"), **_written(first)})
    assert second.goes() == REQUEST
    assert {name: second.headers[name] for name in client} == client
    third = Attempt(adapt, "tree@1", {**second.headers, **attempt_headers("tree@1"), **_written(second)})
    assert json.loads(third.goes() or b"") == {
        "instances": [{"dep_delay": 1.5, "distance": 5}, {"dep_delay": None, "distance": 7}]
    }


def test_a_request_that_came_in_chunks_goes_on_in_chunks(adapt: Adapt) -> None:
    first = Attempt(adapt, "logit@1")
    del first.headers["content-length"], first.headers["content-type"]
    first.goes()
    assert "content-length" in first.headers
    second = Attempt(adapt, "gbm@1", {**first.headers, **_written(first)})
    second.headers.update({"x-hyperplan-target": "gbm@1", "x-hyperplan-path": "/v1/models/gbm:predict"})
    second.goes()
    assert not {"content-length", "content-type"} & second.headers.keys()


def test_binary_tensors_are_said_in_json_to_one_model_and_arrive_as_they_are_at_the_next(memory: Memory) -> None:
    parameters = {"binary_data_size": 8}
    columns = [("dep_delay", "FP32", struct.pack("<2f", 1.5, 2.5)), ("distance", "INT32", struct.pack("<2i", 5, 7))]
    tensors = [{"name": n, "shape": [2, 1], "datatype": kind, "parameters": parameters} for n, kind, _ in columns]
    head = json.dumps({"inputs": tensors}).encode()
    body = head + b"".join(data for _, _, data in columns)
    client = {
        "content-type": "application/octet-stream",
        "content-length": str(len(body)),
        "inference-header-content-length": str(len(head)),
    }
    adapt = adapt_for(an_endpoint(("protocol: tfserving\ntask", "protocol: oip\ntask"), OPEN_INFERENCE), memory)
    first = Attempt(adapt, "logit@1", client)
    assert json.loads(first.goes(body) or b"")["dataframe_split"]["data"] == [[1.5, 5], [2.5, 7]]
    assert first.headers["content-type"] == "application/json"
    assert "inference-header-content-length" not in first.headers
    second = Attempt(adapt, "gbm@1", _written(first))
    assert second.goes(body) == body
    assert {name: second.headers[name] for name in client} == client


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([{"name": "a"}, {"name": "b"}], "the outputs a, b are asked for, and the predictions are but one"),
        ([{"name": "a"}, {"name": "\ud800"}], "'outputs' must be a list of objects with a name"),
    ],
)
def test_outputs_that_the_model_has_not_are_the_clients_error_and_no_failure_of_the_model(
    asked: list[Any], words: str, memory: Memory
) -> None:
    adapt = adapt_for(an_endpoint(("protocol: tfserving\ntask", "protocol: oip\ntask"), OPEN_INFERENCE), memory)
    columns = [{"name": name, "shape": [1], "datatype": "FP64", "data": [1]} for name in ("dep_delay", "distance")]
    attempt = Attempt(adapt, "logit@1")
    answer = attempt.request_headers(attempt.headers)
    answer = attempt.request_body(json.dumps({"inputs": columns, "outputs": asked}).encode())
    if answer.HasField("immediate_response"):
        status, body = answer.immediate_response.status.code, answer.immediate_response.body
    else:
        came = attempt.comes(b'{"predictions": [0.5]}')
        status, body = came.status, came.body
        assert came.is_well_described
    assert (status, list(json.loads(body))) == (422, ["error"])
    assert words in json.loads(body)["error"]
    assert memory.attempts == [("flight-delay", "logit@1", "untranslatable")]


@pytest.mark.parametrize("length", ["9" * 5000, "\N{SUPERSCRIPT TWO}", "-1", "1e3", ""])
def test_a_length_of_json_that_is_nonsense_is_no_failure_of_the_stage(length: str, memory: Memory) -> None:
    adapt = adapt_for(an_endpoint(("protocol: tfserving\ntask", "protocol: oip\ntask"), OPEN_INFERENCE), memory)
    columns = [{"name": name, "shape": [1], "datatype": "FP64", "data": [1]} for name in ("dep_delay", "distance")]
    attempt = Attempt(adapt, "logit@1", {"inference-header-content-length": length})
    sent = attempt.goes(json.dumps({"inputs": columns}).encode())
    refused = [("flight-delay", "logit@1", "untranslatable")]
    assert memory.attempts == (refused if length.startswith("9") else [])
    assert (sent is None) == length.startswith("9")


def _written(attempt: Attempt) -> dict[str, str]:
    """What an attempt has left in the headers of the request."""
    kept = (":path", "content-type", "content-length", "accept-encoding", "x-hyperplan-said")
    return {name: attempt.headers[name] for name in kept if name in attempt.headers}


words = st.none() | st.from_regex(r"[!-,.-~][!-~]{0,20}", fullmatch=True)
types = st.none() | st.from_regex(r"[!-,.-~]([ -~]{0,20}[!-~])?", fullmatch=True)


@given(words, words, types)
def test_what_was_put_by_is_found_again(length: str | None, json_length: str | None, content_type: str | None) -> None:
    said = Said(length, json_length, content_type)
    header = HeaderValue(key=rewrites.SAID_HEADER, raw_value=said.put_by().encode())
    assert Said.of(Headers(HeaderMap(headers=[header]).SerializeToString())) == said


# Which endpoint.


def test_a_request_is_adapted_by_the_endpoint_that_decided_it(adapt: Adapt) -> None:
    changed = an_endpoint(("protocol: mlflow", "protocol: kserve"))
    adapt.adopt(a_plan(8, 4, changed))
    assert b"dataframe_split" in (Attempt(adapt, "logit@1", revision=3).goes() or b"")
    assert b"instances" in (Attempt(adapt, "logit@1", revision=4).goes() or b"")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-hyperplan-target": "gone@1"},
        {"x-hyperplan-target": ""},
        {"x-hyperplan-arm": "arm/unknown/gbm@1"},
        {"x-hyperplan-arm": "nonsense"},
    ],
)
def test_an_attempt_at_what_no_plan_knows_is_answered_with_503(
    headers: Mapping[str, str], at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("gbm@1", headers)
    immediate = attempt.request_headers(attempt.headers).immediate_response
    assert immediate.status.code == 503
    assert attempt.is_over
    assert not memory.attempts


def test_an_attempt_at_a_model_that_is_gone_is_answered_in_the_form_that_the_client_knows(memory: Memory) -> None:
    endpoint = an_endpoint(
        ("protocol: tfserving\ntask", "protocol: mlflow\ntask"), ("routing: {", "on_failure: closed\nrouting: {")
    )
    attempt = Attempt(adapt_for(endpoint, memory), "gone@1")
    immediate = attempt.request_headers(attempt.headers).immediate_response
    assert json.loads(immediate.body).keys() == {"error_code", "message"}


# The end.


def test_an_attempt_that_ends_without_an_answer_was_reset(at: Callable[..., Attempt], memory: Memory) -> None:
    asked = at("logit@1")
    asked.goes()
    asked.close()
    halfway = at("gbm@1")
    halfway.goes()
    halfway.response_headers()
    halfway.close()
    assert memory.attempts == [("flight-delay", "logit@1", "reset"), ("flight-delay", "gbm@1", "reset")]


def test_an_attempt_is_told_of_once(at: Callable[..., Attempt], memory: Memory) -> None:
    attempt = at("logit@1")
    attempt.goes()
    attempt.comes(TWO)
    attempt.close()
    waiting = at("logit@1")
    waiting.request_headers(waiting.headers)
    waiting.close()
    assert memory.attempts == [("flight-delay", "logit@1", "ok")], "nothing was asked of the second one"


def test_messages_out_of_turn_pass_untouched(at: Callable[..., Attempt]) -> None:
    attempt = at("logit@1")
    answer = attempt.response_body(b"early")
    assert answer == ProcessingResponse(response_body=answer.response_body)
    assert not answer.response_body.HasField("response")


# Shadows.

SHADOW = {"x-hyperplan-shadow": "1"}
SAMPLED = {**SHADOW, "x-hyperplan-sampled": "0.25"}


def test_the_answer_of_a_shadow_is_not_looked_at_unless_it_is_sampled(
    at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("logit@1", SHADOW)
    body = attempt.goes()
    assert body is not None
    assert b"dataframe_split" in body, "it gets the request in its own words"
    attempt.response_headers()
    assert attempt.is_over
    assert not memory.shadows
    assert not memory.attempts


@pytest.mark.parametrize("model", ["gbm@1", "logit@1"])
def test_the_predictions_of_a_sampled_shadow_are_told(model: str, memory: Memory) -> None:
    seconds = iter([100.0, 100.0, 100.5])
    adapt = Adapt(memory, clock=lambda: 1_700_000_000.0, monotonic=lambda: next(seconds))
    adapt.adopt(a_plan(7, 3, an_endpoint()))
    attempt = Attempt(adapt, model, SAMPLED)
    attempt.goes()
    attempt.comes(TWO)
    ((sample, trace),) = memory.shadows
    assert (sample.prediction_id, sample.endpoint, sample.revision, sample.model) == ("id-1", "flight-delay", 3, model)
    assert (sample.inclusion, sample.status, sample.predictions, sample.failure) == (0.25, 200, [0.25, 0.75], None)
    assert (sample.time, sample.latency) == (1_700_000_000 * 10**9, 0.5)
    assert trace is None
    assert not memory.attempts


Failure = tuple[str, Callable[[Attempt], Any], int | None]


@pytest.mark.parametrize(
    ("failure", "ends", "status"),
    [
        ("it answered 500", lambda attempt: attempt.comes(b"{}", status=500), 500),
        ("it answered 400", lambda attempt: attempt.comes(b"{}", status=400), 400),
        ("it answered 404", lambda attempt: attempt.comes(b"{}", status=404), 404),
        ("1 predictions for 2 rows", lambda attempt: attempt.comes(b'{"predictions": [1]}'), 200),
        ("there was no end of an answer", lambda attempt: attempt.close(), None),
    ],
)
def test_why_a_sampled_shadow_has_no_predictions_is_told(
    failure: str, ends: Callable[[Attempt], Any], status: int | None, at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("logit@1", SAMPLED)
    attempt.goes()
    ends(attempt)
    ((sample, _),) = memory.shadows
    assert (sample.failure, sample.status, sample.predictions) == (failure, status, [])


def test_a_stream_of_a_sampled_shadow_is_no_failure_though_it_has_no_predictions(
    at: Callable[..., Attempt], memory: Memory
) -> None:
    attempt = at("gbm@1", SAMPLED)
    attempt.goes()
    attempt.response_headers({"content-type": "text/event-stream"})
    ((sample, _),) = memory.shadows
    assert (sample.status, sample.failure, sample.predictions) == (200, None, [])


def test_a_request_that_cannot_be_said_to_a_shadow_is_told_too(at: Callable[..., Attempt], memory: Memory) -> None:
    attempt = at("logit@1", SAMPLED)
    assert attempt.goes(b'{"instances": [3]}') is None
    ((sample, _),) = memory.shadows
    assert sample.failure is not None
    assert "row 0" in sample.failure


# Laws.

answers = st.binary(max_size=60) | st.sampled_from([TWO, b'{"predictions": [1, 2]}', b"null"])
codings = st.sampled_from(["", "identity", "gzip", "br"])
kinds = st.sampled_from(["application/json", "", "text/html", "text/event-stream"])


@given(st.sampled_from(["gbm@1", "logit@1"]), st.integers(200, 599), answers, codings, kinds)
def test_whatever_a_model_answers_the_length_is_right_and_the_attempt_is_told_once(
    model: str, status: int, body: bytes, name: str, kind: str
) -> None:
    memory = Memory()
    attempt = Attempt(adapt_for(an_endpoint(), memory), model)
    attempt.goes()
    came = attempt.comes(body, {"content-encoding": name, "content-type": kind}, status=status)
    assert came.is_well_described
    assert attempt.is_over
    attempt.close()
    ((_, _, outcome),) = memory.attempts
    expected = {
        "ok": status < 300 and came.status == status,
        "not_understood": status < 300 and came.status == 503,
        "client_error": 400 <= came.status == status < 500,
        "failed": came.status >= 500 and status >= 300,
    }
    assert expected[outcome]


@given(st.binary(max_size=80) | st.sampled_from([REQUEST, b"{}"]))
def test_whatever_a_client_sends_its_length_is_right_or_it_is_refused(body: bytes) -> None:
    memory = Memory()
    attempt = Attempt(adapt_for(an_endpoint(), memory), "logit@1")
    sent = attempt.goes(body)
    if sent is None:
        assert [outcome for _, _, outcome in memory.attempts] == ["untranslatable"]
    else:
        assert attempt.headers["content-length"] == str(len(sent))


# What is counted of arms, and told of failures.

SPLIT = ("split: { gbm@1: 1 }", "split: { gbm@1: 99, logit@1: 1 }")
FIRST = {"x-envoy-attempt-count": "1"}


def test_the_first_attempt_of_a_request_tells_how_its_arm_does(memory: Memory) -> None:
    clock = Clock()
    adapt = adapt_for(an_endpoint(SPLIT), memory, clock)
    attempt = Attempt(adapt, "gbm@1", {**FIRST, "x-hyperplan-violations": "dist=range"})
    attempt.goes()
    clock.now += 0.03
    attempt.comes(TWO)
    assert memory.first_attempts == [("gbm@1", 3, latency_of(0.03), 2, True)]


def test_a_later_attempt_and_one_of_a_request_that_named_its_arm_tell_nothing_of_an_arm(memory: Memory) -> None:
    forceable = (SPLIT[0], SPLIT[1] + ", force_header: x-arm")
    adapt = adapt_for(an_endpoint(forceable), memory)
    for more in ({"x-envoy-attempt-count": "2"}, {**FIRST, "x-arm": "gbm@1"}):
        attempt = Attempt(adapt, "gbm@1", more)
        attempt.goes()
        attempt.comes(TWO)
    assert len(memory.attempts) == 2
    assert not memory.first_attempts


def test_an_arm_that_has_none_beside_it_is_not_told_of(at: Callable[..., Attempt], memory: Memory) -> None:
    attempt = at("gbm@1", FIRST)
    attempt.goes()
    attempt.comes(TWO)
    assert not memory.first_attempts


def test_of_a_failure_the_model_and_the_cause_are_told(at: Callable[..., Attempt], memory: Memory) -> None:
    attempt = at("gbm@1")
    attempt.goes()
    attempt.comes(b"", status=500)
    assert memory.failures == [("flight-delay", "gbm@1", "it answered 500", "id-1")]
