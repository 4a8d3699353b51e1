"""Training data is masked as samples are: compared by the same hashes, or not at all."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hyperplan.privacy import shown_schema
from hyperplan.profile import Profile
from hyperplan.profile.frames import ReferenceBuilder, profile_frame
from hyperplan.profile.masked import masked_series, only_hashes
from hyperplan.sample import Sample, observe_rows
from hyperplan.schema import Bool, Category, Float, Int, NumberList, Schema, String
from hyperplan.secret import Secret
from hyperplan.skew.case import Case, Look
from hyperplan.skew.detect import detect

SECRET, OTHER = Secret(b"s" * 32), Secret(b"o" * 32)
SCHEMA = Schema(
    features={
        "x": Float(),
        "tail": String(pii=True, nullable=True),
        "born": Int(pii="hash"),
        "carrier": Category(values=("AA", "DL"), pii="hash"),
        "night": Bool(pii=True),
        "place": NumberList(length=2, pii=True),
        "mail": String(pii="drop"),
    }
)


def rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    source = np.random.default_rng(seed)
    return [
        {
            "x": float(source.normal()),
            "tail": None if source.random() < 0.1 else f"N{source.integers(5)}",
            "born": int(1950 + source.integers(4)),
            "carrier": str(source.choice(["AA", "DL"])),
            "night": bool(source.random() < 0.3),
            "place": [float(source.integers(2)), 1.5],
            "mail": f"{source.integers(9)}@example.org",
        }
        for _ in range(count)
    ]


def served(several: list[dict[str, Any]], secret: Secret | None) -> Profile:
    observed = observe_rows(SCHEMA, several[:100], None if secret is None else secret.value)
    sample = Sample(
        prediction_id="p", time=0, endpoint="e", plan=1, revision=1, schema_version="1", inclusion=1.0,
        rows=observed, rows_seen=len(observed),
    )  # fmt: skip
    return Profile.of_samples(shown_schema(SCHEMA), [sample])


def columns(several: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: pa.array([row[name] for row in several]) for name in SCHEMA.features}


def test_training_and_samples_of_the_same_rows_have_the_same_profile() -> None:
    several = rows(100)
    assert profile_frame(SCHEMA, columns(several), secret=SECRET).features == served(several, SECRET).features


def test_a_reference_tells_no_value_of_a_masked_feature() -> None:
    profile = profile_frame(SCHEMA, columns(rows(100)), secret=SECRET)
    assert "mail" not in profile.features
    for name in ("tail", "born", "carrier", "night", "place"):
        assert only_hashes(profile.features[name])
    assert profile.features["tail"].null > 0


def test_without_a_key_masked_features_are_left_out_of_a_reference() -> None:
    builder = ReferenceBuilder(SCHEMA)
    builder.add(columns(rows(2000)))
    reference = builder.reference("e", "m@1", 0.0)
    assert set(reference.merged().features) == {"x"}


@pytest.mark.parametrize("secret", [SECRET, None])
def test_nothing_is_found_where_nothing_changed_with_a_key_or_without(secret: Secret | None) -> None:
    builder = ReferenceBuilder(SCHEMA, secret=secret)
    builder.add(columns(rows(20_000)))
    looks = [Look(at, at + 1, served(rows(100, seed=at + 2), secret)) for at in range(20)]
    series = masked_series(SCHEMA, builder.reference("e", "m@1", 0.0).series)
    assert detect(Case(shown_schema(SCHEMA), series, looks, secret=secret)) == []


def test_values_that_are_new_are_seen_by_their_hashes() -> None:
    builder = ReferenceBuilder(SCHEMA, secret=SECRET)
    builder.add(columns(rows(20_000)))
    changed = [[row | {"born": row["born"] + 10} for row in rows(100, seed=at + 2)] for at in range(20)]
    looks = [Look(at, at + 1, served(several, SECRET)) for at, several in enumerate(changed)]
    found = detect(Case(shown_schema(SCHEMA), builder.reference("e", "m@1", 0.0).series, looks, secret=SECRET))
    assert {finding.feature for finding in found} == {"born"}


def test_a_reference_from_before_a_feature_was_masked_is_not_compared_by_it() -> None:
    plain = Schema(features={name: type(feature)(**_plain(feature)) for name, feature in SCHEMA.features.items()})
    before = profile_frame(plain, columns(rows(100)))
    (kept,) = masked_series(SCHEMA, [before])
    assert set(kept.features) == {"x"}


def _plain(feature: Any) -> dict[str, Any]:
    return {name: getattr(feature, name) for name in feature.__struct_fields__ if name != "pii"}
