"""What differs between two documents."""

import copy
import doctest
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from hyperplan import diff
from hyperplan.diff import Difference, differences

keys = st.text("ab~/ é", max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.text("a0", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(keys, values, max_size=4)


def applied(document: Any, changes: list[Difference]) -> Any:
    """A document with each change made, if what stands there is what the change says."""
    root = {"": copy.deepcopy(document)}
    for change in changes:
        names = [name.replace("~1", "/").replace("~0", "~") for name in change.pointer.split("/")]
        around: Any = root
        for name in names[:-1]:
            around = around[name]
        assert json.dumps(around.pop(names[-1], "nothing")) == json.dumps(
            "nothing" if change.before is UNSET else change.before
        )
        if change.after is not UNSET:
            around[names[-1]] = change.after
    return root[""]


def text(value: Any) -> str:
    """A JSON value as text, whatever the order of its members; 1 and 1.0 are one number."""
    return json.dumps(_with_whole_numbers(value), sort_keys=True)


def _with_whole_numbers(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_with_whole_numbers(item) for item in value]
        case dict():
            return {key: _with_whole_numbers(item) for key, item in value.items()}
        case _:
            return value


@given(objects, objects)
def test_the_changes_made_to_the_old_give_the_new(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert text(applied(before, differences(before, after))) == text(after)


@given(objects)
def test_nothing_differs_from_itself(document: dict[str, Any]) -> None:
    assert differences(document, copy.deepcopy(document)) == []


@given(objects, objects)
def test_the_other_way_round_before_and_after_change_places(before: dict[str, Any], after: dict[str, Any]) -> None:
    there = [(change.pointer, change.before, change.after) for change in differences(before, after)]
    assert there == [(change.pointer, change.after, change.before) for change in differences(after, before)]


def test_the_example_holds() -> None:
    assert doctest.testmod(diff).failed == 0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": 1}, {"a": True}, ["~ /a: 1 -> true"]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": None}, {}, ["- /a: null"]),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, ['~ /a: ["x","y"] -> ["y","x"]']),
        ({"a": {"x/y": 1, "z": 2}}, {"a": {"z": 2}}, ["- /a/x~1y: 1"]),
        ({"a": [1]}, {"a": [True]}, ["~ /a: [1] -> [true]"]),
        ({}, {"a": {"b": 1}}, ['+ /a: {"b":1}']),
    ],
)
def test_what_is_said_of_a_change(before: Any, after: Any, said: list[str]) -> None:
    assert [str(change) for change in differences(before, after)] == said
