"""What other features look like decides how much it proves that a field holds what a feature has held."""

import numpy as np

from hyperplan.profile import FeatureProfile, Profile, profile_of_column
from hyperplan.schema import Bool, Category, Float, Schema
from hyperplan.skew.likeness import History, values
from hyperplan.skew.strangers import as_another
from hyperplan.skew.unhashing import Shares, Sorted, Unhashed

EVEN = [Shares(np.array([0.99, 0.005, 0.005]), np.full(4, 0.25))]


def column(*bins: float, never: float = 0.0, foreign: float = 0.0) -> Sorted:
    return Sorted(np.array(bins, np.float64), never, foreign)


def test_where_no_other_feature_comes_near_another_column_is_unlikely_to() -> None:
    found = column(50, 50, 50, 50)
    far, near = column(0, 0, 0, 0, foreign=200), column(52, 48, 55, 45)
    alone = as_another(found, EVEN, [])
    assert as_another(found, EVEN, [far] * 8) < alone - 1
    assert as_another(found, EVEN, [far] * 7 + [near]) > as_another(found, EVEN, [far] * 8) + 1


def test_a_column_like_another_feature_is_likely_to_be_another() -> None:
    found, like = column(196, 4, 0, 0), column(195, 5, 0, 0)
    assert as_another(found, EVEN, [like, column(0, 0, 0, 0, foreign=200)]) > as_another(found, EVEN, []) + 1


def test_features_of_which_nothing_is_known_say_nothing() -> None:
    found = column(50, 50, 50, 50)
    assert as_another(found, EVEN, [column(0, 0, 0, 0)] * 8) == as_another(found, EVEN, [])


def test_another_feature_is_sorted_as_an_unknown_field_with_its_values_would_be() -> None:
    schema = Schema(features={"x": Float(), "y": Float(), "night": Bool(), "carrier": Category()})
    drawn = np.random.default_rng(1)
    columns = {
        "x": drawn.integers(0, 60, 400) * 1.0,
        "y": drawn.integers(30, 90, 400) * 1.0,
        "night": drawn.random(400) < 0.2,
        "carrier": drawn.choice(np.array(["AA", "DL"], object), 400),
    }
    profile = Profile.of_columns(schema, columns)
    for feature in ("x", "night"):
        unhashed = Unhashed(schema.features[feature], profile.features[feature])
        for other, held in columns.items():
            found = unhashed.of_another(schema.features[other], profile.features[other])
            expected = unhashed.of_hashes(profile_of_column(held.tolist()))
            assert np.array_equal(found.kinds(), expected.kinds())
            assert np.array_equal(found.bins, expected.bins)


def test_the_same_values_prove_more_among_features_that_are_unlike() -> None:
    drawn = np.random.default_rng(2)
    schema = Schema(features={"x": Float()})

    def stretch() -> FeatureProfile:
        return Profile.of_columns(schema, {"x": drawn.integers(0, 60, 200) * 1.0}).features["x"]

    history = History(stretch(), [], [stretch() for _ in range(5)])
    unhashed = Unhashed(schema.features["x"], history.training, history.stretches)
    field = profile_of_column((drawn.integers(0, 60, 200) * 1.0).tolist())
    alike = unhashed.of_hashes(field)
    unlike = column(*np.zeros(alike.bins.size), foreign=200)
    assert values(unhashed, history, field, [unlike] * 8) > values(unhashed, history, field, [alike] * 8) + 2
