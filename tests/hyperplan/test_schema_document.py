"""A schema in a file of its own, written and read."""

import pytest
from hypothesis import given

from hyperplan.endpoint import parse_endpoint
from hyperplan.problems import Invalid
from hyperplan.schema import Category, Float, Schema
from hyperplan.schema.document import parse_schema, written_schema, written_skeleton
from tests.hyperplan.test_schema_compatibility import SCHEMAS

AWKWARD = (
    "NO",
    "01",
    "null",
    "true",
    "~",
    "",
    " ",
    "a b",
    "a: b",
    "# no",
    "2020-01-01",
    "<<",
    "=",
    "1e3",
    "0x1F",
    "{",
    "\n",
    "\t",
    "é",
    "x" * 300,
)


@given(SCHEMAS)
def test_a_schema_that_is_written_is_read_back(schema: Schema) -> None:
    assert parse_schema(written_schema(schema)) == schema


def test_names_and_values_that_yaml_would_take_for_something_else_are_read_back() -> None:
    features = {name: Category(values=AWKWARD, description=name) for name in AWKWARD if name and name.isprintable()}
    schema = Schema(features={**features, "number": Float(min=-1e300, max=1e-7)})
    assert parse_schema(written_schema(schema)) == schema


def test_a_skeleton_is_an_endpoint_with_the_schema_in_it() -> None:
    schema = Schema(features={"x": Float(min=-60)})
    endpoint = parse_endpoint(written_skeleton("flight-delay", schema))
    assert (endpoint.name, endpoint.schema) == ("flight-delay", schema)


@pytest.mark.parametrize("text", ["features: {x: {type: float}}", "schema: {features: {x: {type: float}}}\nname: 5"])
def test_a_schema_is_read_alone_or_as_part_of_an_endpoint(text: str) -> None:
    assert parse_schema(text) == Schema(features={"x": Float()})


def test_all_that_is_wrong_with_a_schema_is_said_with_its_lines() -> None:
    text = "name: x\nschema:\n  features:\n    a: {type: flot}\n    b: {type: int, aliases: [b]}\n  on: 3\n"
    with pytest.raises(Invalid) as refused:
        parse_schema(text)
    assert [(problem.pointer, problem.line) for problem in refused.value.problems] == [
        ("/features/a/type", 4),
        ("/on", 6),
        ("/features/b/aliases", 5),
    ]


@pytest.mark.parametrize("text", ["schema: 5", "5", "x: 1", "schema: {features: {}}"])
def test_what_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_schema(text)
