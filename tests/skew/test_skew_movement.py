"""What training and looks tell of a feature's own movement, on simulated chunks whose movement is known."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperplan.skew.evidence import shares_of
from hyperplan.skew.movement import Movement, distance, of_training
from hyperplan.skew.view import BINNED

Floats = NDArray[np.float64]
EVEN = np.full(10, 0.1)


def chunks(source: np.random.Generator, shares: Any, rows: int, count: int) -> Floats:
    """Rows in bins, with the shares of each chunk."""
    return np.stack([source.multinomial(rows, p) for p in np.broadcast_to(shares, (count, len(EVEN)))]).astype(float)


def test_rows_drawn_from_one_population_do_not_move() -> None:
    movement = of_training(chunks(np.random.default_rng(0), EVEN, 2000, 50))
    assert movement.clump < 0.5
    assert movement.walked() < 0.002
    assert movement.usual < 0.005


def test_distances_of_one_population_are_zero_on_average() -> None:
    one, other = (chunks(np.random.default_rng(seed), EVEN, 200, 2000) for seed in (1, 2))
    assert float(distance(one, other, EVEN).mean()) == pytest.approx(0, abs=3e-4)


def test_the_distance_of_draws_is_that_of_their_concentration() -> None:
    source = np.random.default_rng(3)
    drawn = chunks(source, source.dirichlet(EVEN * 50, 2000), 5000, 2000)
    whole = np.broadcast_to(EVEN * 1e12, drawn.shape)
    assert float(distance(drawn, whole, EVEN).mean()) == pytest.approx(1 / 51, rel=0.05)


def test_rows_that_come_in_clumps_move_less_the_longer_the_stretch() -> None:
    source = np.random.default_rng(4)
    clumped = 20 * chunks(source, EVEN, 100, 60)  # each row twenty times: the design effect is 20
    movement = of_training(clumped)
    assert 15 < movement.clump < 35  # taken for a little more, of so few chunks
    assert movement.noise(np.array([2000.0])) == pytest.approx(movement.clump / 2000)


def test_a_trend_is_taken_to_go_on() -> None:
    tilt = np.exp(np.linspace(0, 1, 40)[:, None] * np.linspace(-1, 1, 10))
    shares = tilt / tilt.sum(axis=1, keepdims=True)
    movement = of_training(chunks(np.random.default_rng(5), shares, 2000, 40))
    within = distance(shares[:1] * 1e12, shares[20:21] * 1e12, EVEN)[0]
    assert movement.walked() > within


def test_training_itself_is_no_finding_however_it_bursts() -> None:
    source = np.random.default_rng(6)
    shares = np.tile(EVEN, (40, 1))
    shares[17] = np.eye(10)[0] * 0.5 + EVEN * 0.5  # one storm
    calm, stormy = (of_training(chunks(source, some, 2000, 40)) for some in (EVEN, shares))
    assert stormy.clump > calm.clump + 5


def test_a_single_chunk_says_nothing_of_shorter_stretches() -> None:
    movement = of_training(chunks(np.random.default_rng(7), EVEN, 2000, 1))
    assert movement.from_training(np.array([100.0, 2000.0]), np.array([2000.0])).tolist() == [0.999, 1 / 2000]


def test_looks_say_what_chunks_cannot() -> None:
    source = np.random.default_rng(8)
    hours = np.eye(10)[np.arange(50) % 10] * 0.9 + EVEN * 0.1  # another bin in each look, all of them in each chunk
    movement = Movement(chunk=1000, shortest=1000).seen_in(chunks(source, hours, 100, 50), EVEN)
    assert movement.noise(np.array([100.0]))[0] > 0.5
    steady = Movement(chunk=1000, shortest=1000).seen_in(chunks(source, EVEN, 100, 50), EVEN)
    assert steady.noise(np.array([100.0]))[0] < 0.01


def test_a_change_that_lasts_is_no_movement_of_the_looks() -> None:
    source = np.random.default_rng(9)
    tilted = shares_of(np.linspace(1, 10, 10) * 1e6)
    changed = np.concatenate([chunks(source, EVEN, 100, 25), chunks(source, tilted, 100, 25)])
    movement = Movement().seen_in(changed, EVEN)
    assert float(movement.noise(np.array(1500.0))) < 0.002


def test_few_looks_teach_nothing() -> None:
    assert Movement(shortest=500).seen_in(np.full((5, 10), 10.0), EVEN) == Movement(shortest=500)


def test_stability_of_equal_shares_is_zero_even_if_bins_are_empty() -> None:
    reference = np.array([5e4, 5e4, 1.0, 0.0])
    assert float(BINNED.stability(np.array([50.0, 50.0, 0.0, 0.0]), reference)) == pytest.approx(0, abs=1e-4)
