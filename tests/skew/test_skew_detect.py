"""Which finding stands when several see the same thing."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

from hyperplan.profile import Profile
from hyperplan.schema import Float, Schema
from hyperplan.skew.case import Case, Look
from hyperplan.skew.detect import arbitrated
from hyperplan.skew.finding import Finding


def found(finding: str, feature: str = "x", **details: Any) -> Finding:
    return Finding(
        feature=feature, kind="feature", finding=finding, effect=1.0, evidence=10.0, sentence="", details=details
    )


def told(findings: Sequence[Finding]) -> dict[tuple[str, str], list[str]]:
    """What stands, by finding and feature, and the names of what it explains."""
    return {
        (one.finding, one.feature): [other["finding"] for other in one.details.get("explains", [])] for one in findings
    }


def test_a_unit_explains_the_shift_and_the_drift_of_its_feature_and_of_no_other() -> None:
    findings = arbitrated([found("shift"), found("drift"), found("unit"), found("shift", "y")])
    assert told(findings) == {("unit", "x"): ["shift", "drift"], ("shift", "y"): []}


def test_a_rename_explains_what_happened_to_both_names() -> None:
    findings = arbitrated(
        [
            found("dropped", "a"),
            found("missing", "a"),
            found("added", "b"),
            found("renamed", "a", **{"from": "a", "to": "b"}),
        ]
    )
    assert told(findings) == {("renamed", "a"): ["dropped", "missing", "added"]}


def test_what_is_explained_explains_nothing_so_that_nothing_is_said_by_one_who_is_not_heard() -> None:
    findings = arbitrated([found("drift"), found("shift"), found("null")])
    assert told(findings) == {("null", "x"): ["drift", "shift"]}


def test_who_stands_does_not_depend_on_the_order_of_the_detectors() -> None:
    several = [found("shift"), found("unit"), found("scale"), found("drift"), found("unseen", "y")]
    assert {tuple(sorted(one.finding for one in arbitrated(order))) for order in permutations(several)} == {
        ("unit", "unseen")
    }


def test_a_finding_of_an_unknown_name_stands_and_explains_nothing() -> None:
    assert told(arbitrated([found("odd"), found("shift")])) == {("odd", "x"): [], ("shift", "x"): []}


def test_what_a_case_reckons_of_its_reference_is_kept_for_other_looks() -> None:
    case = Case(Schema(features={"x": Float()}), [Profile(rows=3)], [])
    other = case.showing([Look(0, 1, Profile(rows=2))])
    assert case.training is other.training
    assert (case.serving.rows, other.serving.rows) == (0, 2)
    assert other.once("k", lambda: 1) == case.once("k", lambda: 2) == 1
