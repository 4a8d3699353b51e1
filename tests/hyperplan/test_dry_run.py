"""A dry run says who would answer a request, and why."""

import json
from typing import Any

import pytest

from hyperplan.dry_run import DryRun, FoundEntity, Turn, dry_run
from hyperplan.endpoint import parse_endpoint
from hyperplan.plan import CompiledEndpoint, PlannedEndpoint

PLAIN: dict[str, Any] = {
    "name": "flight-delay",
    "match": {"path": "/predict"},
    "protocol": "tfserving",
    "task": "binary",
    "entity": {"header": "x-user-id"},
    "schema": {
        "on_violation": "reject",
        "features": {
            "distance": {"type": "float", "min": 0},
            "carrier": {"type": "category", "values": ["AA"], "on_unseen": "warn"},
        },
    },
    "models": {
        "gbm@1": {"url": "http://127.0.0.1:9001/gbm", "protocol": "tfserving"},
        "gbm@2": {"url": "http://127.0.0.1:9002/invocations", "protocol": "mlflow"},
    },
    "routing": {
        "split": {"gbm@1": 90, "gbm@2": 0},
        "sticky": True,
        "fallback": ["gbm@2", "gbm@1"],
        "force_header": "x-force-model",
    },
}


def ask(
    headers: dict[str, bytes] | None = None,
    *,
    routing: dict[str, Any] | None = None,
    on_failure: str = "open",
    **row: Any,
) -> DryRun:
    plain = PLAIN | {"routing": PLAIN["routing"] | (routing or {}), "on_failure": on_failure}
    endpoint = CompiledEndpoint(PlannedEndpoint(4, parse_endpoint(json.dumps(plain))))
    return dry_run(
        endpoint, headers or {}, json.dumps({"instances": [{"distance": 1, "carrier": "AA"} | row]}).encode()
    )


def test_a_sticky_request_has_one_arm_and_its_chain_says_who_is_translated_for() -> None:
    found = ask({"x-user-id": b"7"})
    assert (found.outcome, found.how, found.revision) == ("routed", "sticky", 4)
    assert found.entity == FoundEntity("7", "header x-user-id")
    assert found.why == "sticky by the header x-user-id: 7"
    (arm,) = found.arms
    assert (arm.arm, arm.propensity) == ("gbm@1", 1.0)
    assert arm.chain == [Turn("gbm@1", translated=False), Turn("gbm@2", translated=True)]


def test_a_drawn_request_has_all_arms_that_could_come_out() -> None:
    found = ask(routing={"split": {"gbm@1": 30, "gbm@2": 10}})
    assert (found.how, found.why) == ("drawn", "drawn at random: the request names no entity")
    assert [(arm.arm, arm.propensity) for arm in found.arms] == [("gbm@1", 0.75), ("gbm@2", 0.25)]


def test_a_forced_request_has_the_arm_that_it_names() -> None:
    found = ask({"x-force-model": b"gbm@2", "x-user-id": b"7"})
    assert (found.how, found.why) == ("forced", "the header x-force-model names it")
    assert [(arm.arm, arm.propensity) for arm in found.arms] == [("gbm@2", 1.0)]


def test_a_header_that_names_no_arm_is_told_of() -> None:
    found = ask({"x-force-model": b"gbm@3"})
    assert found.how == "drawn"
    assert "names 'gbm@3', which is no arm" in found.why


def test_a_refused_request_is_told_why_with_what_is_done_about_each_violation() -> None:
    found = ask(distance=-1, carrier="ZZ")
    assert (found.outcome, found.status, found.how, found.arms) == ("rejected", 422, None, [])
    assert found.why == "the body is refused with 422: row 0: distance: range: expected at least 0, got -1"
    assert {(each.feature, each.kind, each.action) for each in found.violations} == {
        ("distance", "range", "reject"),
        ("carrier", "category", "warn"),
    }


def test_a_warning_passes_with_its_mark() -> None:
    found = ask(carrier="ZZ")
    assert (found.outcome, found.mark) == ("routed", "carrier=category")


def test_a_body_that_cannot_be_read_is_told_of() -> None:
    endpoint = CompiledEndpoint(PlannedEndpoint(4, parse_endpoint(json.dumps(PLAIN))))
    found = dry_run(endpoint, {"content-encoding": b"gzip"}, b"\x1f\x8b")
    assert (found.flaw, found.status) == ("encoding", 415)
    assert "gzip" in found.why


@pytest.mark.parametrize(("routing", "default"), [({}, "gbm@1"), ({"default": "gbm@1"}, "gbm@1")])
def test_who_answers_without_a_sidecar_is_told(routing: dict[str, Any], default: str) -> None:
    assert ask(routing=routing).default == default
    assert ask(routing=routing, on_failure="closed").default is None
