"""Pictures: well-formed, self-contained, readable by those who cannot see them, and true to the counts."""

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.pictures import HEIGHT, WIDTH, Caption, picture_of
from hyperplan.pictures.svg import MINUS
from hyperplan.profile import Column, FeatureProfile
from hyperplan.schema import AnyFeature, Bool, Category, Float, NumberList

T0 = 1_800_000_000 * 10**9
SVG = "{http://www.w3.org/2000/svg}"
RANDOM = np.random.default_rng(7)
DELAYS = np.round(RANDOM.normal(10, 30, 5000)).tolist()


def profile(values: list[Any], feature: AnyFeature | None = None) -> FeatureProfile:
    return Column(feature or Float(), values).profile()


def drawn(training: FeatureProfile, serving: FeatureProfile, **caption: Any) -> ElementTree.Element:
    return ElementTree.fromstring(picture_of(training, serving, Caption(**({"name": "dep_delay"} | caption))))


def words(picture: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in picture.iter(f"{SVG}text")]


def path_of(picture: ElementTree.Element, name: str) -> list[tuple[str, float]]:
    (path,) = (each for each in picture.iter(f"{SVG}path") if each.get("class") == name)
    return [(command, float(at)) for command, at in re.findall(r"([MVH])([\d.]+)", path.get("d", ""))]


def height(picture: ElementTree.Element, name: str) -> float:
    """The height of the highest bin, in user units."""
    ys = [at for command, at in path_of(picture, name) if command == "V"]
    return max(ys) - min(ys)


def test_who_cannot_see_it_is_told_what_it_shows() -> None:
    picture = drawn(profile(DELAYS), profile([60 * value for value in DELAYS[:900]]), unit="min", onset=T0)
    title, description = picture.findtext(f"{SVG}title"), picture.findtext(f"{SVG}desc")
    assert title == "dep_delay in min: training and served since 15 Jan 08:00 UTC"
    assert description is not None
    assert "Training: 5,000 rows, median" in description
    assert "Served since 15 Jan 08:00 UTC: 900 rows, median" in description
    labels = (picture.get("aria-labelledby") or "").split()
    assert labels == [each.get("id") for each in picture if each.tag in (f"{SVG}title", f"{SVG}desc")]
    assert picture.get("role") == "img"


def test_two_pictures_on_one_page_do_not_share_ids() -> None:
    one, other = drawn(profile(DELAYS), profile(DELAYS)), drawn(profile(DELAYS), profile(DELAYS[:5]))
    assert one.get("aria-labelledby") != other.get("aria-labelledby")


def test_it_holds_no_script_and_loads_nothing() -> None:
    text = picture_of(profile(DELAYS), profile(DELAYS), Caption("x"))
    assert re.findall(r"<script|<image|<use|<a |href|url\(|@import|on\w+=", text) == []
    assert re.findall(r"https?://\S+", text) == ['http://www.w3.org/2000/svg"']


def test_names_are_text_and_never_markup() -> None:
    picture = drawn(profile(["</text><script>"], Category()), profile(["\x00\ufffe"], Category()), name="<b>&amp;\x01")
    assert "<b>&amp;\ufffd" in words(picture)
    assert {each.tag for each in picture.iter()} == {
        SVG + tag for tag in ("svg", "title", "desc", "style", "text", "rect")
    }


def test_equal_data_have_equal_outlines_whatever_their_number() -> None:
    picture = drawn(profile(DELAYS * 10), profile(DELAYS))
    assert path_of(picture, "training") == path_of(picture, "serving")


def test_bins_hold_what_the_data_hold() -> None:
    picture = drawn(profile([0.0, 1.0, 1.0, 1.0]), profile([0.0, 0.0, 1.0, 1.0]))
    assert height(picture, "serving") == pytest.approx(height(picture, "training") * 2 / 3, abs=0.2)


def test_whole_numbers_do_not_look_like_a_comb() -> None:
    picture = drawn(profile(list(range(60)) * 10), profile(list(range(60))))
    inner = [at for command, at in path_of(picture, "training") if command == "V"][1:-3]
    assert max(inner) - min(inner) < 20, "a comb would have teeth of half its height, 68"


@pytest.mark.parametrize(
    ("training", "factor", "marks"),
    [
        (RANDOM.normal(100, 10, 999), 1.6, {"100", "150"}),
        (RANDOM.lognormal(0, 0.3, 999), 1000.0, {"1", "10", "100", "1,000"}),
        (RANDOM.normal(0, 30, 999), 60.0, {"0", "100", f"{MINUS}100", "1,000", f"{MINUS}1,000"}),
    ],
    ids=["linear", "logarithmic", "logarithmic on both sides of zero"],
)
def test_the_axis_is_logarithmic_where_numbers_span_decades(training: Any, factor: float, marks: set[str]) -> None:
    picture = drawn(profile(training.tolist()), profile((training * factor).tolist()))
    assert marks <= set(words(picture))


def test_lists_of_numbers_are_drawn_by_their_norms() -> None:
    lists = profile([[3.0, 4.0]] * 5, NumberList(length=2))
    assert "median 5" in (drawn(lists, lists).findtext(f"{SVG}desc") or "")


def test_the_most_common_values_of_either_side_have_bars() -> None:
    training = profile(["AA"] * 90 + ["DL"] * 10, Category(values=("AA", "DL")))
    serving = profile(["AA"] * 50 + ["aa "] * 50, Category(values=("AA", "DL")))
    said = words(drawn(training, serving, name="carrier"))
    assert {"AA", "DL", "aa ", "90 %", "50 %", "10 %"} <= set(said)


def test_many_values_share_a_bar() -> None:
    values = profile([str(number) for number in range(100)], Category())
    assert "96 others" in words(drawn(values, values))


def test_truth_values_have_bars() -> None:
    assert {"true", "false"} <= set(words(drawn(profile([True, False], Bool()), profile([True], Bool()))))


def test_what_has_no_value_is_told_below() -> None:
    picture = drawn(profile(DELAYS), FeatureProfile(rows=900, missing=900))
    assert "missing: 0 % in training, 100 % served" in words(picture)
    assert [each.get("class") for each in picture.iter(f"{SVG}path")] == ["training"]


def test_nothing_at_all_is_said_so() -> None:
    assert "no usable values" in words(drawn(FeatureProfile(), FeatureProfile()))


NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-100, 100).map(float), max_size=20)
TEXTS = st.lists(st.text(max_size=30), max_size=8)
PROFILES = (
    NUMBERS.map(profile) | TEXTS.map(lambda texts: profile(texts, Category())) | st.just(FeatureProfile(rows=3, null=3))
)


@given(PROFILES, PROFILES, st.text(max_size=80), st.none() | st.integers(0, 2**62))
def test_every_pair_of_profiles_has_a_picture_within_its_frame(
    training: FeatureProfile, serving: FeatureProfile, name: str, onset: int | None
) -> None:
    picture = drawn(training, serving, name=name, onset=onset)
    for each in picture.iter():
        for key, most in (("x", WIDTH), ("x1", WIDTH), ("x2", WIDTH), ("y", HEIGHT), ("y1", HEIGHT), ("y2", HEIGHT)):
            assert 0 <= float(each.get(key, 0)) <= most, (each.tag, each.attrib)
        for command, at in re.findall(r"([MVH])([^\sMVHZ]+)", each.get("d", "")):
            assert 0 <= float(at) <= (HEIGHT if command == "V" else WIDTH)
