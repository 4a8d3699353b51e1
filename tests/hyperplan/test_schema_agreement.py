"""The two readings of a schema agree: what the decoder accepts is clean, and what is clean the decoder accepts.

Random schemas meet random bodies near them: good rows with up to three things wrong, and any JSON at all. Bodies are
written by hand, not by a JSON writer, so that numbers, escapes and repeated keys come in every notation.
"""

import json
import math
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperplan.inspection import Inspector
from hyperplan.protocols import PROTOCOLS, Speaker
from hyperplan.schema import AnyFeature, Bool, Category, Float, Int, NumberList, RowType, Schema, String, violations_of

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0**53, 2.0**53 + 2, 2.0**63, 2.0**64, 1e308, -1e308, 5e-324, 1e22, 1e23]
NAMES = [
    "x",
    "y",
    "f0",
    "f1",
    "a0",
    "class",
    "type",
    "é",
    "日本",
    "dep_delay",
    "a b",
    "a/b",
    "__dict__",
    "\N{GRINNING FACE}",
]
TEXTS = [
    "",
    "a",
    "AA",
    "1",
    "1.0",
    "true",
    "null",
    "é",
    "\0",
    "\n",
    '"',
    "\\",
    "\N{GRINNING FACE}",
    "\ud800",
    "x" * 300,
]
NUMBERS = [
    "0",
    "-0",
    "-0.0",
    "5",
    "5.0",
    "5e0",
    "0.5e1",
    "50e-1",
    "5.5",
    "1e308",
    "-1e308",
    "1e309",
    "1e400",
    "-1e400",
    "1e-400",
]
NUMBERS += ["9007199254740991", "9007199254740992", "9007199254740993", "9007199254740993.0", "9223372036854775807"]
NUMBERS += [
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1e22",
    "1e23",
]
NUMBERS += [
    "9" * 25,
    "9" * 308,
    "9" * 309,
    "9" * 4299,
    "9" * 5000,
    "-" + "9" * 5000,
    "0." + "3" * 400,
    "4.9e-324",
    "2.4e-324",
]
NUMBERS += [
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "179769313486231580793728971405301e276",
    "NaN",
    "Infinity",
]

bounds = st.sampled_from(EDGES) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-10, 10).map(float)


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Any]:
    low, high = draw(st.none() | bounds), draw(st.none() | bounds)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return {"min": low, "max": high}


@st.composite
def features(draw: st.DrawFn) -> AnyFeature:
    common: Any = {"required": draw(st.booleans()), "nullable": draw(st.booleans()), "pii": draw(st.booleans())}
    match draw(st.sampled_from(["float", "int", "bool", "string", "category", "list"])):
        case "float":
            return Float(**common, **draw(ranges()))
        case "int":
            return Int(**common, **draw(ranges()))
        case "bool":
            return Bool(**common)
        case "string":
            return String(**common)
        case "category":
            listed = st.lists(st.sampled_from([text for text in TEXTS if text != "\ud800"]), min_size=1, unique=True)
            return Category(**common, values=draw(st.none() | listed.map(tuple)))
        case _:
            return NumberList(**common, **draw(ranges()), length=draw(st.integers(1, 3)))


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    free = [name for name in [*NAMES, "old", "older"] if name not in names]
    found: dict[str, AnyFeature] = {}
    for name in names:
        aliases = draw(st.lists(st.sampled_from(free), max_size=2, unique=True)) if free else []
        free = [alias for alias in free if alias not in aliases]
        found[name] = msgspec.structs.replace(draw(features()), aliases=tuple(aliases))
    schema = Schema(features=found, on_unknown=draw(st.sampled_from(["reject", "warn", "ignore"])))
    assert list(schema.problems()) == []
    return schema


def written(members: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in members) + "}"


def texts(text: str) -> st.SearchStrategy[str]:
    """The ways to write a string in JSON."""
    plain = json.dumps(text, ensure_ascii=False) if text != "\ud800" else '"\\ud800"'
    escaped = (
        '"' + "".join(f"\\u{ord(mark):04x}" if ord(mark) < 65536 else json.dumps(mark)[1:-1] for mark in text) + '"'
    )
    return st.sampled_from([plain, json.dumps(text), escaped])


numbers = (
    st.sampled_from(NUMBERS)
    | st.integers(-(2**66), 2**66).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.builds("{}{}e{}".format, st.sampled_from(["", "-"]), st.integers(0, 10**20), st.integers(-330, 320))
    | bounds.map(repr)
)
anything = st.recursive(
    numbers | st.sampled_from(TEXTS).flatmap(texts) | st.sampled_from(["null", "true", "false"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | st.lists(st.tuples(st.sampled_from([*NAMES, "old"]).flatmap(texts), inner), max_size=3).map(written)
    ),
    max_leaves=5,
)


def good_numbers(low: float | None, high: float | None, whole: bool) -> st.SearchStrategy[str]:
    if whole:
        least = -(2**60) if low is None else math.ceil(max(low, -1e300))
        most = max(least, 2**60) if high is None else math.floor(high)
        if least > most:
            return numbers
        return st.integers(least, most).flatmap(lambda n: st.sampled_from([str(n), f"{n}.0", f"{n}e0", f"{10 * n}e-1"]))
    low, high = (None if bound is None else bound + 0.0 for bound in (low, high))  # -0.0 becomes 0.0
    return st.floats(low, high, allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(
        [repr(bound) for bound in (low, high) if bound is not None] or ["0"]
    )


def good_values(feature: AnyFeature) -> st.SearchStrategy[str]:
    """Values of a feature, nearly all of them good."""
    match feature:
        case Float():
            good = good_numbers(feature.min, feature.max, whole=False)
        case Int():
            good = good_numbers(feature.min, feature.max, whole=True)
        case Bool():
            good = st.sampled_from(["true", "false"])
        case Category(values=values) if values is not None:
            good = st.sampled_from(values).flatmap(texts)
        case NumberList(length=length):
            item = good_numbers(feature.min, feature.max, whole=False)
            good = st.lists(item, min_size=length, max_size=length).map(lambda items: "[" + ", ".join(items) + "]")
        case _:
            good = st.sampled_from(TEXTS[:-2]).flatmap(texts)
    return good | st.just("null") if feature.nullable else good


@st.composite
def rows(draw: st.DrawFn, schema: Schema) -> str:
    """A row that is good but for up to three changes."""
    members = [
        (name, draw(good_values(feature)))
        for name, feature in schema.features.items()
        if feature.required or draw(st.booleans())
    ]
    members = list(draw(st.permutations(members)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(0, len(members) - 1)))
        change = draw(st.sampled_from(["value", "null", "drop", "rename", "add", "repeat"]))
        if change == "add" or not members:
            members.append((draw(st.sampled_from([*NAMES, "old", "\ud800"])), draw(anything)))
        elif change == "value":
            members[place] = (members[place][0], draw(anything))
        elif change == "null":
            members[place] = (members[place][0], "null")
        elif change == "drop":
            del members[place]
        elif change == "rename":
            feature = schema.features.get(members[place][0])
            other = draw(st.sampled_from([*(feature.aliases if feature else ()), "old", "x"]))
            members[place] = (other, members[place][1])
        else:
            members.append((members[place][0], draw(anything)))
    return written([(draw(texts(key)), value) for key, value in members])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schema, list[str]]:
    schema = draw(schemas())
    return schema, draw(st.lists(rows(schema) | anything, min_size=1, max_size=3))


def decoded(schema: Schema, row: str) -> bool:
    """Whether the decoder accepts a row."""
    try:
        msgspec.json.decode(row.encode(), type=RowType(schema).struct)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def plain(row: str) -> tuple[Any, bool]:
    """A row as Python reads it, and whether a key stands twice in it at any depth."""
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) < len(pairs)
        return found

    # A literal of thousands of digits is beyond Python's integers, and beyond a double either way.
    return json.loads(
        row, object_pairs_hook=members, parse_int=lambda digits: float(digits) if len(digits) > 400 else int(digits)
    ), repeated


def exempt(schema: Schema, row: Any) -> bool:
    """Whether the decoder may refuse a row that is clean: an alias beside its feature, or unknown fields that are
    passed over here and are no JSON there (NaN, or half a surrogate pair)."""
    if not isinstance(row, dict):
        return False
    aliases = {alias for feature in schema.features.values() for alias in feature.aliases}
    unknown = {key: value for key, value in row.items() if key not in schema.features}
    text = json.dumps(unknown, ensure_ascii=False)
    return bool(aliases & set(row)) or "NaN" in text or "Infinity" in text or "\ud800" in text


@settings(max_examples=150)
@given(cases())
def test_what_the_decoder_accepts_is_clean(case: tuple[Schema, list[str]]) -> None:
    schema, bodies = case
    for row in bodies:
        if decoded(schema, row):
            assert list(violations_of(schema, [plain(row)[0]])) == []


@settings(max_examples=150)
@given(cases())
def test_what_is_clean_the_decoder_accepts(case: tuple[Schema, list[str]]) -> None:
    schema, bodies = case
    for row in bodies:
        data, repeated = plain(row)
        if not repeated and not exempt(schema, data) and not list(violations_of(schema, [data])):
            assert decoded(schema, row)


@settings(max_examples=150)
@given(cases())
def test_an_inspection_lists_what_the_checker_lists(case: tuple[Schema, list[str]]) -> None:
    schema, bodies = case
    protocol = PROTOCOLS["tfserving"](Speaker(schema.features))
    data = protocol.rows({"instances": [plain(row)[0] for row in bodies]})
    inspection = Inspector(schema, protocol).inspect(f'{{"instances": [{", ".join(bodies)}]}}'.encode())
    assert inspection.flaw is None
    assert [(found.row, found.feature, found.kind) for found in inspection.violations] == [
        (found.row, found.feature, found.kind) for found in violations_of(schema, data)
    ]
    assert len(inspection.rows) == len(inspection.plain_rows(10**6)) == len(bodies)
