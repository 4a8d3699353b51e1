"""Units: what `units.yaml` knows, and the lines between them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.skew.units import Line, Unit, alternatives, roundings, table, unit

UNITS = st.sampled_from(table())


def known(declared: str) -> Unit:
    found = unit(declared)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("one", "other", "factor", "offset"),
    [
        ("min", "s", 60, 0),
        ("mi", "km", 1.609344, 0),
        ("mph", "kn", 0.868976241900648, 0),
        ("degC", "degF", 1.8, 32),
        ("degF", "K", 5 / 9, 255.3722222222222),
        ("%", "fraction", 0.01, 0),
        ("mbar", "hPa", 1, 0),
        ("MiB", "MB", 1.048576, 0),
        ("acre", "ft2", 43560, 0),
        ("rpm", "Hz", 1 / 60, 0),
        ("gal", "l", 3.785411784, 0),
    ],
)
def test_what_everybody_can_look_up(one: str, other: str, factor: float, offset: float) -> None:
    line = known(one).to(known(other))
    assert line.factor == pytest.approx(factor, rel=1e-14)
    assert line.offset == pytest.approx(offset, rel=1e-13)


@pytest.mark.parametrize(
    ("written", "symbol"), [("Minutes", "min"), ("KM/H", "km/h"), ("°C", "degC"), ("mb", "hPa"), ("Mb", "Mbit")]
)
def test_units_are_known_by_what_people_write(written: str, symbol: str) -> None:
    assert known(written).symbol == symbol


def test_a_unit_that_pint_knows_measures_what_ours_do() -> None:
    furlong = known("furlong")
    assert furlong.dimension == "length"
    assert furlong.to(known("m")).factor == pytest.approx(201.168, rel=1e-5)


@pytest.mark.parametrize("written", ["bananas", "USD", "", "%%", "1/0", "import os"])
def test_what_is_no_unit_is_none(written: str) -> None:
    assert unit(written) is None


@given(UNITS, st.data())
def test_there_and_back_is_where_one_started(one: Unit, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(alternatives(one)))
    there, back = one.to(other), other.to(one)
    assert there.factor * back.factor == pytest.approx(1, rel=1e-12)
    assert back.offset == pytest.approx(there.inverse().offset, rel=1e-9, abs=1e-9)


def test_no_two_units_of_a_dimension_are_the_same() -> None:
    same = [
        (one.symbol, other.symbol)
        for one in table()
        for other in alternatives(one)
        if math.isclose(one.to(other).factor, 1, rel_tol=1e-6) and one.to(other).offset == 0
    ]
    assert same == []


@given(UNITS, st.data())
def test_the_exact_factor_stands_before_its_roundings(one: Unit, data: st.DataObject) -> None:
    line = one.to(data.draw(st.sampled_from(alternatives(one))))
    first, *others = roundings(line)
    assert first == line
    assert all(math.isclose(rounded.factor, line.factor, rel_tol=6e-3) for rounded in others)


def test_a_line_leads_back() -> None:
    assert tuple(Line(1.8, 32.0).inverse()) == pytest.approx((5 / 9, -160 / 9))
