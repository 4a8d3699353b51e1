"""What may be said in any protocol, for property tests: schemas, rows that meet them, predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from hyperplan.endpoint import Endpoint, Match, Model, Routing, problems_of
from hyperplan.protocols import PROTOCOLS, Body, Protocol, Speaker
from hyperplan.schema import AnyFeature, Bool, Category, Float, Int, NumberList, Schema, String

NAMES = sorted(PROTOCOLS)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FEATURE_NAMES = st.text(st.sampled_from("abcé .-~/0"), min_size=1, max_size=4) | st.sampled_from(
    ["inputs", "name", "b64"]
)

OF_KIND: Mapping[type[AnyFeature], st.SearchStrategy[Any]] = {
    Float: FLOATS | st.integers(-(2**53), 2**53),
    Int: st.integers(-(2**53), 2**53),
    Bool: st.booleans(),
    String: TEXT,
    Category: TEXT,
}


@st.composite
def features(draw: st.DrawFn, *, full: bool) -> dict[str, AnyFeature]:
    """Features of any kind; `full` ones are always there and never null, as a tensor must have it."""
    found: dict[str, AnyFeature] = {}
    for name in draw(st.lists(FEATURE_NAMES, min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from([*OF_KIND, NumberList]))
        more: dict[str, Any] = {"length": draw(st.integers(1, 3))} if kind is NumberList else {}
        if not full:
            more |= {"nullable": draw(st.booleans()), "required": draw(st.booleans())}
        found[name] = kind(**more)
    return found


def value_of(feature: AnyFeature) -> st.SearchStrategy[Any]:
    """The good values of a feature."""
    if isinstance(feature, NumberList):
        value: st.SearchStrategy[Any] = st.lists(FLOATS, min_size=feature.length, max_size=feature.length)
    else:
        value = OF_KIND[type(feature)]
    return st.none() | value if feature.nullable else value


def rows_of(found: Mapping[str, AnyFeature]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Good rows with such features, in their order."""
    required = {name: value_of(feature) for name, feature in found.items() if feature.required}
    optional = {name: value_of(feature) for name, feature in found.items() if not feature.required}
    row = st.fixed_dictionaries(required, optional=optional)
    ordered = row.map(lambda row: {name: row[name] for name in found if name in row})
    return st.lists(ordered, min_size=1, max_size=4)


@st.composite
def predictions(draw: st.DrawFn, count: int) -> list[Any]:
    """One prediction for each row: scalars, labels, vectors, nested lists, or several named outputs."""
    if draw(st.booleans()):
        return draw(_output(count))
    names = draw(st.lists(TEXT, min_size=2, max_size=3, unique=True))
    columns = [draw(_output(count)) for _ in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


@st.composite
def _output(draw: st.DrawFn, count: int) -> list[Any]:
    scalar = draw(st.sampled_from([FLOATS, INTEGERS, st.booleans(), TEXT, FLOATS | st.none()]))
    value = scalar
    for size in draw(st.lists(st.integers(2, 3), max_size=2)):
        value = st.lists(value, min_size=size, max_size=size)
    return draw(st.lists(value, min_size=count, max_size=count))


def spoken(name: str, found: Mapping[str, AnyFeature], **configured: Any) -> Protocol:
    """A protocol as it is spoken about these features."""
    return PROTOCOLS[name](Speaker(found, **configured))


def between(client: str, model: str, found: Mapping[str, AnyFeature]) -> Endpoint:
    """An endpoint in front of two models: one that speaks as clients do, and m@1."""
    endpoint = Endpoint(
        name="e",
        match=Match(path="/"),
        protocol=client,  # type: ignore[arg-type]
        task="binary",
        schema=Schema(features=dict(found)),
        models={"d@1": Model(url="http://a/", protocol=client), "m@1": Model(url="http://b/", protocol=model)},  # type: ignore[arg-type]
        routing=Routing(split={"d@1": 1, "m@1": 1}),
    )
    assert not list(problems_of(endpoint))
    return endpoint


def exactly(values: Sequence[Any]) -> str:
    """Values in a form that tells 5 from 5.0, and 0.0 from -0.0."""
    return repr(values)


def body(content: bytes, like: Body) -> Body:
    """Other bytes under the headers of a body."""
    return like._replace(content=content)
