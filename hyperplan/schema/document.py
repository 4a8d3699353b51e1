"""A schema as people keep it: the `schema:` part of an endpoint document, alone in a file or with the rest around it.

What is written here is read back as the same schema, by this reader and as part of an endpoint's document.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from hyperplan.documents import Document, parse, readable
from hyperplan.problems import Invalid, Problem
from hyperplan.schema.schema import Schema

WIDTH = 110
"""Characters of a line that is written, if what stands in it can be broken."""


def parse_schema(text: str) -> Schema:
    """Read a schema: a document that has it under `schema`, as an endpoint has, or that is the schema itself.

    What else an endpoint's document holds is not looked at.

    Raises:
        Invalid: with everything that is wrong with it, and where.
    """
    document = parse(text)
    if isinstance(document.data, dict) and "schema" in document.data:
        document = _part(document, "/schema")
    elif isinstance(document.data, dict) and "features" not in document.data:
        raise Invalid([Problem("", "holds no schema: neither a member 'schema', as an endpoint has, nor 'features'")])
    reading = readable(Schema, document)
    problems = list(reading.problems)
    if reading.value is not None:
        found = [problem for problem in reading.value.problems() if not reading.in_doubt(problem.pointer)]
        problems += [Problem(each.pointer, each.detail, _line(document.lines, each.pointer)) for each in found]
    if problems or reading.value is None:
        raise Invalid(problems)
    return reading.value


def _part(document: Document, place: str) -> Document:
    """The part of a document at a top-level member, with its own pointers; problems elsewhere are left out."""

    def inside(where: str) -> bool:
        return where == place or where.startswith(place + "/")

    return Document(
        document.data[place[1:]],
        {where[len(place) :]: line for where, line in document.lines.items() if inside(where)},
        tuple(
            Problem(each.pointer[len(place) :], each.detail, each.line)
            for each in document.problems
            if inside(each.pointer)
        ),
        frozenset(where[len(place) :] for where in document.unread if inside(where)),
    )


def _line(lines: Mapping[str, int], place: str) -> int | None:
    while place and place not in lines:
        place = place.rpartition("/")[0]
    return lines.get(place)


def written_schema(schema: Schema) -> str:
    """The `schema:` part of an endpoint document, in YAML, a line for each feature."""
    return _yaml({"schema": _plain(schema)})


def written_skeleton(name: str, schema: Schema) -> str:
    """A whole endpoint document around a schema. What nobody can know but its owner is made up, and says so.

    Raises:
        Invalid: no endpoint can have that name.
    """
    head = {"name": name, "match": {"path": f"/v1/models/{name}:predict"}, "protocol": "json", "task": "binary"}
    models = {"model@1": {"url": "http://127.0.0.1:9001/predict", "protocol": "json"}}
    tail = {"models": models, "routing": {"split": {"model@1": 100}}}
    document = CommentedMap({**head, "schema": _plain(schema), **tail})
    document.yaml_add_eol_comment("what clients call now", "match")
    document.yaml_add_eol_comment("what they speak: tfserving, kserve, oip, mlflow or json", "protocol")
    document.yaml_add_eol_comment("binary, multiclass or regression", "task")
    document.yaml_set_comment_before_after_key("models", before="Where the model is, and what it speaks.")
    return _yaml(document)


def _plain(schema: Schema) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(schema)
    features = {}
    for name, feature in plain["features"].items():
        ordered = sorted(feature, key=lambda field: _PLACES.get(field, len(_PLACES) - 1))
        features[name] = CommentedMap((field, _short(feature[field])) for field in ordered)
        features[name].fa.set_flow_style()
    return {**plain, "features": features}


_PLACES = {
    field: place for place, field in enumerate(("type", "unit", "length", "min", "max", "values", "", "description"))
}
"""What a feature is comes first, and what is said about it last."""


def _short(value: Any) -> Any:
    """A number as short as it can be: -60 for -60.0."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _yaml(document: Mapping[str, Any]) -> str:
    yaml, text = YAML(), _Text()
    yaml.width = WIDTH
    yaml.dump(document, text)
    return "".join(text.parts)


class _Text:
    """What the YAML writer takes for a file; it writes bytes to what does not say otherwise."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, part: bytes | str) -> None:
        self.parts.append(part if isinstance(part, str) else part.decode())
