"""The arithmetic of the benchmark: what is compared is compared within a round."""

from bench.figures import Figure
from bench.measure import Point, Row


def row(name: str, *costs: float) -> Row:
    return Row(name, [Point(rate=1, p50=1, p99=1, cpu=cost, envoy_cpu=1, errors=0, p50_at_one=1) for cost in costs])


def test_a_ratio_is_the_median_of_those_within_each_round() -> None:
    # The machine was slow in the second round, for both; medians alone would say 2.
    assert row("ours", 10, 40, 20).ratio(row("theirs", 10, 20, 20), "cpu") == 1


def test_a_figure_on_its_bar_holds_and_one_beyond_it_does_not() -> None:
    assert Figure.at_most("f", 1.0, 1.0).holds
    assert not Figure.at_most("f", 1.01, 1.0).holds
    assert Figure.at_least("f", 1.0, 1.0).holds
    assert not Figure.at_least("f", 0.99, 1.0).holds


def test_what_could_not_be_measured_neither_holds_nor_fails() -> None:
    assert Figure.at_most("f", None, 1.0) == Figure("f", None, "<= 1", None)
