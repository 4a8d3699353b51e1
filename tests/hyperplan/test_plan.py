"""A plan travels as JSON, is refused when it cannot be served, and compiles to what looks endpoints up."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.plan import (
    EMPTY,
    CompiledEndpoint,
    CompiledPlan,
    Plan,
    PlannedEndpoint,
    arm_cluster,
    conflicts,
    model_cluster,
    rule_path,
    shadow_cluster,
    spare_cluster,
)
from hyperplan.problems import Invalid


def endpoint(plain: dict[str, Any], name: str = "flight-delay", host: str | None = None, path: str = "/a") -> Endpoint:
    match = {"path": path} | ({"host": host} if host else {})
    return parse_endpoint(json.dumps(plain | {"name": name, "match": match}))


def planned(*endpoints: Endpoint, number: int = 1, revision: int = 1) -> Plan:
    return Plan(number, tuple(PlannedEndpoint(revision, found) for found in endpoints))


def test_a_plan_survives_its_encoding(plain: dict[str, Any]) -> None:
    plan = planned(endpoint(plain), endpoint(plain, "other", path="/b"), number=7, revision=3)
    assert Plan.decode(plan.encode()) == plan


def test_the_empty_plan_survives_its_encoding() -> None:
    assert Plan.decode(Plan(0).encode()) == Plan(0)


def test_fields_of_a_plan_from_a_later_version_are_passed_over_outside_endpoints() -> None:
    assert Plan.decode(b'{"number": 1, "endpoints": [], "signature": "x"}') == Plan(1)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"number": "1"}',
        b'{"number": 1, "endpoints": [{}]}',
        b"[" * 100_000,
        b'{"number": 1, "endpoints": 5}',
        b"\xff",
    ],
)
def test_what_is_no_plan_is_refused(document: bytes) -> None:
    with pytest.raises(Invalid, match="not a plan"):
        Plan.decode(document)


@given(st.binary())
def test_any_bytes_are_a_plan_or_refused(document: bytes) -> None:
    with pytest.raises(Invalid):
        Plan.decode(document)


def test_a_plan_is_refused_with_all_that_is_wrong_with_its_endpoints(plain: dict[str, Any]) -> None:
    good = endpoint(plain)
    bad = msgspec.structs.replace(
        good,
        name="other",
        timeout=5,
        slices=("origin",),
        routing=msgspec.structs.replace(good.routing, shadow=("nobody@1",)),
    )
    with pytest.raises(Invalid) as caught:
        Plan.decode(planned(good, bad).encode())
    places = [problem.pointer for problem in caught.value.problems]
    assert places == ["/other/routing/shadow/0", "/other/slices/0", "/other/match"]


def test_an_endpoint_with_a_field_that_this_version_does_not_know_is_refused(plain: dict[str, Any]) -> None:
    data = json.loads(planned(endpoint(plain)).encode())
    data["endpoints"][0]["endpoint"]["colour"] = "red"
    with pytest.raises(Invalid, match="colour"):
        Plan.decode(json.dumps(data).encode())


def test_two_endpoints_cannot_have_one_name_or_one_path_and_host(plain: dict[str, Any]) -> None:
    found = [
        endpoint(plain, "one", path="/a"),
        endpoint(plain, "two", path="/a"),
        endpoint(plain, "three", path="/a", host="h"),
        endpoint(plain, "one", path="/b"),
        endpoint(plain, "four", path="/a", host="h"),
    ]
    problems = {problem.pointer: problem.detail for problem in conflicts(found)}
    assert set(problems) == {"/two/match", "/one/name", "/four/match"}
    assert "'one'" in problems["/two/match"]
    assert "'three'" in problems["/four/match"]


def test_one_path_on_two_hosts_is_no_conflict(plain: dict[str, Any]) -> None:
    found = [endpoint(plain, "one"), endpoint(plain, "two", host="a"), endpoint(plain, "three", host="b")]
    assert list(conflicts(found)) == []


def test_an_endpoint_is_found_by_host_before_path(plain: dict[str, Any]) -> None:
    plan = CompiledPlan(
        planned(endpoint(plain, "any"), endpoint(plain, "one", host="h"), endpoint(plain, "two", host="h", path="/b"))
    )
    found = {(host, path): plan.find(host, path) for host in ("h", "i", "") for path in ("/a", "/b", "/")}
    assert {key: compiled.name for key, compiled in found.items() if compiled} == {
        ("h", "/a"): "one",
        ("h", "/b"): "two",
        ("i", "/a"): "any",
        ("", "/a"): "any",
    }


def test_the_empty_plan_has_no_endpoint() -> None:
    assert EMPTY.find("h", "/") is None
    assert EMPTY.number == 0


def test_endpoints_that_did_not_change_are_taken_over(plain: dict[str, Any]) -> None:
    same, changed = endpoint(plain, "same"), endpoint(plain, "changed", path="/b")
    before = CompiledPlan(planned(same, changed, number=1))
    reread = Plan.decode(planned(same, msgspec.structs.replace(changed, timeout=9), number=2).encode())
    after = CompiledPlan(reread, before)
    assert after.number == 2
    assert after.by_name["same"] is before.by_name["same"]
    assert after.by_name["changed"] is not before.by_name["changed"]
    assert after.by_name["changed"].document.timeout == 9
    assert after.find("", "/a") is before.find("", "/a")


def test_an_endpoint_at_another_revision_is_compiled_again(plain: dict[str, Any]) -> None:
    before = CompiledPlan(planned(endpoint(plain), revision=1))
    after = CompiledPlan(planned(endpoint(plain), revision=2), before)
    assert (before.by_name["flight-delay"].revision, after.by_name["flight-delay"].revision) == (1, 2)


def test_endpoints_that_are_gone_are_not_taken_over(plain: dict[str, Any]) -> None:
    before = CompiledPlan(planned(endpoint(plain)))
    assert CompiledPlan(Plan(2), before).find("", "/a") is None


def test_clusters_are_named_after_their_endpoint_and_model(plain: dict[str, Any]) -> None:
    found = endpoint(plain)
    compiled = CompiledPlan(planned(found)).by_name["flight-delay"]
    assert compiled.arms == {arm: arm_cluster(found, arm) for arm in ("gbm@1", "logit@1")}
    kinds = {"arm": arm_cluster, "model": model_cluster, "spare": spare_cluster, "shadow": shadow_cluster}
    for kind, name in kinds.items():
        assert re.fullmatch(f"{kind}/flight-delay/gbm@1/[0-9a-f]{{8}}", name(found, "gbm@1"))


def test_whatever_a_valid_endpoint_holds_its_plan_can_be_encoded_and_compiled(plain: dict[str, Any]) -> None:
    plain["models"]["gbm@1"]["lineage"] = {
        "extra": {"big": 2**70, "small": 5e-324, "deep": [[[{}]]], "text": "\N{GRINNING FACE}\0"}
    }
    plain["schema"]["features"]["x"] = {"type": "category", "values": ["", "\N{GRINNING FACE}", "\0", '"', "\\"]}
    plain["schema"]["features"]["日本"] = {"type": "float", "min": -1e308, "max": 5e-324, "description": "\n"}
    plan = Plan.decode(planned(endpoint(plain)).encode())
    assert CompiledPlan(plan).by_name["flight-delay"].schema_version == endpoint(plain).schema.version()


def arms_that_meet_adapt(plain: dict[str, Any], **routing: Any) -> set[str]:
    plain["routing"] |= {"shadow": [], **routing}
    return set(CompiledEndpoint(PlannedEndpoint(1, endpoint(plain))).adapted)


def test_an_arm_meets_adapt_if_it_can_fail_over_or_does_not_speak_as_clients_do(plain: dict[str, Any]) -> None:
    assert arms_that_meet_adapt(plain, fallback=[]) == set()
    plain["models"]["logit@1"]["protocol"] = "mlflow"
    assert arms_that_meet_adapt(plain, fallback=[], split={"gbm@1": 1}) == set()
    assert arms_that_meet_adapt(plain, fallback=[], split={"logit@1": 1}) == {"logit@1"}
    assert arms_that_meet_adapt(plain, fallback=["logit@1"], split={"gbm@1": 1}) == {"gbm@1"}


def test_arms_that_take_traffic_all_meet_adapt_if_one_does(plain: dict[str, Any]) -> None:
    both = {"gbm@1": 99, "logit@1": 1}
    assert arms_that_meet_adapt(plain, fallback=["logit@1"], split=both) == set(both)
    assert arms_that_meet_adapt(plain, fallback=["logit@1"], split={"gbm@1": 1, "logit@1": 0}) == {"gbm@1"}


def test_a_translation_is_made_once_for_each_model(plain: dict[str, Any]) -> None:
    compiled = CompiledEndpoint(PlannedEndpoint(1, endpoint(plain)))
    assert compiled.translation("gbm@1") is compiled.translation("gbm@1") is not compiled.translation("logit@1")
    assert compiled.translation("gbm@1").identical
    with pytest.raises(KeyError):
        compiled.translation("gbm@2")


def test_rules_have_paths_of_their_own() -> None:
    assert rule_path("flight-delay", "prior@1") == "/rules/flight-delay/prior@1"
