"""What is decided about one request: whether its body passes, whom it is about, and which arm answers."""

import json
import random
from typing import Any

import pytest

from hyperplan import decision
from hyperplan.endpoint import parse_endpoint
from hyperplan.plan import CompiledEndpoint, PlannedEndpoint
from hyperplan.routing import Choice

PLAIN: dict[str, Any] = {
    "name": "flight-delay",
    "match": {"path": "/v1/models/flight-delay:predict"},
    "protocol": "tfserving",
    "task": "binary",
    "entity": {"feature": "tailnum"},
    "schema": {
        "on_violation": "reject",
        "features": {
            "carrier": {"type": "category", "values": ["AA", "DL"], "on_unseen": "warn"},
            "tailnum": {"type": "string", "required": False},
        },
    },
    "models": {
        "gbm@1": {"url": "http://127.0.0.1:9001/gbm", "protocol": "tfserving"},
        "logit@1": {"url": "http://127.0.0.1:9002/logit", "protocol": "tfserving"},
    },
    "routing": {"split": {"gbm@1": 90, "logit@1": 10}, "sticky": True},
}


def compiled(**changes: Any) -> CompiledEndpoint:
    return CompiledEndpoint(PlannedEndpoint(1, parse_endpoint(json.dumps(PLAIN | changes))))


def body(**row: Any) -> bytes:
    return json.dumps({"instances": [{"carrier": "AA"} | row]}).encode()


def choices(endpoint: CompiledEndpoint, sent: bytes, headers: dict[str, bytes], times: int = 200) -> set[Choice]:
    source = random.Random(3)
    inspection = decision.inspect(endpoint, sent, headers)
    return {decision.choose(endpoint, inspection, headers, source) for _ in range(times)}


def test_a_sticky_endpoint_chooses_by_the_entity() -> None:
    assert len(choices(compiled(), body(tailnum="N14228"), {})) == 1


def test_a_sticky_endpoint_draws_for_a_request_without_an_entity() -> None:
    assert choices(compiled(), body(), {}) == {Choice("gbm@1", 0.9), Choice("logit@1", 0.1)}


def test_an_endpoint_that_is_not_sticky_draws_for_every_entity() -> None:
    endpoint = compiled(routing=PLAIN["routing"] | {"sticky": False})
    assert {choice.arm for choice in choices(endpoint, body(tailnum="N14228"), {})} == {"gbm@1", "logit@1"}


FORCIBLE = PLAIN["routing"] | {"split": {"gbm@1": 1, "logit@1": 0}, "force_header": "x-force-model"}


def test_a_request_may_name_its_arm_even_one_that_takes_no_traffic() -> None:
    endpoint = compiled(routing=FORCIBLE)
    found = choices(endpoint, body(tailnum="N14228"), {"x-force-model": b"logit@1"})
    assert found == {Choice("logit@1", 1.0, forced=True)}


@pytest.mark.parametrize("named", [b"prior@1", b"", b"LOGIT@1", b"\xff"])
def test_a_request_that_names_no_arm_is_routed_as_if_it_named_none(named: bytes) -> None:
    assert choices(compiled(routing=FORCIBLE), body(), {"x-force-model": named}) == {Choice("gbm@1", 1.0)}


def test_no_request_names_its_arm_unless_the_endpoint_says_how() -> None:
    found = choices(compiled(), body(tailnum="N14228"), {"x-force-model": b"logit@1"}, times=1)
    assert found == choices(compiled(), body(tailnum="N14228"), {})


def test_what_a_request_does_not_settle_is_drawn() -> None:
    endpoint = compiled()
    assert decision.settled(endpoint, decision.inspect(endpoint, body(), {}), {}) is None


def test_an_entity_may_stand_in_a_header() -> None:
    endpoint = compiled(entity={"header": "x-user-id"})
    inspection = decision.inspect(endpoint, body(), {})
    assert decision.entity_of(endpoint, inspection, {"x-user-id": b"7"}) == "7"
    assert decision.entity_of(endpoint, inspection, {}) is None


def test_an_entity_that_no_encoding_can_hold_is_still_somebody() -> None:
    sent = b'{"instances": [{"carrier": "AA", "tailnum": "\\ud800"}]}'
    assert len(choices(compiled(), sent, {})) == 1


@pytest.mark.parametrize(
    ("sent", "encoding", "flaw", "status"),
    [
        (b"", None, "empty", 400),
        (b"{", None, "not_json", 400),
        (b"x" * 11, None, "too_large", 413),
        (b"{}", b"GZIP", "encoding", 415),
        (b"[1]", b"identity", "no_rows", 422),
    ],
)
def test_a_body_that_cannot_be_read_is_rejected_with_the_status_of_its_flaw(
    sent: bytes, encoding: bytes | None, flaw: str, status: int
) -> None:
    endpoint = compiled(max_body=10)
    inspection = decision.inspect(endpoint, sent, {"content-encoding": encoding} if encoding else {})
    assert (inspection.flaw, decision.status_of(inspection)) == (flaw, status)
    assert decision.is_rejected(endpoint.schema, inspection)


def test_a_violation_that_is_only_warned_of_passes_with_a_mark() -> None:
    endpoint = compiled()
    inspection = decision.inspect(endpoint, body(carrier="ZZ"), {})
    assert not decision.is_rejected(endpoint.schema, inspection)
    assert decision.mark_of(endpoint.schema, inspection) == "carrier=category"


@pytest.mark.parametrize(
    ("value", "key"), [(5, "5"), (5.0, "5"), (True, "true"), ("a", "a"), (None, None), ([5], None)]
)
def test_what_a_value_is_as_a_key(value: Any, key: str | None) -> None:
    assert decision.as_key(value) == key
