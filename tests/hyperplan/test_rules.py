"""Rules: what they may say, what they predict, and what is said about those that could fail."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hyperplan.endpoint import Task
from hyperplan.rules import Rule, RuleFailed, problems_of_rule
from hyperplan.schema import Schema

ROOT = Path(__file__).parent.parent.parent

FLIGHTS = msgspec.convert(
    {
        "features": {
            "dep_delay": {"type": "float", "min": -60, "max": 1500, "nullable": True},
            "distance": {"type": "float", "min": 0, "aliases": ["dist"]},
            "share": {"type": "float", "min": 0, "max": 1},
            "hour": {"type": "int", "min": 0, "max": 23},
            "seats": {"type": "int"},
            "night": {"type": "bool"},
            "carrier": {"type": "category", "values": ["AA", "B6"]},
            "tailnum": {"type": "string", "required": False},
            "route": {"type": "list", "length": 3, "min": -1, "max": 1},
            "all": {"type": "float", "required": False},
            "a b": {"type": "float"},
        }
    },
    Schema,
)
ROW = {
    "dep_delay": 20.5,
    "distance": 733,
    "share": 0.25,
    "hour": 5.0,
    "seats": 150,
    "night": False,
    "carrier": "AA",
    "route": [0, 0.5, 1],
    "a b": 3,
}


def problems(expression: str, task: Task = "binary") -> str:
    """What is wrong with a rule over flights, a problem a line."""
    return "\n".join(problems_of_rule(expression, FLIGHTS, task))


def predicted(expression: str, task: Task = "binary", **changes: Any) -> Any:
    """What a sound rule predicts for a row."""
    assert problems(expression, task) == ""
    [prediction] = Rule(expression, FLIGHTS, task).predict([ROW | changes])
    return prediction


# What a rule predicts.


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("features.dep_delay != null && features.dep_delay > 15.0 ? 0.9 : 0.1", 0.9),
        ("features.dep_delay != null && features.dep_delay > 15 ? 0.9 : 0.1", 0.9),
        ("features.hour > 4 ? 0.9 : 0.1", 0.9),
        ("features.hour > 4.5 ? 1 : 0", 1.0),
        ("features.hour == 5", 1.0),
        ("features.night", 0.0),
        ("features.share * 2.0 > 1.0 ? 1.0 : features.share * 2.0", 0.5),
        ("double(features.hour) / 24.0", 5 / 24),
        ('features["a b"] > 2.0 && features.carrier in ["AA", "DL"]', 1.0),
        ("features.route[2] > features.route[0]", 1.0),
        ("features.tailnum == null ? 0.5 : features.tailnum.startsWith('N') ? 0.2 : 0.3", 0.5),
        ("features.dep_delay == null || features.dep_delay < 0.0 ? 0.0 : features.dep_delay / 1500.0", 20.5 / 1500),
        ("features.hour > 0 && 100 / features.hour == 20", 1.0),
        ("!(features.hour == 0) ? 1.0 / double(features.hour) : 0.0", 0.2),
        ("// an early one\nfeatures.hour < 6  // or so\n ? 0.75 : 0.25", 0.75),
    ],
)
def test_a_binary_rule_predicts_a_probability(expression: str, expected: float) -> None:
    prediction = predicted(expression)
    assert (prediction, type(prediction)) == (expected, float)


def test_a_regression_predicts_a_double_even_out_of_ints() -> None:
    prediction = predicted("features.seats * 2 + features.hour", "regression")
    assert (prediction, type(prediction)) == (305.0, float)


def test_a_regression_beyond_all_doubles_is_the_largest_double() -> None:
    assert predicted("features.distance * 3.0", "regression", distance=1.7e308) == sys.float_info.max


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("features.night ? 'late' : features.carrier", "AA"),
        ("features.hour / 6", 0),
        ("[features.share, 1.0 - features.share]", [0.25, 0.75]),
    ],
)
def test_a_multiclass_rule_predicts_a_label_or_the_probability_of_each(expression: str, expected: Any) -> None:
    assert predicted(expression, "multiclass") == expected


def test_what_a_row_leaves_out_is_null_and_an_alias_is_as_good_as_the_name() -> None:
    rule = Rule("features.tailnum == null && features.distance > 700.0", FLIGHTS, "binary")
    row = {name: value for name, value in ROW.items() if name != "distance"}
    assert rule.predict([row | {"dist": 701}, row | {"dist": 699}]) == [1.0, 0.0]


def test_an_int_too_large_for_its_neighbours_to_be_told_apart_is_the_largest_of_the_others() -> None:
    assert predicted("features.seats", "regression", seats=10**300) == 2.0**53


# What is wrong with a rule.


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "column 1: expected a value, got the end"),
        ("features.hour >", "column 16: expected a value, got the end"),
        ("features.hour > 5 features.night", "column 19: expected an operator, or the end, got 'features'"),
        ("features.night ? 0.1\n  : 0.2 0.3", "line 2, column 9: expected an operator, or the end, got '0.3'"),
        ("features.night and true", "CEL says &&"),
        ("features.carrier = 'AA'", "column 18: '=' does not belong into an expression; CEL compares with =="),
        ("features.carrier == 'AA", "column 21: the string that begins here does not end"),
        ("features.hours > 5", "'hours' is no feature of the schema; there are dep_delay, distance"),
        ("hour > 5", "'hour' is unknown; a feature is features.hour"),
        ("True", "CEL says true"),
        ("features", 'name a feature: features.NAME, or features["a name"]'),
        ("features[features.carrier] > 1.0", 'name a feature: features.NAME, or features["a name"]'),
        ("features.carrier.length > 1", "values have no fields here, so .length leads nowhere"),
        ("exp(features.share)", "exp() is unknown; there are x.contains()"),
        ("features.carrier.lowerAscii() == 'aa'", "lowerAscii() is unknown"),
        ("features.carrier.contains() == 'aa'", "contains() takes 1 argument, not 0"),
        ("has(features.tailnum)", "compare: features.x != null"),
        ("features.hour > 5u", "5u is no number; write it without the u"),
        ("features.hour > 99999999999999999999", "too large for an int, which has 64 bits; write it as a double"),
        ("{'a': 1.0}", "a rule has no use for maps"),
        ("b'a' == b'b'", "a rule has no use for bytes"),
        ("features.if > 0.0 ? 1.0 : 0.0", "'if' is no feature of the schema"),
        ("features.in > 0.0 ? 1.0 : 0.0", 'write features["in"]'),
        ("'\\d' == 'd'", "is no escape of CEL"),
        ("features.carrier.matches('A.*')", "use startsWith(), endsWith(), contains() or in"),
    ],
)
def test_what_is_no_expression_is_named_with_its_place_and_its_cure(expression: str, said: str) -> None:
    found = problems_of_rule(expression, FLIGHTS, "binary")
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    "expression",
    [
        "[1, 2].all(x, x > 0)",
        "features.route.exists(x, x > 0.5)",
        "features.route.exists_one(x, x > 0.5)",
        "features.route . /* */ map(x, x)[0]".replace("/* */", "// so\n"),
        "features.route.filter(features, features > 0.5) == []",
        "features.all(x, x)",
        "features.carrier == 'a' || [[1]].exists(x, x.all(y, y > 0))",
    ],
)
def test_comprehensions_are_refused(expression: str) -> None:
    assert "walks over a list, which nothing bounds" in problems(expression)


def test_texts_comments_and_features_that_are_called_like_a_comprehension_are_none() -> None:
    assert predicted("features.carrier == '[1].all(x, x)' // .map(x, x)\n || features.all == null") == 1.0
    assert predicted('features["all"] == null || features.carrier == "\\".all(x, x)"') == 1.0


@pytest.mark.parametrize(
    ("expression", "cure", "row"),
    [
        ("features.dep_delay > 15.0", "features.dep_delay != null && ...", '{"dep_delay":null}'),
        ("features.tailnum.contains('N')", "features.tailnum != null && ...", "{}"),
        ("features.share * 2 > 1.0", "write 2.0", '{"share":0.5}'),
        ("features.share * 2 > 1", "write 2.0", '{"share":0.5}'),
        ("features.hour + features.share > 1.0", "write double(features.hour)", '{"share":0.5,"hour":12}'),
        ("1 / features.hour == 0", "features.hour != 0 ? 1 / features.hour : ...", '{"hour":0}'),
        ("features.share / features.share < 1.0", "features.share != 0.0 ? ", '{"share":0.0}'),
        ("features.seats * features.seats > 1", "min and max", '{"seats":-9007199254740992}'),
        ("features.route[3] > 0.0", "from 0 to 2", '{"route":[-1.0,-1.0,-1.0]}'),
        ("features.hour == 17 ? features.route[5] > 0.0 : true", "from 0 to 2", '{"hour":17'),
        ("features.carrier > 5", "may be an int", '{"carrier":"AA"}'),
        ("features.carrier + 'x' == 'AAx'", "+ takes numbers, but features.carrier may be a string", ""),
        ("!features.hour", "! turns a condition around, but features.hour may be an int", '{"hour":12}'),
        ("features.hour ? 0.1 : 0.2", "? : asks for a condition", '{"hour":12}'),
        ("int(features.distance) > 3", "may be too large for an int", '{"distance":'),
        ("features.hour * 1.0 > 3.0 && features.night", "write double(features.hour)", '{"hour":12,"night":true}'),
    ],
)
def test_a_rule_that_fails_on_a_row_is_refused_with_the_cure_and_such_a_row(
    expression: str, cure: str, row: str
) -> None:
    found = problems_of_rule(expression, FLIGHTS, "binary")
    assert any(cure in problem for problem in found[: max(1, len(found) - 1)])
    if row:
        assert f"fails on the row {row}" in found[-1]


def test_a_rule_that_fails_on_no_row_that_is_tried_is_refused_all_the_same() -> None:
    """No edge of the schema and no number in the expression has a 17 for the hour."""
    [found] = problems_of_rule("1 / (features.hour * features.hour - 289) == 0", FLIGHTS, "binary")
    assert "may divide by 0" in found


@pytest.mark.parametrize(
    ("expression", "task", "said"),
    [
        ("features.hour", "binary", "may give an int from 0 to 23"),
        ("features.dep_delay != null ? features.share : null", "binary", "may come to null"),
        ("features.carrier", "binary", "may give a string"),
        ("features.night", "regression", "may give true or false"),
        ("features.share", "multiclass", "may give a double"),
        ("features.night ? 'a' : 1", "multiclass", "may give an int or a string"),
        ("[features.hour]", "multiclass", "may give a list"),
        ("[]", "multiclass", "may give a list"),
    ],
)
def test_a_result_that_does_not_fit_the_task_is_refused(expression: str, task: Task, said: str) -> None:
    assert said in problems(expression, task)


def test_everything_that_may_fail_in_a_rule_is_listed() -> None:
    found = problems_of_rule(
        "features.dep_delay > 1.0 && features.tailnum < 'N' && features.share * 2 > 1", FLIGHTS, "binary"
    )
    assert [problem.partition(":")[0] for problem in found[:3]] == ["column 1", "column 29", "column 55"]


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 100_000,
        "(" * 1000 + "true" + ")" * 1000,
        "!" * 3000 + "true",
        "- " * 1500 + "1 > 0",
        "[" * 1000 + "]" * 1000,
        "true ? true : " * 200 + "true",
        "features.route" + "[0]" * 1000,
        " + ".join(["1"] * 900) + " > 0",
        " || ".join(["features.night"] * 200),
        "'" + "x" * 100_000 + "' == ''",
        "x" * 3999,
        "\x00",
        "'\ud800'",
    ],
)
def test_a_long_or_deep_expression_is_refused_and_hurts_nobody(expression: str) -> None:
    assert problems_of_rule(expression, FLIGHTS, "binary")


def test_a_condition_in_a_condition_and_so_on_is_judged_at_once() -> None:
    """Looked at anew for each condition that holds or does not, this would take 3^20 looks."""
    expression = "features.share"
    for _ in range(20):
        expression = f"({expression} > 0.1 && {expression[:200].count('(') + 1} > 0 ? 0.1 : 0.2)"
    assert problems(expression) == ""


# Rows that break the schema.


@pytest.mark.parametrize(
    "changes",
    [
        {"dep_delay": None},
        {"dep_delay": "late"},
        {"dep_delay": True},
        {"dep_delay": {"value": [1]}},
        {"dep_delay": [[1]]},
        {"dep_delay": float("nan")},
        {"dep_delay": 10**400},
        {"carrier": "\ud800"},
    ],
)
def test_a_row_that_breaks_the_schema_fails_in_words_if_the_rule_has_nothing_to_say(changes: dict[str, Any]) -> None:
    rule = Rule("features.dep_delay > 15.0 && features.carrier == 'AA'", FLIGHTS, "binary")
    with pytest.raises(RuleFailed, match="row 1: "):
        rule.predict([ROW, ROW | changes])


@pytest.mark.parametrize("row", [None, 5, "x", [1.0]])
def test_a_row_that_is_no_object_fails_in_words(row: Any) -> None:
    with pytest.raises(RuleFailed, match="row 0 is no object"):
        Rule("features.night", FLIGHTS, "binary").predict([row])


def test_a_probability_out_of_a_range_that_the_row_broke_is_none() -> None:
    with pytest.raises(RuleFailed, match=r"7\.5 is no probability"):
        Rule("features.share", FLIGHTS, "binary").predict([ROW | {"share": 7.5}])


# What rules cost those who have none.


def loaded_by(program: str) -> set[str]:
    command = [sys.executable, "-c", f"import sys; {program}; print(*sys.modules)"]
    return set(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())


def test_the_engine_is_loaded_with_the_first_rule_and_without_its_command_line_tool() -> None:
    first = "from hyperplan.rules import problems_of_rule; from hyperplan.schema import Bool, Schema"
    ask = "problems_of_rule('features.b', Schema(features={'b': Bool()}), 'binary')"
    assert not {"cel", "prompt_toolkit"} & loaded_by(f"{first}; import hyperplan.plan")
    program = (
        f"{first}; assert {ask} == (); from hyperplan.rules.engine import _engine; assert _engine.cache_info().misses"
    )
    assert not {"cel.cli", "prompt_toolkit", "typer"} & loaded_by(program)
