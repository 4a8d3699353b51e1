"""What a new version of a schema means to clients and models of the old one."""

import doctest
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.schema import Bool, Category, Float, Int, NumberList, Schema, String, compatibility, violations_of
from hyperplan.schema.features import AnyFeature

NAMES = ["x", "y", "z", "old"]
VALUES: list[Any] = [None, True, 0, 1, 1.5, -3, "a", "b", [1.0], [1.0, 2.0]]
BOUNDS = st.none() | st.sampled_from([-5.0, 0.0, 1.0, 5.0])
FLAGS = st.booleans()
COMMON: dict[str, Any] = {
    "required": FLAGS,
    "nullable": FLAGS,
    "aliases": st.just(()) | st.sampled_from(NAMES).map(lambda name: (name,)),
    "unit": st.sampled_from([None, "min", "s"]),
}
FEATURES: st.SearchStrategy[AnyFeature] = st.one_of(
    st.builds(Float, min=BOUNDS, max=BOUNDS, **COMMON),
    st.builds(Int, min=BOUNDS, max=BOUNDS, **COMMON),
    st.builds(Bool, **COMMON),
    st.builds(String, **COMMON),
    st.builds(Category, values=st.sampled_from([None, ("a",), ("a", "b")]), **COMMON),
    st.builds(NumberList, length=st.integers(1, 2), min=BOUNDS, **COMMON),
)
ACTIONS = st.sampled_from(["reject", "warn", "ignore"])
SCHEMAS = st.builds(
    Schema,
    features=st.dictionaries(st.sampled_from(NAMES), FEATURES, min_size=1, max_size=2),
    on_violation=ACTIONS,
    on_unknown=ACTIONS,
).filter(lambda schema: not list(schema.problems()))
ANY_ROW = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=1)


def values_of(feature: AnyFeature) -> st.SearchStrategy[Any]:
    """Good values of a feature, if there are any."""
    good = [value for value in VALUES if value is not None and feature.fault(value) is None]
    return st.sampled_from([*(good or VALUES), *([None] if feature.nullable else [])])


@st.composite
def rows_of(draw: st.DrawFn, schema: Schema) -> dict[str, Any]:
    """A row that is good, or nearly so."""
    features = schema.features.items()
    row = {name: draw(values_of(feature)) for name, feature in features if feature.required or draw(FLAGS)}
    return (draw(ANY_ROW) if draw(FLAGS) else {}) | row


@st.composite
def versions(draw: st.DrawFn) -> tuple[Schema, Schema]:
    """Two schemas that have most in common."""
    old, other = draw(SCHEMAS), draw(SCHEMAS)
    features = {
        name: draw(st.sampled_from([feature, other.features.get(name, feature)]))
        for name, feature in old.features.items()
    }
    features |= {name: feature for name, feature in other.features.items() if draw(st.integers(0, 3)) == 0}
    new = msgspec.structs.replace(draw(st.sampled_from([old, other])), features=features)
    return old, new if not list(new.problems()) else old


def clean(schema: Schema, row: dict[str, Any]) -> bool:
    return next(violations_of(schema, [row]), None) is None


@given(versions(), st.data())
def test_what_is_backward_compatible_takes_every_row_that_was_good(
    pair: tuple[Schema, Schema], data: st.DataObject
) -> None:
    old, new = pair
    if compatibility.compatibility(old, new).backward:
        assert all(clean(new, row) for row in data.draw(st.lists(rows_of(old), max_size=10)) if clean(old, row))


@given(versions(), st.data())
def test_what_is_forward_compatible_takes_no_row_that_was_bad(pair: tuple[Schema, Schema], data: st.DataObject) -> None:
    old, new = pair
    if compatibility.compatibility(old, new).forward:
        assert all(clean(old, row) for row in data.draw(st.lists(rows_of(new), max_size=10)) if clean(new, row))


@given(SCHEMAS)
def test_a_schema_is_compatible_with_itself(schema: Schema) -> None:
    found = compatibility.compatibility(schema, schema)
    assert (found.backward, found.forward, found.changes) == (True, True, [])


def schema(**features: AnyFeature) -> Schema:
    return Schema(features=features)


ONE = String()


@pytest.mark.parametrize(
    ("old", "new", "clients", "models", "sentence"),
    [
        (schema(x=Float()), schema(x=Int()), True, False, "x: was a number and is an integer now; clients that send a number are passed and marked (type)"),
        (schema(x=Int()), schema(x=Float()), False, True, "x: was an integer and is a number now; a model may get what it has never seen"),
        (schema(x=Float(min=0)), schema(x=Float(min=0, max=9)), True, False, "x: the range was at least 0 and is 0 to 9 now; clients that send numbers outside are passed and marked (range)"),
        (schema(x=Category(values=("a", "b"))), schema(x=Category(values=("b", "c"), on_unseen="reject")), True, True, "x: no longer lists 'a' and lists 'c'; clients that send those it no longer lists are rejected (category); a model may get what it has never seen"),
        (schema(x=Float()), schema(x=Float(nullable=True)), False, True, "x: may be null now; a model may get what it has never seen"),
        (schema(x=Float(required=False)), schema(x=Float()), True, False, "x: is required now; clients that leave it out are passed and marked (missing)"),
        (schema(x=Float(unit="min")), schema(x=Float(unit="s")), True, True, "x: is measured in s now, and was in min; no check sees it: clients and models must change with it"),
        (schema(a=ONE, x=Float()), schema(a=ONE, y=Float(aliases=("x",))), True, True, "x: is called y now; clients that go on sending x are passed and marked (renamed); a model looks for x in vain"),
        (schema(a=ONE), schema(a=ONE, x=Float()), True, True, "x: is new; clients that do not send it are passed and marked (missing); a model may get a field that it does not know"),
        (schema(a=ONE, x=Float()), schema(a=ONE), True, True, "x: is gone; clients that go on sending it are passed and marked (unknown); a model may look for it in vain"),
        (schema(x=ONE), Schema(features={"x": ONE}, on_violation="reject"), True, False, "a row that breaks the schema is rejected now, and was passed and marked"),
    ],
)  # fmt: skip
def test_each_difference_is_said_in_words(old: Schema, new: Schema, clients: bool, models: bool, sentence: str) -> None:
    change = compatibility.compatibility(old, new).changes[0]
    assert (change.clients, change.models, change.sentence) == (clients, models, sentence)


def test_a_wider_category_and_an_optional_feature_leave_clients_alone() -> None:
    old = schema(x=Category(values=("a",)))
    new = schema(x=Category(values=("a", "b")), y=Float(required=False))
    found = compatibility.compatibility(old, new)
    assert (found.backward, found.forward) == (True, False)


def test_the_example_in_the_documentation_runs() -> None:
    results = doctest.testmod(compatibility)
    assert results.attempted
    assert not results.failed
