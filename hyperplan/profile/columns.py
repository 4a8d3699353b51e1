"""From the raw values of one feature to its profile.

Both ways into a profile end here. Rows are turned by their side into one list of values for each feature; training data comes
as arrays. Plain lists are held against the feature as the schema's checker would, only many values at a time; an array
of numbers skips even that. A property test holds the two to the same result.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import Any, NamedTuple

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from hyperplan.profile.categories import CategoryCounts
from hyperplan.profile.feature import COMPONENTS_KEPT, FeatureProfile
from hyperplan.profile.moments import Moments
from hyperplan.profile.numbers import Numbers
from hyperplan.schema import AnyFeature, Bool, Category, Float, Int, NumberList, String, finite

MISSING = UNSET
"""Stands in a list of values for a row without the feature."""
WRONG = object()
"""Stands in a list of values for one that is known to be of the wrong type."""

CATEGORIES_KEPT = 1000
"""Distinct values kept of a category."""
STRINGS_KEPT = 100
"""Distinct values kept of a string, and of the values of a category that the schema does not list."""


class Counted(NamedTuple):
    """Values of which it is known how often each comes, null among them as None."""

    counts: Mapping[Any, int]


class Column(NamedTuple):
    """The values of one feature, one for each row, and the feature; None for one that no schema declares."""

    feature: AnyFeature | None
    values: Sequence[Any] | NDArray[Any] | Counted

    def profile(self, renamed: int = 0) -> FeatureProfile:
        """The profile of the column, in which so many values came under an alias."""
        if isinstance(self.values, np.ndarray):
            return _of_array(self.feature, self.values)
        if isinstance(self.values, Counted):
            return _of_counted(self.feature, self.values.counts)
        return _of_values(self.feature, self.values, renamed)


def height_of(values: Sequence[Any] | NDArray[Any] | Counted) -> int:
    """How many rows a column has."""
    return sum(values.counts.values()) if isinstance(values, Counted) else len(values)


def _of_array(feature: AnyFeature | None, array: NDArray[Any]) -> FeatureProfile:
    """A column of training data. Masked values are null. In a plain array of floats, which cannot hold null, NaN is null."""
    if array.dtype.kind in "iuf" and array.ndim == 1 and (feature is None or isinstance(feature, Float | Int)):
        return _of_numbers(feature, *_present(array))
    if array.dtype.kind in "iuf" and array.ndim == 2 and isinstance(feature, NumberList):
        return _of_matrix(feature, array)
    read = _plain_text if isinstance(feature, Bool | String | Category) else _plain
    return _of_values(feature, [read(value) for value in array.tolist()], 0)


def _of_matrix(feature: NumberList, array: NDArray[Any]) -> FeatureProfile:
    """Lists of numbers of one length, a row for each; where all of a row is masked, the list is null."""
    null = np.ma.getmaskarray(array).all(axis=1)
    counts = FeatureProfile(rows=len(array), null=int(null.sum()))
    rows = np.ma.getdata(array)[~null].astype(np.float64, copy=False)
    return _of_components(feature, rows[: len(rows) if array.shape[1] == feature.length else 0], len(rows), counts)


def _of_counted(feature: AnyFeature | None, counted: Mapping[Any, int]) -> FeatureProfile:
    present = {value: count for value, count in counted.items() if value is not None}
    rows = sum(counted.values())
    counts = FeatureProfile(rows=rows, null=rows - sum(present.values()))
    if isinstance(feature, Bool | String | Category):
        return _of_texts(feature, present, counts)
    return _of_values(feature, [value for value, count in counted.items() for _ in range(count)], 0)


def _present(array: NDArray[Any]) -> tuple[NDArray[np.float64], FeatureProfile]:
    """The numbers of an array that are not null, and how many are."""
    if isinstance(array, np.ma.MaskedArray):
        numbers = array.compressed() if np.ma.is_masked(array) else array.data
    elif array.dtype.kind == "f" and (nan := np.isnan(array)).any():
        numbers = array[~nan]
    else:
        numbers = array
    return numbers.astype(np.float64, copy=False), FeatureProfile(rows=array.size, null=array.size - numbers.size)


def _plain(value: Any) -> Any:
    """A value of an array as a row would hold it."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _plain_text(value: Any) -> Any:
    """A value among texts or truth values, where data frames write null as NaN."""
    value = _plain(value)
    return None if isinstance(value, float) and value != value else value


def _of_values(feature: AnyFeature | None, values: Sequence[Any], renamed: int) -> FeatureProfile:
    present = [value for value in values if value is not None and value is not MISSING]
    absent = len(values) - len(present)
    missing = sum(value is MISSING for value in values) if absent else 0
    counts = FeatureProfile(rows=len(values), missing=missing, null=absent - missing, renamed=renamed)
    match feature:
        case Float() | Int():
            return _of_numbers(feature, _numbers(present), counts)
        case Bool() | String() | Category():
            return _of_texts(feature, _counted(present), counts)
        case NumberList():
            return _of_lists(feature, present, counts)
        case None:
            return _of_anything(present, counts)


def _numbers(present: list[Any]) -> NDArray[np.float64]:
    """The numbers among values; infinite where a value is none, or none that a double can hold."""
    if set(map(type, present)) <= {int, float}:
        try:
            return np.array(present, np.float64)
        except OverflowError:
            pass  # an integer beyond any double is found one by one
    return np.array([_number(value) for value in present], np.float64)


def _number(value: Any) -> float:
    """A number as a double, NaN as it is, anything else infinite."""
    number = finite(value)
    if number is not None:
        return number
    return value if isinstance(value, float) and value != value else np.inf


def _of_numbers(feature: Float | Int | None, numbers: NDArray[np.float64], counts: FeatureProfile) -> FeatureProfile:
    came, nan = numbers.size, 0
    good = np.isfinite(numbers)
    if not good.all():
        nan = int(np.isnan(numbers).sum())
        numbers = numbers[good]
    if isinstance(feature, Int):
        good = numbers == np.rint(numbers)
        numbers = numbers if good.all() else numbers[good]
    summary = Numbers.of(numbers)
    return _with(
        counts,
        wrong_type=came - nan - numbers.size,
        nan=nan,
        out_of_range=_count_outside(feature, numbers, summary.moments),
        numbers=summary,
    )


def _count_outside(feature: Float | Int | None, numbers: NDArray[np.float64], moments: Moments) -> int:
    """How many numbers are out of the range of a feature; seldom need all be looked at to know."""
    if feature is None or not _outside(feature, np.array([moments.smallest, moments.largest])).any():
        return 0
    return int(_outside(feature, numbers).sum()) if numbers.size else 0


def _outside(feature: Float | Int | NumberList | None, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    outside = np.zeros(numbers.shape, np.bool_)
    if feature is not None and feature.min is not None:
        outside |= numbers < feature.min
    if feature is not None and feature.max is not None:
        outside |= numbers > feature.max
    return outside


def _of_texts(feature: Bool | String | Category, present: Mapping[Any, int], counts: FeatureProfile) -> FeatureProfile:
    kind = bool if isinstance(feature, Bool) else str
    good = {value: count for value, count in present.items() if isinstance(value, kind)}
    wrong = sum(present.values()) - sum(good.values())
    counted = _named(good)
    if not isinstance(feature, Category):
        return _with(counts, wrong_type=wrong, values=CategoryCounts.of(counted, STRINGS_KEPT))
    if feature.values is None:
        return _with(counts, wrong_type=wrong, values=CategoryCounts.of(counted, CATEGORIES_KEPT))
    listed = set(feature.values)
    seen = {value: count for value, count in counted.items() if value in listed}
    unseen = {value: count for value, count in counted.items() if value not in listed}
    return _with(
        counts,
        wrong_type=wrong,
        unseen=sum(unseen.values()),
        values=CategoryCounts.of(seen, max(CATEGORIES_KEPT, len(listed))),
        unseen_values=CategoryCounts.of(unseen, STRINGS_KEPT),
    )


def _counted(values: list[Any]) -> Mapping[Any, int]:
    """How often each value comes; all that are neither texts nor truth values, as if they were the same."""
    kinds = set(map(type, values))
    if kinds <= {str} or kinds <= {bool}:
        return Counter(values)
    return Counter(value if isinstance(value, str | bool) else WRONG for value in values)


def _named(counted: Mapping[Any, int]) -> Mapping[str, int]:
    """Texts and truth values as texts; truth values as JSON writes them."""
    named: Counter[str] = Counter()
    for value, count in counted.items():
        named[value if isinstance(value, str) else "true" if value else "false"] += count
    return named


def _of_lists(feature: NumberList, present: list[Any], counts: FeatureProfile) -> FeatureProfile:
    good = [value for value in present if isinstance(value, list) and len(value) == feature.length]
    if not set(map(type, chain.from_iterable(good))) <= {int, float}:
        good = [value for value in good if all(finite(item) is not None for item in value)]
    components = np.array(good, np.float64).reshape(-1, feature.length)
    return _of_components(feature, components, len(present), counts)


def _of_components(
    feature: NumberList, components: NDArray[np.float64], present: int, counts: FeatureProfile
) -> FeatureProfile:
    """Lists of the right length, out of so many that are not null."""
    finite_rows = np.isfinite(components).all(axis=1)
    components = components[finite_rows]
    return _with(
        counts,
        wrong_type=present - len(components),
        out_of_range=int(_outside(feature, components).any(axis=1).sum()),
        norms=_norms(components),
        components=[Numbers.outline(column) for column in components.T[:COMPONENTS_KEPT]],
    )


def _norms(components: NDArray[np.float64]) -> Numbers:
    with np.errstate(over="ignore"):
        norms = np.sqrt(np.square(components).sum(axis=1))
    return Numbers.of(norms[np.isfinite(norms)])


def _of_anything(present: list[Any], counts: FeatureProfile) -> FeatureProfile:
    """Values of a feature that no schema declares: each goes where a value of its type goes."""
    numbers = [number for value in present if (number := finite(value)) is not None]
    nan = sum(isinstance(value, float) and value != value for value in present)
    texts = [value for value in present if isinstance(value, str | bool)]
    lists = [value for value in present if isinstance(value, list) and all(finite(item) is not None for item in value)]
    norms = [norm for value in lists if math.isfinite(norm := math.hypot(*value))]
    return _with(
        counts,
        wrong_type=len(present) - len(numbers) - nan - len(texts) - len(lists),
        nan=nan,
        numbers=Numbers.of(numbers) if numbers else None,
        values=CategoryCounts.of(_named(Counter(texts)), STRINGS_KEPT) if texts else None,
        norms=Numbers.of(norms) if lists else None,
        components=[
            Numbers.outline([item for item in column if item is not None])
            for column in islice(zip_longest(*lists), COMPONENTS_KEPT)
        ],
    )


def _with(counts: FeatureProfile, **found: Any) -> FeatureProfile:
    return FeatureProfile(rows=counts.rows, missing=counts.missing, null=counts.null, renamed=counts.renamed, **found)
