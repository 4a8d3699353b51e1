"""The profile of a set of rows: each feature's own profile, and the fields that the schema does not know."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from numpy.typing import NDArray

from hyperplan.endpoint import Task
from hyperplan.profile.categories import CategoryCounts
from hyperplan.profile.columns import MISSING, STRINGS_KEPT, WRONG, Column, Counted, height_of
from hyperplan.profile.feature import Count, FeatureProfile
from hyperplan.profile.hashed import merged_unknown, profiles_of_unknown
from hyperplan.profile.outputs import outputs_of
from hyperplan.profile.scaling import Scale
from hyperplan.sample import ObservedRow, Sample
from hyperplan.schema import Schema

FORMAT = 1
"""Grows when older readers would misunderstand an encoded profile. New fields at the end of a record need no new one."""

Each = Callable[[Callable[[str], FeatureProfile], Iterable[str]], Iterable[FeatureProfile]]
"""Applies a function to each of many names, in order, as `map` does."""

UNKNOWN_KEPT = STRINGS_KEPT
"""Names of unknown fields that are kept."""


class Profile(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A set of rows, summarised.

    `broken` counts what was no row at all but some other JSON value; `rows` and the features do not. `unknown` counts
    the rows that held each field which the schema does not know; `unknown_profiles` are made of hashes of what such fields held
    (`hashed`). `outputs` are profiles of what models answered, "prediction" and "confidence" (`outputs`).

    >>> from hyperplan.schema import Float
    >>> profile = Profile.of_rows(Schema(features={"x": Float(min=0)}), [{"x": 1.0}, {"x": -1}, {"y": 2}])
    >>> profile.features["x"].missing, profile.features["x"].out_of_range, profile.unknown.counts
    (1, 1, {'y': 1})
    >>> Profile.decode(profile.encode()) == profile
    True
    """

    format: int = FORMAT
    rows: Count = 0
    broken: Count = 0
    features: dict[str, FeatureProfile] = {}
    unknown: CategoryCounts = CategoryCounts(UNKNOWN_KEPT)
    outputs: dict[str, FeatureProfile] = {}
    unknown_profiles: dict[str, FeatureProfile] = {}

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"a profile of format {self.format}; this version reads format {FORMAT}")

    @staticmethod
    def of_rows(schema: Schema, rows: Sequence[Any]) -> "Profile":
        """The profile of rows given as plain JSON values."""
        whole = [row for row in rows if isinstance(row, dict)]
        features, known = {}, set()
        for name, feature in schema.features.items():
            known |= {name, *feature.aliases}
            values = [row.get(name, MISSING) for row in whole]
            renamed = 0
            for alias in feature.aliases:
                for index, row in enumerate(whole):
                    if values[index] is MISSING and alias in row:
                        values[index] = row[alias]
                        renamed += 1
            features[name] = Column(feature, values).profile(renamed)
        unknown = Counter(key for row in whole for key in row if key not in known)
        return Profile(
            rows=len(whole),
            broken=len(rows) - len(whole),
            features=features,
            unknown=CategoryCounts.of(unknown, UNKNOWN_KEPT),
        )

    @staticmethod
    def of_samples(schema: Schema | None, samples: Iterable[Sample], task: Task | None = None) -> "Profile":
        """The profile of the rows that samples kept, and of the predictions, if the task that they are read by is given.

        Features are read as the schema declares them; those that it does not have, because it has changed or there is
        none, by what their values are.
        """
        gathered = _Gathered()
        for sample in samples:
            gathered.add(sample)
        declared: Mapping[str, Any] = schema.features if schema else {}
        names = dict.fromkeys((*declared, *(name for row in gathered.rows for name in row)))
        return Profile(
            rows=len(gathered.rows),
            broken=gathered.broken,
            features={
                name: Column(declared.get(name), [row.get(name, MISSING) for row in gathered.rows]).profile(
                    gathered.renamed[name]
                )
                for name in names
            },
            unknown=CategoryCounts.of(gathered.unknown, UNKNOWN_KEPT),
            outputs=outputs_of(task, gathered.predictions) if task else {},
            unknown_profiles=profiles_of_unknown(gathered.odd, len(gathered.rows)),
        )

    @staticmethod
    def of_columns(schema: Schema, columns: Mapping[str, NDArray[Any] | Counted], each: Each = map) -> "Profile":
        """The profile of training data given as arrays of one length, or as values that are already counted.

        Masked values are null; so is NaN in an array that has no other way to say it, which is a plain one of floats. A list of numbers is a row of
        an array of two dimensions.

        A feature without a column is missing from every row. Columns that are no features are left alone: training data
        holds labels, keys and times too. `each` shares the columns out, as the `map` of a pool of threads does.
        """
        rows = height_of(next(iter(columns.values()))) if columns else 0

        def profiled(name: str) -> FeatureProfile:
            if name in columns:
                return Column(schema.features[name], columns[name]).profile()
            return msgspec.structs.replace(Column(schema.features[name], []).profile(), rows=rows, missing=rows)

        return Profile(rows=rows, features=dict(zip(schema.features, each(profiled, schema.features), strict=True)))

    @staticmethod
    def merged(profiles: Iterable["Profile"]) -> "Profile":
        """The profile of all the rows of several."""
        parts = list(profiles)
        if len(parts) == 1:
            return parts[0]
        return Profile(
            rows=sum(part.rows for part in parts),
            broken=sum(part.broken for part in parts),
            features=_merged([part.features for part in parts]),
            unknown=CategoryCounts.merged([CategoryCounts(UNKNOWN_KEPT), *(part.unknown for part in parts)]),
            outputs=_merged([part.outputs for part in parts]),
            unknown_profiles=merged_unknown([(part.rows, part.unknown_profiles) for part in parts]),
        )

    def scaled(self, scale: Scale) -> "Profile":
        """The profile of so many times as many rows of the same kind, in whole numbers.

        Rows that were sampled with a probability stand for 1 / that many. What is scaled by different factors and then merged
        estimates all rows, each weighted by its own; the noise is still that of the rows that there were.
        """
        return Profile(
            rows=scale.total(self.rows),
            broken=scale.part(self.broken, self.rows),
            features={name: feature.scaled(scale) for name, feature in self.features.items()},
            unknown=self.unknown.scaled(scale),
            outputs={name: output.scaled(scale) for name, output in self.outputs.items()},
            unknown_profiles={name: field.scaled(scale) for name, field in self.unknown_profiles.items()},
        )

    def encode(self) -> bytes:
        """The profile as msgpack."""
        return msgspec.msgpack.encode(self)

    @staticmethod
    def decode(data: bytes) -> "Profile":
        """Read a profile that `encode` wrote.

        Raises:
            ValueError: it is no profile, or of a format that this version does not know.
        """
        try:
            return _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"not a profile: {error}") from None


_DECODER = msgspec.msgpack.Decoder(Profile)


def _merged(several: Sequence[Mapping[str, FeatureProfile]]) -> dict[str, FeatureProfile]:
    """Each feature over all the profiles that have it."""
    names = dict.fromkeys(name for features in several for name in features)
    return {name: FeatureProfile.merged(features[name] for features in several if name in features) for name in names}


class _Gathered:
    """The rows of many samples, with what their violations say about them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.odd: list[ObservedRow] = []
        """Rows with unknown fields."""
        self.predictions: list[Any] = []
        self.broken = 0
        self.renamed: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()

    def add(self, sample: Sample) -> None:
        self.predictions += sample.predictions
        for row in sample.rows:
            if row.unknown:
                self.odd.append(row)
                self.unknown.update(row.unknown.keys())
        if not sample.violations:
            self.rows += [row.values for row in sample.rows]
            return
        broken = {violation.row for violation in sample.violations if not violation.feature}
        wrong = {
            (violation.row, violation.feature)
            for violation in sample.violations
            if violation.feature and violation.kind == "type"
        }
        for index, row in enumerate(sample.rows):
            if index in broken:
                self.broken += 1
                continue
            # A sample keeps structures as a word, which a string feature would take for a value. NaN is told by itself.
            self.rows.append(
                {
                    name: WRONG if (index, name) in wrong and value == value else value
                    for name, value in row.values.items()
                }
            )
        self.renamed.update(
            violation.feature
            for violation in sample.violations
            if violation.kind == "renamed" and violation.row < len(sample.rows)
        )
