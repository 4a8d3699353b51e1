"""What is said of a rule holds: one that passed its checks fails on no row that the schema accepts.

Random expressions, out of all that a rule may say, meet random rows at the edges of a schema. The engine is asked about all of
them, so the language as it is read here is also held to the language as it is evaluated.
"""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hyperplan.endpoint import Task
from hyperplan.rules import Rule, problems_of_rule
from hyperplan.rules.engine import EngineFailed, compile_expression, execute
from hyperplan.rules.syntax import BadSyntax, parse
from hyperplan.schema import Schema, violations_of

SCHEMA = msgspec.convert(
    {
        "features": {
            "d": {"type": "float", "min": -60, "max": 1500, "nullable": True},
            "u": {"type": "float"},
            "p": {"type": "float", "min": 0, "max": 1},
            "h": {"type": "int", "min": 0, "max": 23},
            "m": {"type": "int", "min": -3, "max": 3},
            "n": {"type": "int", "required": False},
            "b": {"type": "bool"},
            "c": {"type": "category", "values": ["AA", "B6"]},
            "s": {"type": "string", "required": False},
            "l": {"type": "list", "length": 2, "min": -1, "max": 1},
        }
    },
    Schema,
)
NULLABLE = ("d", "n", "s")
EDGES = [0.0, -0.0, 5e-324, 1.0, -1.0, 0.5, 1e308, -1e308, 1.7976931348623157e308, -1.7976931348623157e308, 15.0]

doubles = st.sampled_from(["0.0", "1.0", "0.5", "15.0", "-3.5", "1e308", "5e-324", "features.u", "features.p"])
doubles |= st.sampled_from(["features.d", "features.l[0]", "features['l'][1]"])
ints = st.sampled_from(["0", "1", "-3", "5", "23", "9007199254740993", "9223372036854775807", "-9223372036854775808"])
ints |= st.sampled_from(["features.h", "features.m", "features.n"])
texts = st.sampled_from(["features.c", "features.s", "'AA'", '""'])
conditions = st.sampled_from(["features.b", "true", "features.d != null", "features.n == null", "features.s != null"])


def joined(
    sides: st.SearchStrategy[str], operators: list[str], others: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    return st.builds("({} {} {})".format, sides, st.sampled_from(operators), others)


def chosen(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("({} ? {} : {})".format, conditions, values, values)


ORDER = ["<", "<=", ">", ">=", "==", "!="]
for _ in range(2):  # each round nests one deeper
    doubles, ints, conditions = (
        doubles
        | joined(doubles, ["+", "-", "*", "/"], doubles)
        | chosen(doubles)
        | st.builds("double({})".format, ints)
        | st.builds("-({})".format, doubles),
        ints
        | joined(ints, ["+", "-", "*", "/", "%"], ints)
        | chosen(ints)
        | st.builds("int({})".format, doubles)
        | st.builds("{}.size()".format, texts),
        conditions
        | joined(conditions, ["&&", "||"], conditions)
        | joined(doubles, ORDER, doubles | ints)
        | joined(ints, ORDER, ints | doubles)
        | joined(texts, ORDER, texts)
        | st.builds("({} in [{}, {}])".format, doubles, ints, texts)
        | st.builds("{}.startsWith({})".format, texts, texts)
        | st.builds("!({})".format, conditions),
    )


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Expressions, most of which look at null before they go on."""
    expression = draw(doubles | ints | conditions)
    for name in NULLABLE:
        if draw(st.integers(0, 4)):
            expression = f"(features.{name} == null ? 0.5 : {expression})"
    return expression


def near(low: float, high: float) -> st.SearchStrategy[float]:
    return st.sampled_from([edge for edge in EDGES if low <= edge <= high] + [low, high]) | st.floats(low, high)


rows = st.fixed_dictionaries(
    {
        "d": st.none() | near(-60, 1500),
        "u": near(-1.7976931348623157e308, 1.7976931348623157e308),
        "p": near(0, 1),
        "h": st.integers(0, 23) | st.just(5.0),
        "m": st.integers(-3, 3),
        "b": st.booleans(),
        "c": st.sampled_from(["AA", "B6"]),
        "l": st.lists(near(-1, 1), min_size=2, max_size=2),
    },
    optional={
        "n": st.sampled_from([2**53, -(2**53), 2**70, 1e300, -1e308]) | st.integers(-5, 5),
        "s": st.sampled_from(["", "AA", "é\N{GRINNING FACE}"])
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    },
)


# Most random expressions are refused, and rightly.
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(expressions(), st.sampled_from(["binary", "regression"]), st.lists(rows, min_size=1, max_size=20))
def test_what_passed_fails_on_no_row_that_the_schema_accepts(expression: str, task: Task, rows: list[Any]) -> None:
    assert list(violations_of(SCHEMA, rows)) == []
    problems = problems_of_rule(expression, SCHEMA, task)
    for problem in problems:
        assert "say it in another way" not in problem, "the analysis found it sound, and the engine failed"
        assert "the engine does not understand" not in problem
    assume(not problems)
    predictions = Rule(expression, SCHEMA, task).predict(rows)
    assert all(isinstance(prediction, float) for prediction in predictions)


PIECES = [
    "features",
    ".",
    "all",
    "(",
    ")",
    "[",
    "]",
    "'",
    '"',
    "\\",
    "//",
    "\n",
    "x",
    ",",
    "?",
    ":",
    "1",
    ".5",
    "e3",
    "u",
]
PIECES += [
    "&&",
    "||",
    "!",
    "-",
    "==",
    "in",
    "null",
    "{",
    "}",
    "'''",
    "r",
    "b",
    "é",
    "\0",
    "0x",
    "h",
    ">",
    " ",
    "true",
    "*",
]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30))
def test_whatever_the_text_there_is_an_answer_and_it_holds(text: str) -> None:
    problems = problems_of_rule(text, SCHEMA, "binary")
    if not problems:
        Rule(text, SCHEMA, "binary").predict(
            [{"d": 1.0, "u": 1.0, "p": 1.0, "h": 1, "m": 1, "b": True, "c": "AA", "l": [1, 1]}]
        )


@settings(max_examples=200)
@given(
    st.sampled_from(["'{}'", '"{}"', "r'{}'", 'R"{}"', "'''{}'''", '"""{}"""']),
    st.lists(
        st.sampled_from(
            [r"\n", r"\\", r"\'", r"\"", r"\x41", r"\xe9", r"\u00e9", r"\U0001F600", r"\101", r"\?", r"\`", "a"]
        )
        | st.sampled_from(["é", " ", "//", r"\d", r"\u12", r"\8", r"\400", r"\ud800", r"\a", "`"]),
        max_size=5,
    ).map("".join),
)
def test_a_string_means_here_what_it_means_to_the_engine(form: str, inside: str) -> None:
    text = form.format(inside)
    try:
        ours = parse(text).value
    except BadSyntax:
        return
    assert execute(compile_expression(text), {}) == ours


@pytest.mark.parametrize(
    "number", ["0", "007", "0x1F", "-5", "1.5", ".5", "1e3", "1.5E-3", "-0.0", "9223372036854775807"]
)
def test_a_number_means_here_what_it_means_to_the_engine(number: str) -> None:
    value = parse(number).value
    theirs = execute(compile_expression(number), {})
    assert (theirs, type(theirs)) == (value, type(value))


@pytest.mark.parametrize("expression", ["1 +", "(", "'", "features.a.b.all(", "\0", "(" * 10_000])
def test_what_the_engine_refuses_it_refuses_in_words(expression: str) -> None:
    with pytest.raises(EngineFailed, match="Failed to parse"):
        compile_expression(expression)
