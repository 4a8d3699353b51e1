"""Text that people write becomes plain data, and plain data a value; every mistake on the way is listed, with its place."""

import itertools
import json
import math
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from hyperplan.documents import MAX_DEPTH, MAX_LENGTH, Document, parse, read, readable
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid, Problem


class Inner(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    number: int
    words: tuple[str, ...] = ()


class Outer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    inner: Inner | None = None
    inners: dict[str, Inner] = {}
    anything: Any = None


def fields(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings whose keys are often those of the types above."""
    return st.dictionaries(st.sampled_from(["name", "inner", "inners", "number", "words", "x"]), inner)


def problems(text: str, kind: Any = Any) -> list[Problem]:
    """What is wrong with a text that is meant as a value of a type; empty when nothing is."""
    try:
        document = parse(text)
        if kind is not Any:
            read(kind, document)
    except Invalid as invalid:
        return list(invalid.problems)
    return list(document.problems)


def places(text: str, kind: Any = Any) -> list[str]:
    return [problem.pointer for problem in problems(text, kind)]


@pytest.mark.parametrize(
    "word", ["off", "on", "no", "NO", "yes", "Y", "n", "=", "<<", "2024-01-01", "2024-13-45", "12:30"]
)
def test_words_that_yaml_1_1_took_for_something_else_stay_strings(word: str) -> None:
    assert parse(f"a: {word}").data == {"a": word}


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        *[
            ("true", True),
            ("False", False),
            ("null", None),
            ("~", None),
            ("", None),
            ("7", 7),
            ("-7", -7),
            ("0o14", 12),
        ],
        *[("0x1F", 31), ("1e3", 1000.0), ("1.5", 1.5), (".inf", math.inf), ("'7'", "7"), ('"true"', "true")],
    ],
)
def test_scalars_are_those_of_yaml_1_2(scalar: str, value: object) -> None:
    found = parse(f"a: {scalar}").data["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_strings_whatever_they_look_like() -> None:
    assert parse("1: a\nNO: b\nnull: c").data == {"1": "a", "NO": "b", "null": "c"}


def test_another_version_of_yaml_is_refused() -> None:
    [problem] = problems("%YAML 1.1\n---\na: off")
    assert "1.2" in problem.detail
    assert problems("%YAML 1.2\n---\na: off") == []


def test_every_repeated_key_of_yaml_is_found_with_its_line_together_with_type_errors() -> None:
    text = "name: 5\nname: x\ninner:\n  number: 1\n  number: 2\n  words: [1]\n"
    found = {(problem.pointer, problem.line) for problem in problems(text, Outer)}
    assert found == {("/name", 2), ("/inner/number", 5), ("/name", 1), ("/inner/words/0", 6)}


def test_every_repeated_key_of_json_is_found_together_with_type_errors() -> None:
    text = '{"name": 5, "name": 6, "inner": {"number": 1, "number": 1, "words": [], "words": [7]}}'
    assert sorted(places(text, Outer)) == ["/inner/number", "/inner/words", "/inner/words/0", "/name", "/name"]


def test_a_repeated_key_of_json_is_named_where_it_stands() -> None:
    assert places('[{"a": [0, {"b/c": 1, "b/c": 2}]}]') == ["/0/a/1/b~1c"]


def test_a_json_object_of_many_keys_one_of_them_twice_is_refused_quickly() -> None:
    text = "{" + ",".join(f'"k{index}":1' for index in range(30_000)) + ',"k1":2}'
    started = time.perf_counter()
    assert places(text) == ["/k1"]
    assert time.perf_counter() - started < 3


def test_problems_name_the_line_of_the_value() -> None:
    text = "# first\nname: x\ninner:\n  number: many\n"
    assert problems(text, Outer) == [Problem("/inner/number", "expected int, got str", 4)]


def test_a_missing_field_has_the_line_of_what_lacks_it() -> None:
    assert problems("name: x\ninners:\n  a: {words: []}\n", Outer) == [Problem("/inners/a/number", "is missing", 3)]


def test_every_problem_is_listed() -> None:
    text = "nam: x\ninner: {number: 1.5, words: [a, 1, b, 2]}\ninners: {a: 5, b: {}}\n"
    assert sorted(places(text, Outer)) == sorted(
        ["/nam", "/name", "/inner/number", "/inner/words/1", "/inner/words/3", "/inners/a", "/inners/b/number"]
    )


def test_what_can_be_read_of_a_bad_document_is_read() -> None:
    reading = readable(Outer, parse("name: x\ninners: {a: {number: 1, words: 5, more: 1}, b: {number: no}, c: 5}\n"))
    assert reading.value == Outer(name="x", inners={"a": Inner(number=1), "b": Inner(number=1), "c": Inner(number=1)})
    assert reading.lost == {"/inners/a/words", "/inners/b/number", "/inners/c"}
    assert {problem.pointer for problem in reading.problems} == reading.lost | {"/inners/a/more"}


def test_items_that_cannot_be_read_keep_their_places() -> None:
    reading = readable(Inner, parse("{number: 1, words: [a, 1, b]}"))
    assert reading.value == Inner(number=1, words=("a", "", "b"))


def test_what_has_a_tag_is_lost_and_reported_once() -> None:
    reading = readable(Outer, parse("name: !x y\n"))
    assert [problem.pointer for problem in reading.problems] == ["/name"]
    assert reading.lost == {"/name"}


def test_nothing_can_be_read_of_what_is_no_mapping() -> None:
    reading = readable(Outer, parse("[1]"))
    assert reading.value is None
    assert len(reading.problems) == 1


def test_a_pointer_is_in_doubt_when_something_there_around_it_or_within_it_was_lost() -> None:
    reading = readable(Outer, parse("{name: x, inners: {ab: {number: no}}}"))
    doubted = {"", "/inners", "/inners/ab", "/inners/ab/number", "/inners/ab/number/0"}
    places = [*doubted, "/name", "/inners/a", "/inners/abc", "/inners/ab/words"]
    assert {place for place in places if reading.in_doubt(place)} == doubted


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | fields(inner)))
def test_what_is_read_of_any_data_has_the_type_that_was_asked_for(data: Any) -> None:
    reading = readable(Outer, Document(data))
    assert (reading.value is None) == (not isinstance(data, dict))
    if reading.value is not None:
        assert msgspec.convert(msgspec.to_builtins(reading.value), Outer) == reading.value
    if not reading.problems:
        assert reading.value == msgspec.convert(data, Outer)


def test_unknown_fields_get_the_nearest_known_name() -> None:
    [problem] = problems("name: x\ninnner: {number: 1}", Outer)
    assert "did you mean 'inner'?" in problem.detail


def test_unknown_fields_near_nothing_get_all_known_names() -> None:
    [problem] = problems("name: x\nzzz: 1", Outer)
    assert problem.detail == "unknown field; known here: anything, inner, inners, name"


def test_null_stands_where_the_type_allows_it_only() -> None:
    assert problems("name: x\ninner: null", Outer) == []
    assert places("name: null\ninner: {number: null}", Outer) == ["/name", "/inner/number"]


@pytest.mark.parametrize("data", [None, [], "x", 5, True])
def test_a_document_that_is_no_mapping_is_refused_as_a_whole(data: object) -> None:
    [problem] = problems(json.dumps(data), Outer)
    assert problem.pointer == ""
    assert "expected a mapping" in problem.detail


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n"])
def test_an_empty_document_is_refused(text: str) -> None:
    assert [problem.detail for problem in problems(text)] == ["the document is empty"]


@pytest.mark.parametrize(
    "text", ["a: \0", "a: [", "a: b: c", "a: 'x", "{a: 1", '{"a": 1,,}', "a: *b", "\ta: 1", "---\na: 1\n---\nb: 1"]
)
def test_text_that_is_no_yaml_is_refused(text: str) -> None:
    [problem] = problems(text)
    assert problem.detail.startswith("not YAML: ")


def test_the_line_of_a_syntax_error_is_named() -> None:
    [problem] = problems("a: 1\nb: [1\nc: 2\n")
    assert problem.line is not None
    assert problem.line >= 2


@pytest.mark.parametrize(
    "value", ["!!python/object/apply:os.system [ls]", "!!python/name:os.system ''", "!!binary aGk=", "!x y"]
)
def test_tags_construct_nothing(value: str) -> None:
    document = parse(f"a: {value}")
    assert document.data == {"a": None}
    assert [(problem.pointer, problem.line) for problem in document.problems] == [("/a", 1)]


@pytest.mark.parametrize("value", ["!!bool perhaps", "!!int five", "!!float x", "9" * 5000])
def test_scalars_that_cannot_be_read_as_their_tag_says_are_named(value: str) -> None:
    [problem] = problems(f"ok: 1\na: {value}")
    assert (problem.pointer, problem.line) == ("/a", 2)
    assert "cannot be read as" in problem.detail
    assert len(problem.detail) < 100


def test_a_json_number_of_too_many_digits_is_refused() -> None:
    [problem] = problems('{"a": ' + "9" * 5000 + "}")
    assert "too many digits" in problem.detail


@pytest.mark.parametrize("text", ['a: "\\ud800"', '{"a": "\\ud800"}', '{"a": {"\\udfff": 1}}', 'a: {"\\udfff": 1}'])
def test_half_a_surrogate_pair_is_refused_where_it_stands(text: str) -> None:
    [problem] = problems(text)
    assert problem.pointer.startswith("/a")
    assert "surrogate" in problem.detail
    str(problem).encode()


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse('{"a": "\\ud83d\\ude00"}').data == {"a": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("shape", [('{"a":', "1", "}"), ("[", "1", "]"), ("{a: ", "1", "}"), ("- ", "a", "")])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 100_000])
def test_documents_that_nest_too_deep_are_refused(shape: tuple[str, str, str], depth: int) -> None:
    opening, inner, closing = shape
    text = (opening * depth + inner + closing * depth)[:MAX_LENGTH]
    [problem] = problems(text)
    assert "deep" in problem.detail


@pytest.mark.parametrize("shape", [('{"a":', "1", "}"), ("{a: ", "1", "}"), ("- ", "a", "")])
def test_documents_may_nest_as_deep_as_the_limit(shape: tuple[str, str, str]) -> None:
    opening, inner, closing = shape
    assert problems(opening * MAX_DEPTH + inner + closing * MAX_DEPTH) == []


def test_an_alias_repeats_its_value() -> None:
    assert parse("a: &x {b: 1}\nc: *x").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_an_anchor_may_be_used_again() -> None:
    assert parse("a: &x 1\nb: &x 2\nc: *x").data == {"a": 1, "b": 2, "c": 2}


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    [problem] = problems("a: &x [*x]")
    assert "deep" in problem.detail


def test_a_billion_laughs_are_refused_quickly() -> None:
    names = "abcdefghij"
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in itertools.pairwise(names):
        text += f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    started = time.perf_counter()
    [problem] = problems(text)
    assert "too many values" in problem.detail
    assert time.perf_counter() - started < 10


def test_a_document_that_is_too_long_is_refused() -> None:
    [problem] = problems("a: " + "x" * MAX_LENGTH)
    assert "longer" in problem.detail


def test_merge_keys_are_keys_like_any_other() -> None:
    assert places("anything: &x {a: 1}\nname: x\n<<: *x", Outer) == ["/<<"]


def test_keys_that_are_no_scalars_are_refused() -> None:
    [problem] = problems("{[a, b]: 1}")
    assert "key" in problem.detail


@given(st.text())
def test_any_text_is_read_or_refused_with_problems(text: str) -> None:
    try:
        parse(text)
    except Invalid as invalid:
        assert invalid.problems  # noqa: PT017 - both ends are good


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, PLAIN, max_size=4))
def test_json_reads_back_as_what_was_written(data: dict[str, Any]) -> None:
    assert parse(json.dumps(data)) == Document(data)


WORDS = st.text(st.characters(categories=["L", "N"]), max_size=8) | st.sampled_from(["off", "NO", "~", "1e3", "0x1F"])
"""Text without punctuation: the YAML writer at hand writes some of that so that it cannot read it back itself."""
WRITABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, WRITABLE, max_size=4))
def test_yaml_and_json_of_the_same_data_read_alike(data: dict[str, Any]) -> None:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(data, stream)
    assert parse(stream.getvalue()).data == parse(json.dumps(data)).data


@given(st.recursive(st.none() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_plain_data_of_any_shape_is_read_or_refused_with_problems(data: Any) -> None:
    with pytest.raises(Invalid) as caught:
        read(Endpoint, Document(data))
    assert caught.value.problems


def test_an_endpoint_reads_alike_from_json_from_yaml_and_from_itself(plain: dict[str, Any]) -> None:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(plain, stream)
    endpoint = read(Endpoint, parse(json.dumps(plain)))
    assert read(Endpoint, parse(stream.getvalue())) == endpoint
    assert read(Endpoint, parse(msgspec.json.encode(endpoint).decode())) == endpoint
