"""Each kind of feature, by its good and its bad values: both readings accept the good and refuse the bad.

The decoder is asked with the bytes of a body, the checker with what Python's own reader makes of them.
"""

import json

import msgspec
import pytest

from hyperplan.schema import (
    AnyFeature,
    Bool,
    Category,
    Float,
    Int,
    NumberList,
    RowType,
    Schema,
    String,
    Violation,
    violations_of,
)


def accepted(schema: Schema, row: str) -> bool:
    """Whether the decoder proves a row good."""
    try:
        msgspec.json.decode(row, type=RowType(schema).struct)
    except msgspec.DecodeError:
        return False
    return True


def listed(schema: Schema, row: str) -> list[Violation]:
    """What the checker finds wrong with a row."""
    return list(violations_of(schema, [json.loads(row)]))


def kinds(schema: Schema, row: str) -> list[tuple[str, str]]:
    return [(violation.feature, violation.kind) for violation in listed(schema, row)]


GOOD: list[tuple[AnyFeature, list[str]]] = [
    (
        Float(),
        ["0", "-0.0", "5", "5.5", "1e308", "-1e308", "5e-324", "1e-400", "9" * 300, "18446744073709551616", "1E+2"],
    ),
    (Float(min=0, max=10), ["0", "-0", "-0.0", "10", "10.0", "1e1", "9.999999999999998"]),
    (Float(min=9007199254740992), ["9007199254740992", "9007199254740993", "9.007199254740993e15"]),
    (Float(max=18446744073709551616), ["18446744073709551615", "18446744073709551616", "18446744073709551617"]),
    (
        Int(),
        ["5", "5.0", "5e0", "5E0", "0.5e1", "-0.0", "1e300", "9007199254740993", "18446744073709551616", "9" * 300],
    ),
    (Int(min=-1, max=1), ["-1", "0", "1", "1.0", "10e-1"]),
    (Bool(), ["true", "false"]),
    (String(), ['""', '"a"', '"\\u0000"', '"\\ud83d\\ude00"', '"é"', '"null"', '"' + "x" * 10_000 + '"']),
    (Category(), ['""', '"anything"']),
    (Category(values=("", "1", "true", "é", "a\nb")), ['""', '"1"', '"\\u0031"', '"true"', '"\\u00e9"', '"a\\nb"']),
    (NumberList(length=2), ["[1, 2]", "[1.5, -0.0]", "[1e308, 5]"]),
    (NumberList(length=1, min=0, max=1), ["[0]", "[1]", "[0.5]"]),
]

BAD: list[tuple[AnyFeature, str, list[str]]] = [
    (Float(), "type", ["true", "false", '"5"', '""', "[5]", "{}", "NaN", "Infinity", "-Infinity", "1e400", "-1e400"]),
    (Float(), "type", ["9" * 310, "-" + "9" * 310, "9" * 4000]),
    (Float(min=0, max=10), "range", ["-5e-324", "-1", "10.000000000000002", "11", "9007199254740993", "1e308"]),
    (Float(min=0, max=10), "type", ["1e400", "NaN", "true"]),
    (Float(min=9007199254740994), "range", ["9007199254740992"]),
    (
        Int(),
        "type",
        ["5.5", "1e-1", "5e-324", "4503599627370495.5", "true", '"5"', "NaN", "Infinity", "1e400", "9" * 310],
    ),
    (Int(min=-1, max=1), "range", ["-2", "2", "1e300", "18446744073709551616"]),
    (Int(min=-1, max=1), "type", ["0.5", "2.5", "false"]),
    (Bool(), "type", ["0", "1", "1.0", '"true"', "[]", "{}"]),
    (String(), "type", ["5", "true", "[]", "{}", '"\\ud800"', '"a\\udfffb"']),
    (Category(), "type", ["5", '"\\ud800"']),
    (Category(values=("1", "true")), "category", ['"2"', '""', '"TRUE"', '"1 "', '"1.0"']),
    (Category(values=("1", "true")), "type", ["1", "true", "1.0", '["1"]', '"\\ud800"']),
    (
        NumberList(length=2),
        "type",
        ["[]", "[1]", "[1, 2, 3]", "5", "{}", '"12"', "[1, null]", "[1, true]", '[1, "2"]', "[[1], 2]"],
    ),
    (NumberList(length=2), "type", ["[1, NaN]", "[1, 1e400]"]),
    (NumberList(length=2, min=0, max=1), "range", ["[0, 2]", "[-1, 0]", "[-1, 2]"]),
    (NumberList(length=2, min=0, max=1), "type", ["[2, true]", "[true, 2]", "[2]"]),
]


@pytest.mark.parametrize(("feature", "value"), [(feature, value) for feature, values in GOOD for value in values])
def test_both_readings_accept_good_values(feature: AnyFeature, value: str) -> None:
    schema, row = Schema(features={"x": feature}), f'{{"x": {value}}}'
    assert accepted(schema, row)
    assert listed(schema, row) == []


@pytest.mark.parametrize(
    ("feature", "kind", "value"), [(feature, kind, value) for feature, kind, values in BAD for value in values]
)
def test_both_readings_refuse_bad_values_and_the_kind_is_named(feature: AnyFeature, kind: str, value: str) -> None:
    schema, row = Schema(features={"x": feature}), f'{{"x": {value}}}'
    assert not accepted(schema, row)
    assert kinds(schema, row) == [("x", kind)]


@pytest.mark.parametrize(
    "feature", [Float(), Int(), Bool(), String(), Category(), Category(values=("null",)), NumberList(length=1)]
)
def test_null_and_missing_are_two_things(feature: AnyFeature) -> None:
    required, nullable = (
        Schema(features={"x": feature}),
        Schema(features={"x": msgspec.structs.replace(feature, nullable=True)}),
    )
    optional = Schema(features={"x": msgspec.structs.replace(feature, required=False)})
    assert (kinds(required, '{"x": null}'), kinds(required, "{}")) == ([("x", "null")], [("x", "missing")])
    assert (kinds(nullable, '{"x": null}'), kinds(nullable, "{}")) == ([], [("x", "missing")])
    assert (kinds(optional, '{"x": null}'), kinds(optional, "{}")) == ([("x", "null")], [])
    assert [accepted(schema, '{"x": null}') for schema in (required, nullable, optional)] == [False, True, False]
    assert [accepted(schema, "{}") for schema in (required, nullable, optional)] == [False, False, True]


def test_a_feature_under_its_alias_is_renamed() -> None:
    schema = Schema(features={"distance": Float(aliases=("dist", "miles"))}, on_unknown="ignore")
    row = {"miles": 5}
    [violation] = violations_of(schema, [row])
    assert (violation.feature, violation.kind) == ("distance", "renamed")
    assert "'distance'" in violation.expected
    assert "'miles'" in violation.got
    assert row == {"miles": 5}
    assert not accepted(schema, json.dumps(row))


def test_an_alias_beside_its_feature_is_unknown() -> None:
    schema = Schema(features={"distance": Float(aliases=("dist",))})
    assert kinds(schema, '{"distance": 1, "dist": 2}') == [("dist", "unknown")]


def test_of_two_aliases_the_first_of_the_schema_is_the_rename_and_the_other_unknown() -> None:
    schema = Schema(features={"distance": Float(aliases=("dist", "miles"))})
    assert kinds(schema, '{"miles": 1, "dist": 2}') == [("distance", "renamed"), ("miles", "unknown")]


def test_unknown_fields_may_be_ignored() -> None:
    row = '{"x": 1, "y": {"z": [1]}}'
    assert kinds(Schema(features={"x": Float()}), row) == [("y", "unknown")]
    assert not accepted(Schema(features={"x": Float()}), row)
    ignoring = Schema(features={"x": Float()}, on_unknown="ignore")
    assert kinds(ignoring, row) == []
    assert accepted(ignoring, row)


def test_the_value_of_an_unknown_field_is_not_shown() -> None:
    schema = Schema(features={"x": Float(required=False)})
    values = {"a": "secret", "b": 271828, "c": ["secret"], "d": {"secret": 1}, "e": None, "f": True}
    found = {violation.feature: violation.got for violation in violations_of(schema, [values])}
    assert found == {
        "a": "a string",
        "b": "a number",
        "c": "a list of 1",
        "d": "an object",
        "e": "null",
        "f": "true or false",
    }


def test_the_value_of_a_personal_feature_is_not_shown() -> None:
    schema = Schema(features={"age": Int(max=120, pii=True), "height": Int(max=300)})
    assert [violation.got for violation in violations_of(schema, [{"age": 271828, "height": 301}])] == [
        "a number",
        "301",
    ]


def test_the_name_of_an_unknown_field_is_shown_short_and_can_be_encoded() -> None:
    schema = Schema(features={"x": Float(required=False)})
    for violation in violations_of(schema, [{"\ud800": 1, "y" * 100_000: 1}]):
        assert len(msgspec.json.encode(violation)) < 300


def test_violations_come_by_row_then_by_schema_with_unknown_fields_last() -> None:
    schema = Schema(features={"b": Float(), "a": Float(max=1), "c": Int(required=False)})
    rows = [{"z": 1, "c": 0.5, "a": 2}, 5, {"a": 1, "b": 1}, {"b": 1}]
    assert [(violation.row, violation.feature, violation.kind) for violation in violations_of(schema, rows)] == [
        *((0, "b", "missing"), (0, "a", "range"), (0, "c", "type"), (0, "z", "unknown")),
        *((1, "", "type"), (3, "a", "missing")),
    ]


def test_a_violation_says_what_was_expected_in_the_units_of_the_schema() -> None:
    schema = Schema(features={"x": Float(min=-60, max=1234567, unit="min"), "y": Int(min=1), "z": Float(max=0.1)})
    assert [violation.expected for violation in violations_of(schema, [{"x": -61, "y": 0, "z": 1}])] == [
        *("from -60 to 1234567 min", "at least 1", "at most 0.1")
    ]


@pytest.mark.parametrize(
    ("value", "got"),
    [
        *(
            (float("nan"), "NaN"),
            (float("inf"), "Infinity"),
            (float("-inf"), "-Infinity"),
            (10**400, "an integer of more than 30 digits"),
        ),
        *(
            (True, "true"),
            (2**64, "18446744073709551616"),
            ([1, 2], "a list of 2"),
            ({}, "an object"),
            ("5", '"5"'),
            (0.1, "0.1"),
        ),
        ("é" * 100, '"' + "é" * 36 + "..."),
    ],
)
def test_a_violation_shows_what_came_in_few_characters(value: object, got: str) -> None:
    feature: AnyFeature = Bool() if value is not True else Float()
    [violation] = violations_of(Schema(features={"x": feature}), [{"x": value}])
    assert violation.got == got


def test_a_category_of_many_values_lists_only_some() -> None:
    schema = Schema(features={"c": Category(values=tuple(f"v{index}" for index in range(1000)))})
    [violation] = violations_of(schema, [{"c": "w"}])
    assert violation.expected == "one of v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, ... (1000 in all)"


def test_features_may_have_any_printable_name() -> None:
    names = ["f0", "f1", "a0", "class", "def", "type", "é", "日本", "a b", "x.y", "a/b", "a~b", "__init__", "0", "Row"]
    schema = Schema(features={name: Float(aliases=(f"old {name}",)) for name in names})
    assert list(schema.problems()) == []
    row_type = RowType(schema)
    row = msgspec.json.decode(json.dumps({name: place for place, name in enumerate(names)}), type=row_type.struct)
    assert [row_type.value(row, name) for name in names] == list(range(len(names)))
    assert row_type.as_dict(row) == {name: place for place, name in enumerate(names)}


def test_keys_may_be_escaped() -> None:
    schema = Schema(features={"dep_delay": Float()})
    assert accepted(schema, '{"dep\\u005fdelay": 1}')
    assert listed(schema, '{"dep\\u005fdelay": 1}') == []


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    schema = Schema(features={"x": Float(max=1)})
    assert kinds(schema, '{"x": 1, "x": 2}') == [("x", "range")]
    assert not accepted(schema, '{"x": 1, "x": 2}')


def test_five_hundred_features_are_read_in_any_order() -> None:
    schema = Schema(features={f"x{index}": Float(min=0, required=index % 2 == 0) for index in range(500)})
    row = {f"x{index}": index for index in reversed(range(500))}
    assert accepted(schema, json.dumps(row))
    assert not accepted(schema, json.dumps(row | {"x7": -1}))
    assert kinds(schema, json.dumps(row | {"x7": -1})) == [("x7", "range")]


def test_an_absent_feature_has_no_value() -> None:
    row_type = RowType(Schema(features={"x": Float(), "y": Float(required=False)}))
    row = msgspec.json.decode(b'{"x": 1}', type=row_type.struct)
    assert (row_type.value(row, "y"), row_type.as_dict(row)) == (None, {"x": 1})


def test_the_harshest_action_decides() -> None:
    schema = Schema(
        on_violation="warn",
        on_unknown="ignore",
        features={"x": Float(), "c": Category(values=("a",), on_unseen="reject"), "d": Category(values=("a",))},
    )
    violation = {kind: Violation(0, "x", kind, "", "") for kind in ("missing", "unknown", "range")}
    assert schema.harshest([]) == "ignore"
    assert schema.harshest([violation["unknown"]]) == "ignore"
    assert schema.harshest([violation["unknown"], violation["missing"]]) == "warn"
    assert schema.harshest([violation["missing"], Violation(0, "c", "category", "", "")]) == "reject"
    assert schema.harshest([Violation(0, "d", "category", "", "")]) == "warn"
    assert schema.harshest([Violation(0, "c", "type", "", "")]) == "warn"


def test_the_version_is_of_the_features_whatever_their_order() -> None:
    first = Schema(features={"x": Float(min=0), "y": Int()})
    assert first.version() == Schema(features={"y": Int(), "x": Float(min=0)}, on_violation="reject").version()
    assert first.version() != Schema(features={"x": Float(min=1), "y": Int()}).version()
    assert first.version() != Schema(features={"x": Float(min=0), "z": Int()}).version()
    assert len(first.version()) == 12
