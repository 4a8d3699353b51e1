"""Sampling: the limit holds, and every sample knows its inclusion probability."""

import math
import random

from extproc.stages.sampler import Sampler
from hyperplan.endpoint import Sampling


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drawn(sampler: Sampler, clock: Clock, requests: int) -> list[float]:
    """The inclusion probabilities of the sampled among some requests that come evenly within one second."""
    found = []
    for index in range(requests):
        clock.now = math.floor(clock.now) + index / requests
        probability = sampler.draw()
        if probability is not None:
            found.append(probability)
    clock.now = math.floor(clock.now) + 1.0
    return found


def sampler(rate: float, limit: float) -> tuple[Sampler, Clock]:
    clock = Clock()
    return Sampler(Sampling(rate=rate, max_per_second=limit), clock, random.Random(7)), clock


def test_a_rate_of_one_samples_everything() -> None:
    assert drawn(*sampler(1.0, 1e9), 1000) == [1.0] * 1000


def test_a_rate_of_zero_samples_nothing() -> None:
    assert drawn(*sampler(0.0, 1e9), 1000) == []


def test_a_share_of_the_requests_is_sampled_and_says_so() -> None:
    found = drawn(*sampler(0.1, 1e9), 20_000)
    assert set(found) == {0.1}
    assert abs(len(found) - 2000) < 4 * math.sqrt(20_000 * 0.1 * 0.9)


def test_steady_traffic_above_the_limit_is_held_to_it() -> None:
    limited, clock = sampler(1.0, 50)
    drawn(limited, clock, 5000)
    found = [len(drawn(limited, clock, 5000)) for _ in range(20)]
    assert abs(sum(found) / 20 - 50) < 4 * math.sqrt(50 / 20)


def test_a_burst_out_of_nothing_stays_within_its_bound() -> None:
    found = drawn(*sampler(1.0, 50), 5000)
    bound = 50 * (1 + math.log(5000 / 50))
    assert len(found) < bound + 4 * math.sqrt(bound)


def test_weighting_by_the_inclusion_probability_gives_back_the_number_of_requests() -> None:
    limited, clock = sampler(0.5, 40)
    loads = [10, 2000, 300, 0, 5000, 80]
    estimates = [sum(sum(1 / p for p in drawn(limited, clock, load)) for load in loads) for _ in range(60)]
    mean = sum(estimates) / 60
    spread = math.sqrt(sum((estimate - mean) ** 2 for estimate in estimates) / 59 / 60)
    assert abs(mean - sum(loads)) < 4 * spread
