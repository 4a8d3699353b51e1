"""Control judges the experiments that run: what counts, what is left out, and what lasts."""

import logging
from typing import Any

import msgspec
import pytest

from control.experiments.reading import FEW, Asked, read_rows
from control.jobs.lease import Lease, NotHeld
from control.stores.arrivals import Arrival
from hyperplan.endpoint import Model
from hyperplan.experiments.design import Guardrail

ALIKE = {"a@1": 0.3, "b@1": 0.3}
BETTER = {"a@1": 0.2, "b@1": 0.4}
WORSE = {"a@1": 0.4, "b@1": 0.2}
CLOSED = 30.0
"""Seconds after which the windows of those who come in the first seconds have closed."""
Shop = Any


def test_a_better_arm_is_found_logged_and_its_verdict_kept(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.visit(1500, BETTER)
    with caplog.at_level(logging.INFO, "hyperplan.control"):
        standing = shop.look(CLOSED)
    assert (standing.verdict.decision, standing.verdict.state) == ("ship", "better")
    assert standing.decided == shop.now
    assert sum(standing.units.values()) == 1500
    assert "the experiment of 'shop' says SHIP (better): b@1 is better than a@1" in caplog.text


def test_nothing_counts_before_its_window_is_over(shop: Shop) -> None:
    shop.visit(1500, BETTER)
    standing = shop.look(5)
    assert standing.verdict.decision == "go on"
    assert sum(standing.units.values()) == 0
    assert shop.judging.book.newest()["shop"].open == 1500


def test_a_verdict_lasts_over_a_restart_and_whatever_comes_later(shop: Shop) -> None:
    shop.visit(1500, BETTER)
    decided = shop.look(CLOSED).decided
    shop.restart()
    shop.visit(300, WORSE, at=CLOSED, seed=2)
    standing = shop.look(3 * CLOSED)
    assert (standing.verdict.decision, standing.decided) == ("ship", decided)
    assert sum(standing.units.values()) == 1800


def test_weights_that_change_in_mid_experiment_make_no_effect_of_a_better_time(shop: Shop) -> None:
    """Most units of b come late, when everybody buys more; pooled, it would look far better."""
    shop.weigh(a=9, b=1)
    first = {"a@1": 0.2, "b@1": 0.2}
    second = {"a@1": 0.6, "b@1": 0.6}
    shop.visit(1500, first, share=0.1, revision=2)
    assert shop.weigh(a=1, b=1) == 3
    shop.visit(1500, second, share=0.5, revision=3, at=5, seed=2)
    standing = shop.look(CLOSED)
    assert standing.verdict.state in ("undecided", "too small")
    assert abs(standing.effect.estimate) < 0.2
    look = shop.judging.book.newest()["shop"]
    assert [step.revision for step in look.running.steps] == [1, 2, 3]
    assert not look.sample_ratio.broken


def test_a_changed_design_starts_anew_and_what_was_learnt_stays(shop: Shop) -> None:
    shop.visit(1500, BETTER)
    assert shop.look(CLOSED).verdict.decision == "ship"
    assert shop.redesign(window=5.0) == 2
    standing = shop.look(CLOSED)
    assert standing.verdict.decision == "go on"
    assert sum(standing.units.values()) == 0
    assert shop.judging.book.get("shop", 1).standings["b@1"].verdict.decision == "ship"
    assert shop.judging.book.firsts("shop") == [2, 1]


def test_another_model_under_the_same_name_starts_anew(shop: Shop) -> None:
    models = shop.registry.get("shop")[1].models
    shop.edit(models={**models, "b@1": Model(url="http://127.0.0.1:9009/predict", protocol="json")})
    shop.look(1)
    assert shop.judging.book.firsts("shop") == [1]
    shop.edit(models={**models, "b@1": msgspec.structs.replace(models["b@1"], features=("price",))})
    shop.look(1)
    assert shop.judging.book.firsts("shop") == [3, 1]


def test_what_sidecars_that_are_behind_chose_is_left_out(shop: Shop) -> None:
    shop.redesign(window=5.0)
    shop.visit(200, ALIKE, revision=1)
    shop.visit(100, ALIKE, revision=2)
    assert sum(shop.look(CLOSED).units.values()) == 100
    assert shop.judging.book.newest()["shop"].elsewhere == 200


def test_requests_that_named_their_arm_are_left_out(shop: Shop) -> None:
    shop.visit(300, ALIKE)
    shop.visit(400, {"a@1": 0.0, "b@1": 1.0}, forced=True, chosen="b@1", propensity=1.0)
    standing = shop.look(CLOSED)
    assert sum(standing.units.values()) == 300
    assert shop.judging.book.newest()["shop"].forced == 400
    assert not shop.judging.book.newest()["shop"].sample_ratio.broken


def test_a_failover_counts_for_the_arm_that_was_chosen(shop: Shop) -> None:
    """Whatever b was chosen for, a answered; b bears what came of it."""
    shop.visit(1500, WORSE, answered="a@1")
    standing = shop.look(CLOSED)
    assert (standing.verdict.state, standing.units["b@1"] > 600) == ("worse", True)


def test_late_feedback_does_not_count_and_revised_feedback_counts_as_revised(shop: Shop) -> None:
    late = shop.visit(100, ALIKE, labelled=11)
    shop.visit(100, ALIKE, seed=2)
    assert sum(shop.look(CLOSED).units.values()) == 100
    revised = [shop.told(each.prediction_id, 1.0, each.time + 10**9, revision=1) for each in late]
    shop.store.take([Arrival(each) for each in revised])
    assert sum(shop.look(CLOSED).units.values()) == 200


def test_units_that_are_lost_on_one_arm_break_the_experiment(shop: Shop) -> None:
    shop.visit(2000, BETTER, share=0.3)
    standing = shop.look(CLOSED)
    assert (standing.verdict.decision, standing.verdict.state) == ("broken", "mismatch")


def test_attempts_that_fail_on_one_arm_break_its_guardrail_whatever_it_earns(shop: Shop) -> None:
    shop.redesign(guardrails={"errors": Guardrail(margin=1.5)})
    shop.visit(1500, BETTER, revision=2)
    assert shop.look(CLOSED).verdict.decision == "ship"
    shop.count("b@1", succeeded=900, failed=100)
    shop.count("a@1", succeeded=990, failed=10)
    standing = shop.look(CLOSED + 1)
    assert standing.verdict.decision == "ship", "the bucket is not over yet"
    standing = shop.look(CLOSED + 600)
    assert standing.verdict.why == "b@1 breaks a guardrail: errors"
    assert standing.guardrails["errors"].broken


def test_what_was_before_the_start_is_looked_up(shop: Shop) -> None:
    """Each visitor has a level of their own, which the days before the start tell."""
    shop.redesign(before=3600.0, window=5.0, minimum_effect=shop.absolute(0.2))
    shop.begin()
    shop.visit_again(600)
    finer = shop.look(CLOSED)
    shop.redesign(before=0.0)
    shop.begin()
    shop.visit_again(600, revision=3)
    raw = shop.look(CLOSED)
    assert sum(finer.units.values()) == sum(raw.units.values()) == 600
    assert finer.effect.high - finer.effect.low < 0.7 * (raw.effect.high - raw.effect.low)


def test_rows_that_are_read_in_parts_are_all_that_there_are(shop: Shop) -> None:
    for hours in range(6):
        shop.visit(FEW // 4, ALIKE, at=3600 * hours, seed=hours)
    design, until = shop.endpoint.experiment, shop.start + 7 * 3600 * 10**9
    rows, since = read_rows(shop.store, "shop", design, Asked(shop.start, until))
    assert (len(rows.time), since) == (6 * (FEW // 4), shop.start)
    newest, since = read_rows(shop.store, "shop", design, Asked(shop.start, until, most=1000))
    assert FEW // 4 <= len(newest.time) < 6 * (FEW // 4)
    assert newest.time.min() >= since > shop.start


def test_nothing_is_written_by_a_replica_that_has_lost_the_lease(shop: Shop) -> None:
    shop.visit(100, ALIKE)
    shop.judging.lease.release()
    other = Lease(shop.registry.engine, "experiments")
    assert other.claim()
    shop.judging.lease.held = True  # as it believes, until it asks
    with pytest.raises(NotHeld):
        shop.look(CLOSED)
    assert shop.judging.book.newest() == {}


def test_a_round_looks_at_what_is_due_and_passes_over_what_cannot_be_looked_at(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.now = shop.start + 10**9
    shop.judging.round()
    assert shop.judging.book.newest()["shop"].at == shop.now
    first, shop.now = shop.now, shop.now + 1
    shop.judging.round()
    assert shop.judging.book.newest()["shop"].at == first, "it is not due yet"
    assert 0 < shop.judging.pause() <= 60
    shop.restart()
    shop.store.close()
    shop.judging.round()
    assert "could not be looked at" in caplog.text
