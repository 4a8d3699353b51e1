"""The decide stage as Envoy sees it: messages in, messages out."""

import json
import struct
from collections.abc import Callable

import pytest
from google.protobuf.message import DecodeError

from extproc.stages import Decide
from extproc.stages.observer import Trace
from extproc.wire import BUFFERED, NONE, SEND, ProcessingResponse
from hyperplan.endpoint import parse_endpoint
from hyperplan.plan import CompiledPlan, Plan, PlannedEndpoint
from tests.extproc.conversation import DOCUMENT, Conversation, Memory, decide_for

Converse = Callable[..., Conversation]
GOOD = b'{"instances": [{"dep_delay": 3.5, "carrier": "AA", "distance": 500, "tailnum": "N14228"}]}'
UNSEEN = b'{"instances": [{"dep_delay": 3.5, "carrier": "ZZ", "distance": 500, "tailnum": "N14228"}]}'
RENAMED = b'{"instances": [{"dep_delay": 3.5, "carrier": "AA", "dist": 500}]}'


def header(response: ProcessingResponse, name: str) -> str | None:
    """The value that an answer sets for a header of the request."""
    part = response.request_body if response.HasField("request_body") else response.request_headers
    values = {option.header.key: option.header.raw_value for option in part.response.header_mutation.set_headers}
    return values[name].decode() if name in values else None


def problem(response: ProcessingResponse) -> dict[str, object]:
    """The problem document of a refusal."""
    found: dict[str, object] = json.loads(response.immediate_response.body)
    return found


def arm_of(cluster: str | None) -> str:
    """The arm to whose cluster a request of the endpoint is sent."""
    assert cluster is not None
    kind, endpoint, arm, _ = cluster.split("/")
    assert (kind, endpoint) == ("arm", "flight-delay")
    return arm


def ask(converse: Converse, body: bytes, **headers: str) -> ProcessingResponse:
    """What becomes of a request with this body."""
    conversation = converse()
    conversation.request_headers(headers)
    return conversation.request_body(body)


def test_a_good_body_is_sent_to_an_arm_and_its_route_chosen_anew(converse: Converse) -> None:
    answer = ask(converse, GOOD)
    assert arm_of(header(answer, "x-hyperplan-arm")) in ("gbm@1", "logit@1")
    assert answer.request_body.response.clear_route_cache


def test_the_body_itself_is_never_touched(converse: Converse) -> None:
    answer = ask(converse, GOOD)
    assert [field.name for field, _ in answer.request_body.response.ListFields()] == [
        "header_mutation",
        "clear_route_cache",
    ]


FALLBACK = "  fallback: [gbm@1, logit@1]\n"
SHADOWED = (
    (FALLBACK, "  shadow: [tree@1]\n"),
    (
        "routing:\n",
        '  tree@1: { url: "http://127.0.0.1:9003/v1/models/tree:predict", protocol: tfserving }\nrouting:\n',
    ),
)


def test_a_request_that_will_be_adapted_says_by_which_revision_it_was_decided(
    converse: Converse, decide_with: Callable[..., Converse]
) -> None:
    assert header(ask(converse, GOOD), "x-hyperplan-revision") == "3"
    assert header(ask(converse, UNSEEN), "x-hyperplan-revision") == "3", "marked or not"
    alone = decide_with((FALLBACK, ""))
    assert header(ask(alone, GOOD), "x-hyperplan-revision") is None
    assert header(ask(alone, UNSEEN), "x-hyperplan-revision") is None


def test_a_sampled_request_that_is_copied_to_a_shadow_says_with_which_probability(
    converse: Converse, decide_with: Callable[..., Converse]
) -> None:
    assert header(ask(converse, GOOD), "x-hyperplan-sampled") is None
    copied = decide_with(*SHADOWED, ("rate: 1,", "rate: 0.5,"))
    answers = [ask(copied, GOOD) for _ in range(50)]
    assert {header(answer, "x-hyperplan-sampled") for answer in answers} == {"0.5", None}
    assert {header(answer, "x-hyperplan-revision") for answer in answers} == {"3"}


def test_a_request_without_a_body_says_so_in_the_answer_to_its_headers(decide_with: Callable[..., Converse]) -> None:
    converse = decide_with(*SHADOWED, ("on_violation: reject", "on_violation: warn"))
    answer = converse().request_headers(end_of_stream=True)
    assert header(answer, "x-hyperplan-sampled") == "1.0"
    assert header(answer, "x-hyperplan-revision") == "3"


def test_an_entity_stays_on_its_arm(converse: Converse) -> None:
    assert len({header(ask(converse, GOOD), "x-hyperplan-arm") for _ in range(20)}) == 1


def test_an_entity_is_the_same_however_its_number_is_written(decide_with: Callable[..., Converse]) -> None:
    converse = decide_with(("tailnum: { type: string, required: false }", "tailnum: { type: int }"))
    bodies = [GOOD.replace(b'"N14228"', number) for number in (b"5", b"5.0", b"5e0")]
    assert len({header(ask(converse, body), "x-hyperplan-arm") for body in bodies}) == 1


def test_an_entity_can_be_named_by_a_header(decide_with: Callable[..., Converse]) -> None:
    converse = decide_with(("entity: { feature: tailnum }", "entity: { header: x-user }"))
    arms = {
        user: {header(ask(converse, GOOD, **{"x-user": user}), "x-hyperplan-arm") for _ in range(5)}
        for user in "abcdefgh"
    }
    assert all(len(found) == 1 for found in arms.values())
    assert len(set.union(*arms.values())) == 2


def test_a_request_without_an_entity_is_drawn_at_random(converse: Converse) -> None:
    anonymous = b'{"instances": [{"dep_delay": 3.5, "carrier": "AA", "distance": 500}]}'
    assert len({header(ask(converse, anonymous), "x-hyperplan-arm") for _ in range(50)}) == 2


def test_a_path_with_a_query_is_still_the_endpoint(converse: Converse) -> None:
    conversation = converse()
    conversation.request_headers({":path": "/v1/models/flight-delay:predict?verbose=1"})
    assert header(conversation.request_body(GOOD), "x-hyperplan-arm")


def test_what_is_no_endpoint_passes_untouched(converse: Converse, memory: Memory) -> None:
    conversation = converse()
    conversation.request_headers({":path": "/v1/models/other:predict"})
    assert conversation.request_body(GOOD).request_body.ByteSize() == 0
    conversation.close()
    assert not memory.samples
    assert not memory.routes


def test_a_body_that_breaks_the_schema_is_refused_with_all_that_is_wrong(converse: Converse) -> None:
    answer = ask(converse, b'{"instances": [{"dep_delay": -99, "carrier": 5, "distance": 1.5}, {"distance": null}]}')
    assert answer.immediate_response.status.code == 422
    errors = problem(answer)["errors"]
    assert isinstance(errors, list)
    assert [(e["row"], e["feature"], e["kind"]) for e in errors] == [
        (0, "dep_delay", "range"),
        (0, "carrier", "type"),
        (0, "distance", "type"),
        (1, "dep_delay", "missing"),
        (1, "carrier", "missing"),
        (1, "distance", "null"),
    ]


def test_a_refusal_carries_the_prediction_id(converse: Converse) -> None:
    answer = ask(converse, b"{}")
    headers = {option.header.key: option.header.raw_value for option in answer.immediate_response.headers.set_headers}
    assert headers["x-hyperplan-prediction-id"] == b"id-1"
    assert headers["content-type"] == b"application/problem+json"


@pytest.mark.parametrize(
    ("protocol", "members"),
    [("tfserving", ["error"]), ("kserve", ["error"]), ("oip", ["error"]), ("mlflow", ["error_code", "message"])],
)
def test_a_refusal_is_an_error_to_clients_of_each_protocol_too(
    decide_with: Callable[..., Converse], protocol: str, members: list[str]
) -> None:
    found = problem(ask(decide_with(("protocol: tfserving", f"protocol: {protocol}")), b"{"))
    assert set(found) == {"type", "title", "status", "detail", *members}
    assert found[members[-1]] == found["detail"]


def test_an_endpoint_that_does_not_explain_says_only_that_the_body_was_refused(
    decide_with: Callable[..., Converse],
) -> None:
    converse = decide_with(("on_violation: reject", "on_violation: reject\n  explain: false"))
    answer = ask(converse, b'{"instances": [{"distance": "secret"}]}')
    assert answer.immediate_response.status.code == 422
    assert set(problem(answer)) == {"type", "title", "status", "error"}
    assert b"distance" not in answer.immediate_response.body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b'{"instances": [', 400),
        (b"\xff\xfe", 415),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"instances": []}', 422),
        (b'{"instances": {"a": 1}}', 422),
        (b'{"instances": [5]}', 422),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_a_reason(converse: Converse, body: bytes, status: int) -> None:
    answer = ask(converse, body)
    assert answer.immediate_response.status.code == status
    assert problem(answer)["detail"]


def test_a_body_full_of_nan_names_the_feature(converse: Converse) -> None:
    answer = ask(converse, GOOD.replace(b"3.5", b"NaN"))
    assert answer.immediate_response.status.code == 422
    assert "dep_delay" in str(problem(answer)["detail"])


def test_a_compressed_body_is_refused_by_the_name_of_its_encoding(converse: Converse) -> None:
    answer = ask(converse, b"\x1f\x8b", **{"content-encoding": "gzip"})
    assert answer.immediate_response.status.code == 415
    assert "gzip" in str(problem(answer)["detail"])


def test_a_body_above_the_limit_is_refused_even_where_violations_only_warn(
    decide_with: Callable[..., Converse],
) -> None:
    converse = decide_with(
        ("on_violation: reject", "on_violation: warn"), ("task: binary", "task: binary\nmax_body: 50")
    )
    assert ask(converse, GOOD).immediate_response.status.code == 413


def test_a_body_that_says_it_is_above_the_limit_is_refused_and_counted_before_it_is_sent(
    decide_with: Callable[..., Converse], memory: Memory
) -> None:
    conversation = decide_with(("task: binary", "task: binary\nmax_body: 50"))()
    answer = conversation.request_headers({"content-length": "51"})
    assert answer.immediate_response.status.code == 413
    assert problem(answer)["detail"] == "the body has 51 bytes, more than the 50 allowed"
    assert (memory.rejections, memory.flaws) == (["flight-delay"], [("flight-delay", "too_large")])
    assert conversation.is_over


@pytest.mark.parametrize("declared", ["50", "many", "-51"])
def test_a_body_that_does_not_say_so_is_waited_for(decide_with: Callable[..., Converse], declared: str) -> None:
    conversation = decide_with(("task: binary", "task: binary\nmax_body: 50"))()
    assert not conversation.request_headers({"content-length": declared}).HasField("immediate_response")
    assert not conversation.is_over


def test_a_request_finds_its_endpoint_whatever_the_port_and_case_of_its_host(
    decide_with: Callable[..., Converse],
) -> None:
    converse = decide_with(('predict" }', 'predict", host: shop.example }'))
    for host in ("shop.example", "SHOP.example:8080"):
        assert header(ask(converse, GOOD, **{":authority": host}), "x-hyperplan-arm")
    assert header(ask(converse, GOOD, **{":authority": "other.example"}), "x-hyperplan-arm") is None


def test_of_a_key_that_stands_twice_the_last_counts(converse: Converse) -> None:
    twice = GOOD.replace(b'"dep_delay": 3.5', b'"dep_delay": "x", "dep_delay": 3.5')
    assert header(ask(converse, twice), "x-hyperplan-arm")


def test_a_violation_that_only_warns_passes_with_a_mark(converse: Converse, memory: Memory) -> None:
    answer = ask(converse, UNSEEN)
    assert header(answer, "x-hyperplan-arm")
    assert header(answer, "x-hyperplan-violations") == "carrier=category"
    assert memory.violations == [("flight-delay", "carrier", "category")]


def test_a_good_body_has_no_mark(converse: Converse) -> None:
    assert header(ask(converse, GOOD), "x-hyperplan-violations") is None


def test_a_renamed_feature_passes_with_a_mark_where_violations_only_warn(decide_with: Callable[..., Converse]) -> None:
    converse = decide_with(("on_violation: reject", "on_violation: warn"))
    assert header(ask(converse, RENAMED), "x-hyperplan-violations") == "distance=renamed"


def test_a_body_that_cannot_be_read_passes_with_a_mark_where_violations_only_warn(
    decide_with: Callable[..., Converse], memory: Memory
) -> None:
    converse = decide_with(("on_violation: reject", "on_violation: warn"))
    assert header(ask(converse, b"not json"), "x-hyperplan-violations") == "body=not_json"
    assert memory.flaws == [("flight-delay", "not_json")]


def test_ignored_violations_are_counted_and_leave_no_mark(decide_with: Callable[..., Converse], memory: Memory) -> None:
    converse = decide_with(("on_violation: reject", "on_violation: ignore"))
    assert header(ask(converse, RENAMED), "x-hyperplan-violations") is None
    assert memory.violations == [("flight-delay", "distance", "renamed")]


def test_a_request_without_a_body_is_refused_at_its_headers(converse: Converse) -> None:
    answer = converse().request_headers(end_of_stream=True)
    assert answer.immediate_response.status.code == 400


def test_a_request_without_a_body_still_finds_an_arm_where_violations_only_warn(
    decide_with: Callable[..., Converse],
) -> None:
    converse = decide_with(("on_violation: reject", "on_violation: warn"))
    answer = converse().request_headers(end_of_stream=True)
    assert header(answer, "x-hyperplan-arm")
    assert answer.request_headers.response.clear_route_cache


def test_all_traffic_is_counted_sampled_or_not(decide_with: Callable[..., Converse], memory: Memory) -> None:
    converse = decide_with(("rate: 1,", "rate: 0,"))
    for body in (GOOD, GOOD, b"{}"):
        ask(converse, body)
    assert len(memory.routes) == 2
    assert memory.rejections == ["flight-delay"]
    assert not memory.samples


def test_the_answer_is_asked_for_only_when_the_request_is_sampled(decide_with: Callable[..., Converse]) -> None:
    sampled = decide_with()().request_headers()
    assert sampled.mode_override.response_header_mode == SEND
    assert sampled.mode_override.request_body_mode == BUFFERED
    assert sampled.mode_override.response_body_mode == NONE
    unsampled = decide_with(("rate: 1,", "rate: 0,"))().request_headers()
    assert not unsampled.HasField("mode_override")


def test_requests_that_say_they_will_get_a_label_are_kept_with_the_probability_of_that(
    decide_with: Callable[..., Converse], memory: Memory
) -> None:
    converse = decide_with(("rate: 1,", "rate: 0, keep: x-will-be-labelled,"))
    for headers in ({"x-will-be-labelled": "yes"}, {"x-will-be-labelled": ""}, {}):
        conversation = converse()
        conversation.request_headers(headers)
        conversation.request_body(GOOD)
        conversation.close()
    assert [sample.inclusion for sample, _ in memory.samples] == [1.0]


def test_requests_that_are_kept_have_the_limit_for_themselves(
    decide_with: Callable[..., Converse], memory: Memory
) -> None:
    converse = decide_with(("max_per_second: 1000000", "max_per_second: 2, keep: x-keep"))
    for number in range(100):
        conversation = converse()
        conversation.request_headers({} if number < 50 else {"x-keep": "1"})
        conversation.request_body(GOOD)
        conversation.close()
    inclusions = [sample.inclusion for sample, _ in memory.samples]
    assert inclusions.count(1.0) == 4  # the first two of each
    assert all(inclusion >= 2 / 50 for inclusion in inclusions)


def test_a_sample_holds_the_whole_exchange(converse: Converse, memory: Memory) -> None:
    conversation = converse()
    conversation.request_headers({"x-platform": "ios"})
    arm = header(conversation.request_body(GOOD), "x-hyperplan-arm")
    wanted = conversation.response_headers({"x-hyperplan-model": "logit@1", "x-envoy-attempt-count": "2"})
    assert wanted.mode_override.response_body_mode == BUFFERED
    conversation.response_body(b'{"predictions": [0.125]}')
    conversation.close()
    ((sample, trace),) = memory.samples
    assert trace is None
    assert arm_of(arm) == sample.chosen
    assert (sample.answered, sample.attempts, sample.status) == ("logit@1", 2, 200)
    assert (sample.prediction_id, sample.plan, sample.revision) == ("id-1", 7, 3)
    assert (sample.propensity, sample.inclusion) == (0.5, 1.0)
    assert sample.entity == "N14228"
    assert not sample.forced
    assert sample.slices == {"carrier": "AA", "header:x-platform": "ios"}
    assert sample.rows[0].values == {"dep_delay": 3.5, "carrier": "AA", "distance": 500, "tailnum": "N14228"}
    assert sample.predictions == [0.125]
    assert sample.time == 1_700_000_000 * 10**9


def test_a_request_that_names_its_arm_gets_it_and_is_no_choice_of_the_split(
    decide_with: Callable[..., Converse], memory: Memory
) -> None:
    converse = decide_with(("sticky: true", "force_header: x-force-model"))
    for arm in ("logit@1", "gbm@1", "logit@1"):
        conversation = converse()
        conversation.request_headers({"x-force-model": arm})
        assert arm_of(header(conversation.request_body(GOOD), "x-hyperplan-arm")) == arm
        conversation.close()
    assert memory.forces == [("flight-delay", arm) for arm in ("logit@1", "gbm@1", "logit@1")]
    assert memory.routes == []
    assert {(sample.forced, sample.propensity) for sample, _ in memory.samples} == {(True, 1.0)}


def test_tensors_in_binary_are_sampled_like_any_other_body(
    decide_with: Callable[..., Converse], memory: Memory
) -> None:
    blobs = struct.pack("<dqI2s", 3.5, 500, 2, b"AA")
    inputs = [("dep_delay", "FP64", 8), ("distance", "INT64", 8), ("carrier", "BYTES", 6)]
    request = _tensors("inputs", inputs, blobs)
    conversation = decide_with(("protocol: tfserving", "protocol: oip"))()
    conversation.request_headers({"inference-header-content-length": str(len(request) - len(blobs))})
    conversation.request_body(request)
    answer = _tensors("outputs", [("predict", "FP32", 4)], struct.pack("<f", 0.125))
    told = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(answer) - 4)}
    assert conversation.response_headers(told).mode_override.response_body_mode == BUFFERED
    conversation.response_body(answer)
    conversation.close()
    ((sample, _),) = memory.samples
    assert sample.flaw is None
    assert sample.rows[0].values == {"dep_delay": 3.5, "distance": 500, "carrier": "AA"}
    assert sample.predictions == [0.125]


def _tensors(key: str, tensors: list[tuple[str, str, int]], blobs: bytes) -> bytes:
    """A body with tensors of one value, in binary."""
    listed = [
        {"name": name, "datatype": datatype, "shape": [1], "parameters": {"binary_data_size": size}}
        for name, datatype, size in tensors
    ]
    return json.dumps({key: listed}).encode() + blobs


def test_a_length_of_json_that_nobody_can_read_is_more_than_the_body_has(
    decide_with: Callable[..., Converse], memory: Memory
) -> None:
    converse = decide_with(("protocol: tfserving", "protocol: oip"))
    answer = ask(converse, b'{"inputs": []}', **{"inference-header-content-length": "9" * 5000})
    assert answer.immediate_response.status.code == 422
    assert memory.flaws == [("flight-delay", "no_rows")]


def test_the_length_of_json_means_nothing_where_bodies_are_json_alone(converse: Converse, memory: Memory) -> None:
    ask(converse, GOOD, **{"inference-header-content-length": "3"})
    assert memory.flaws == []


def test_predictions_are_sampled_from_where_the_endpoint_keeps_them(
    decide_with: Callable[..., Converse], memory: Memory
) -> None:
    paths = "{ rows: data.rows, predictions: result.scores }"
    converse = decide_with(
        (", protocol: tfserving }", f", protocol: json, paths: {paths} }}"),
        ("protocol: tfserving", f"protocol: json\npaths: {paths}"),
    )
    conversation = converse()
    conversation.request_headers()
    conversation.request_body(b'{"data": {"rows": {"dep_delay": 3.5, "carrier": "AA", "distance": 500}}}')
    conversation.response_headers()
    conversation.response_body(b'{"result": {"scores": [0.125]}}')
    conversation.close()
    ((sample, _),) = memory.samples
    assert sample.rows[0].values == {"dep_delay": 3.5, "carrier": "AA", "distance": 500}
    assert sample.predictions == [0.125]


def test_a_rejected_request_leaves_a_sample_with_its_rows(converse: Converse, memory: Memory) -> None:
    conversation = converse()
    conversation.request_headers()
    conversation.request_body(b'{"instances": [{"distance": 1.5}]}')
    conversation.close()
    ((sample, _),) = memory.samples
    assert sample.rejected
    assert (sample.status, sample.chosen, sample.propensity) == (422, None, None)
    assert sample.rows[0].values == {"distance": 1.5}


def test_a_client_that_goes_away_leaves_a_sample_without_an_answer(converse: Converse, memory: Memory) -> None:
    conversation = converse()
    conversation.request_headers()
    conversation.request_body(GOOD)
    conversation.close()
    ((sample, _),) = memory.samples
    assert sample.status is None
    assert sample.chosen


def test_a_stream_that_ends_before_its_body_leaves_nothing(converse: Converse, memory: Memory) -> None:
    conversation = converse()
    conversation.request_headers()
    conversation.close()
    assert not memory.samples


def test_closing_twice_leaves_one_sample(converse: Converse, memory: Memory) -> None:
    conversation = converse()
    conversation.request_headers()
    conversation.request_body(GOOD)
    conversation.close()
    conversation.close()
    assert len(memory.samples) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/event-stream"},
        {"content-length": "99999999"},
        {"content-encoding": "gzip"},
        {"content-length": ""},
    ],
)
def test_an_answer_that_may_be_a_stream_or_cannot_be_read_is_never_buffered(
    converse: Converse, memory: Memory, headers: dict[str, str]
) -> None:
    conversation = converse()
    conversation.request_headers()
    conversation.request_body(GOOD)
    assert not conversation.response_headers(headers).HasField("mode_override")
    conversation.close()
    assert memory.samples[0][0].predictions == []


@pytest.mark.parametrize("answer", [b"not json", b'{"error": "x"}', b"\xff", b"[" * 100_000])
def test_an_answer_without_predictions_still_leaves_a_sample(converse: Converse, memory: Memory, answer: bytes) -> None:
    conversation = converse()
    conversation.request_headers()
    conversation.request_body(GOOD)
    conversation.response_headers()
    conversation.response_body(answer)
    conversation.close()
    assert memory.samples[0][0].predictions == []


def test_a_request_keeps_the_endpoint_that_it_began_with(decide: Decide, converse: Converse) -> None:
    conversation = converse()
    conversation.request_headers()
    decide.adopt(CompiledPlan(Plan(8)))
    assert header(conversation.request_body(GOOD), "x-hyperplan-arm")


def test_a_sample_has_the_propensity_of_the_plan_that_it_was_decided_by_whenever_the_next_one_comes(
    decide: Decide, converse: Converse, memory: Memory
) -> None:
    text = DOCUMENT.replace("gbm@1: 50, logit@1: 50", "gbm@1: 25, logit@1: 75")
    assert text != DOCUMENT
    after = CompiledPlan(Plan(8, (PlannedEndpoint(4, parse_endpoint(text)),)))
    before = decide.plan
    steps: list[Callable[[Conversation], object]] = [
        lambda conversation: conversation.request_headers(),
        lambda conversation: conversation.request_body(GOOD),
        lambda conversation: conversation.response_headers({"x-hyperplan-model": "gbm@1"}),
        lambda conversation: conversation.close(),
    ]
    for change in range(len(steps) + 1):  # the next plan comes before this step
        decide.adopt(before)
        conversation = converse()
        for number, step in enumerate(steps):
            if number == change:
                decide.adopt(after)
            step(conversation)
        sample, _ = memory.samples[-1]
        weights = {"gbm@1": 0.25, "logit@1": 0.75} if sample.revision == 4 else dict.fromkeys(("gbm@1", "logit@1"), 0.5)
        assert (sample.plan, sample.revision) == ((8, 4) if change == 0 else (7, 3))
        assert sample.propensity == weights[str(sample.chosen)]
    assert len(memory.samples) == len(steps) + 1


def test_a_traced_request_is_reported_as_a_child_of_envoys_span(converse: Converse, memory: Memory) -> None:
    conversation = converse(traceparent=f"00-{'1' * 32}-{'2' * 16}-01")
    conversation.request_headers()
    conversation.request_body(GOOD)
    (decision,) = memory.decisions
    assert decision.trace == Trace(int("1" * 32, 16), int("2" * 16, 16), True)
    assert decision.arm
    assert decision.prediction_id == "id-1"


@pytest.mark.parametrize("flags", ["00", "zz", ""])
def test_a_trace_that_is_not_recorded_has_no_span(converse: Converse, memory: Memory, flags: str) -> None:
    conversation = converse(traceparent=f"00-{'1' * 32}-{'2' * 16}-{flags}")
    conversation.request_headers()
    conversation.request_body(GOOD)
    assert not memory.decisions


@pytest.mark.parametrize(("flags", "recorded"), [("01", True), ("00", False)])
def test_a_sample_names_the_trace_of_its_request(
    converse: Converse, memory: Memory, flags: str, recorded: bool
) -> None:
    conversation = converse(traceparent=f"00-0{'1' * 31}-{'2' * 16}-{flags}")
    conversation.request_headers()
    conversation.request_body(GOOD)
    conversation.close()
    ((sample, _),) = memory.samples
    assert (sample.trace_id, sample.trace_recorded) == (f"0{'1' * 31}", recorded)


def test_messages_out_of_place_pass_untouched(converse: Converse) -> None:
    conversation = converse()
    assert conversation.response_headers().response_headers.ByteSize() == 0
    conversation.request_headers()
    conversation.request_body(GOOD)
    assert conversation.request_body(GOOD).request_body.ByteSize() == 0


def test_an_exchange_is_over_when_a_request_that_is_not_sampled_is_decided(
    decide_with: Callable[..., Converse],
) -> None:
    conversation = decide_with(("rate: 1", "rate: 0"))()
    conversation.request_headers()
    assert not conversation.is_over
    conversation.request_body(GOOD)
    assert conversation.is_over


def test_the_exchange_of_a_sampled_request_is_over_when_its_answer_was_seen(converse: Converse) -> None:
    conversation = converse()
    conversation.request_headers()
    conversation.request_body(GOOD)
    conversation.response_headers()
    assert not conversation.is_over
    conversation.response_body(b'{"predictions": [0.5]}')
    assert conversation.is_over


def test_an_exchange_is_over_when_the_body_is_refused(converse: Converse) -> None:
    conversation = converse()
    conversation.request_headers()
    conversation.request_body(b"{")
    assert conversation.is_over


def test_an_exchange_is_over_when_no_endpoint_is_asked_for(converse: Converse) -> None:
    conversation = converse()
    conversation.request_headers({":path": "/elsewhere"})
    assert conversation.is_over


def test_a_message_of_no_known_kind_is_refused(decide: Decide) -> None:
    with pytest.raises(DecodeError):
        decide.open({}).receive(b"")


def test_an_error_in_the_stage_says_which_request_it_was() -> None:
    class Broken(Memory):
        def routed(self, endpoint: str, arm: str) -> None:
            raise RuntimeError(f"nobody counts {arm} of {endpoint}")

    conversation = Conversation(decide_for(DOCUMENT, Broken()).open({}))
    conversation.request_headers()
    with pytest.raises(RuntimeError) as caught:
        conversation.request_body(GOOD)
    assert caught.value.__notes__ == ["at the request_body of endpoint flight-delay, plan 7, prediction id-1"]
