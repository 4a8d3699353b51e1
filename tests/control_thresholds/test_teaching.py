"""What control makes of labels: thresholds in the plan, each change with its reason, and none without evidence."""

import msgspec
import pytest

from control.registry import Change, Stale, Write
from control.thresholds.book import ThresholdBook
from hyperplan.endpoint import parse_endpoint
from hyperplan.thresholds.block import Objective
from tests.control_thresholds.conftest import DOCUMENT, NAME, Gate


def why(gate: Gate, model: str = "a@1") -> str:
    return ThresholdBook(gate.registry.engine).of(NAME)[model].why


def test_what_labels_teach_is_in_the_plan_as_a_revision_with_its_reason(gate: Gate) -> None:
    gate.fly(2000)
    gate.teaching.round()
    [planned] = gate.registry.plan().endpoints
    assert planned.endpoint.thresholds is not None
    found = planned.endpoint.thresholds.learnt["a@1"]
    assert found.value == pytest.approx(1 / 6, abs=0.05)
    assert (found.origin, found.labels) == ("labels", 2000)
    newest = gate.registry.history(NAME, limit=1)[0]
    assert (newest.change, newest.author) == (Change.THRESHOLD, "hyperplan")
    assert newest.reason.startswith("a@1: 0.5 becomes 0.1")
    assert "for the smallest cost: it is better in 100% of samples drawn anew, by" in newest.reason


def test_nothing_is_changed_twice_by_the_same_labels_or_without_evidence(gate: Gate) -> None:
    gate.fly(2000)
    gate.teaching.round()
    revision = gate.revision
    gate.teaching.round()
    gate.fly(2000)
    gate.teaching.round()
    assert gate.revision == revision
    assert "should be in 95%" in why(gate) or "not worth a change" in why(gate)


def test_too_few_labels_change_nothing_and_say_so(gate: Gate) -> None:
    gate.fly(60)
    gate.teaching.round()
    assert gate.revision == 1
    assert "at least 100 are needed" in why(gate)
    gate.fly(2000)
    gate.teaching.round()
    assert gate.revision == 2


def test_requests_that_named_their_arm_teach_nothing(gate: Gate) -> None:
    gate.fly(500, forced=True)
    gate.teaching.round()
    assert gate.revision == 1
    assert why(gate).startswith("there are no labels yet")


def test_what_is_learnt_outlives_a_restart_and_is_not_learnt_again(gate: Gate) -> None:
    gate.fly(2000)
    gate.teaching.round()
    learnt, revision = gate.thresholds.learnt, gate.revision
    gate.restart()
    gate.teaching.round()
    assert (gate.thresholds.learnt, gate.revision) == (learnt, revision)


def test_a_file_that_is_applied_again_keeps_what_was_learnt(gate: Gate) -> None:
    gate.fly(2000)
    gate.teaching.round()
    learnt, revision = gate.thresholds.learnt, gate.revision
    gate.registry.put(parse_endpoint(DOCUMENT), Change.APPLY, Write())
    assert (gate.thresholds.learnt, gate.revision) == (learnt, revision)


def test_a_rollback_takes_back_what_was_learnt_and_it_is_learnt_anew(gate: Gate) -> None:
    gate.fly(2000)
    gate.teaching.round()
    gate.registry.put(gate.registry.revision(NAME, 1)[1], Change.ROLLBACK, Write())
    assert gate.thresholds.learnt == {}
    gate.teaching.round()
    assert "a@1" in gate.thresholds.learnt


def test_what_is_pinned_stays_and_what_would_be_learnt_is_said(gate: Gate) -> None:
    gate.fly(2000)
    gate.edit(lambda block: msgspec.structs.replace(block, pinned={"a@1": 0.4}))
    revision = gate.revision
    gate.teaching.round()
    assert gate.revision == revision
    assert why(gate).startswith("0.4 is pinned; it is better in")


def test_another_objective_has_another_threshold(gate: Gate) -> None:
    gate.fly(3000)
    gate.teaching.round()
    before = gate.thresholds.learnt["a@1"].value
    gate.edit(lambda block: msgspec.structs.replace(block, objective=Objective(precision=0.6)))
    gate.teaching.round()
    after = gate.thresholds.learnt["a@1"]
    assert after.objective == Objective(precision=0.6)
    assert after.value > before  # type: ignore[operator]


def test_a_rate_needs_no_labels(gate: Gate) -> None:
    gate.edit(lambda block: msgspec.structs.replace(block, objective=Objective(positive_rate=0.3)))
    gate.fly(1000, labelled_from=2)
    gate.teaching.round()
    found = gate.thresholds.learnt["a@1"]
    assert (found.origin, found.labels) == ("rate", 0)


def test_labels_of_what_was_decided_positive_alone_say_what_cannot_be_known(gate: Gate) -> None:
    gate.edit(lambda block: msgspec.structs.replace(block, objective=Objective(recall=0.8)))
    gate.fly(3000, labelled_from=0.3)
    revision = gate.revision
    gate.teaching.round()
    assert gate.revision == revision
    assert "the propensity to get one is 0 there" in why(gate)


def test_a_version_without_labels_starts_at_its_predecessors_rate_and_says_so(gate: Gate) -> None:
    gate.routed(shadow=("b@1",))
    gate.edit(lambda block: msgspec.structs.replace(block, pinned={"a@1": 0.4}))
    gate.shadow(400)
    gate.teaching.round()
    found = gate.thresholds.learnt["b@1"]
    assert found.value == pytest.approx(0.4**2, abs=0.01)
    assert (found.origin, found.predecessor, found.labels) == ("predecessor", "a@1", 0)
    reason = gate.registry.history(NAME, limit=1)[0].reason
    assert "there are no labels yet: by 400 answers as a shadow" in reason
    assert "of a@1's at 0.4" in reason


def test_an_edit_that_was_faster_stands(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.fly(2000)
    edit = gate.registry.edit

    def beaten(*arguments: object) -> None:
        monkeypatch.undo()
        gate.edit(lambda block: msgspec.structs.replace(block, field="decision"))
        edit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(gate.registry, "edit", beaten)
    gate.teaching.round()
    assert gate.thresholds.field == "decision"
    assert gate.thresholds.learnt == {}
    gate.teaching.round()
    assert gate.thresholds.field == "decision"
    assert "a@1" in gate.thresholds.learnt


def test_a_control_that_has_lost_its_lease_changes_nothing(gate: Gate) -> None:
    gate.fly(2000)
    held = gate.teaching
    held.lease.release()
    gate.restart()
    held.lease.held = True  # as it is for a replica that was asleep
    held.round()
    assert gate.revision == 1
    with pytest.raises(Stale):
        gate.registry.edit(NAME, Change.THRESHOLD, Write(expected=7), lambda one: one)
