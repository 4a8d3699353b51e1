"""Documents that people write, read so that every mistake is found at once.

YAML and JSON readers lose what matters here: they keep the last of two equal keys without a word, and YAML 1.1 reads
`off`, `no` and the country code `NO` as booleans; msgspec stops at the first error. So reading takes two steps. `parse` turns text (YAML 1.2, of which JSON is
all but a subset) into plain data, noting duplicate keys and remembering lines. `readable` checks plain data against a
msgspec type, collects every problem, and builds what can be read, so that the checks of what a document means need not
wait until its last slip of the pen is mended. `read` is for those who want all of it or nothing.
"""

import difflib
import functools
import json
import operator
import re
import types
import typing
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hyperplan.problems import Invalid, Problem, pointer

T = TypeVar("T")
Path = tuple[str | int, ...]

MAX_LENGTH = 1 << 19
"""How many characters a document may have; the YAML reader takes seconds for so many."""
MAX_DEPTH = 32
"""How deep a document may nest. An endpoint document needs 5."""
MAX_NODES = 200_000
"""How many values a document may hold, aliases counted each time they are used (or a small file could grow for ever)."""


_YAML_OF_ANOTHER_VERSION = re.compile(r"^%YAML[ \t]+(?!1\.2\b)", re.MULTILINE)
_CONSTRUCTED = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))
_TEXTS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "timestamp", "merge", "value"))
"""Plain scalars that the YAML reader takes for more than text, and YAML 1.2's core schema does not: dates, '<<', '='."""

_KNOWN_TAGS = _CONSTRUCTED | _TEXTS | {"tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}


class Document(typing.NamedTuple):
    """Plain data, and what was seen on the way to it.

    `lines` has the line (from 1) at which the value at each pointer stands, where that is known. `problems` are those
    of the text alone, such as keys that stand twice; `read` reports them with its own. `unread` are the pointers of
    values that the text does not give, such as one with a tag; None stands for them.
    """

    data: Any
    lines: Mapping[str, int] = types.MappingProxyType({})
    problems: tuple[Problem, ...] = ()
    unread: frozenset[str] = frozenset()


class Reading(typing.NamedTuple, Generic[T]):
    """What could be read of a document.

    `problems` are what is wrong with its text and types. When there are any, `value` has defaults and stand-ins at the
    pointers in `lost`, where nothing could be read; it is None when nothing at all could be.
    """

    value: T | None
    problems: tuple[Problem, ...]
    lost: frozenset[str]

    def in_doubt(self, place: str) -> bool:
        """Whether something wrong at a pointer may only follow from what was lost there, around it or within it."""
        return any(_is_within(place, lost) or _is_within(lost, place) for lost in self.lost)


def parse(text: str) -> Document:
    """Read YAML 1.2 or JSON text into plain data.

    Raises:
        Invalid: the text is neither, or it is too long or nests too deep.
    """
    if len(text) > MAX_LENGTH:
        raise Invalid([Problem("", f"is longer than {MAX_LENGTH} characters")])
    if text.lstrip().startswith(("{", "[")):
        try:
            return _parse_json(text)
        except json.JSONDecodeError:
            pass  # YAML's flow style also starts with a brace, and its reader explains errors better
    return _parse_yaml(text)


def read(kind: type[T], document: Document) -> T:
    """Build a value of a msgspec type from plain data.

    Raises:
        Invalid: with one problem for each field that is unknown, missing, repeated, or of the wrong type.
    """
    reading = readable(kind, document)
    if reading.problems or reading.value is None:
        raise Invalid(reading.problems)
    return reading.value


def readable(kind: type[T], document: Document) -> Reading[T]:
    """Build what can be read of a value of a msgspec type, and list what is wrong with the rest."""
    walk = _Walk(document.unread)
    data = walk.sound(kind, document.data, ())
    problems = [*document.problems, *walk.problems]
    value = None
    if data is not _LOST:
        try:
            value = msgspec.convert(data, kind)
        except msgspec.ValidationError as error:  # a rule that spans fields
            problems = problems or [Problem("", str(error))]
    return Reading(value, tuple(located(problems, document.lines)), frozenset(walk.lost))


def located(problems: list[Problem], lines: Mapping[str, int]) -> list[Problem]:
    """The same problems, each with its line if it has none: that of its value, or of the nearest thing around it."""
    return [problem if problem.line else _located(problem, lines) for problem in problems]


def _is_within(place: str, around: str) -> bool:
    return place == around or place.startswith(around + "/")


def _located(problem: Problem, lines: Mapping[str, int]) -> Problem:
    place = problem.pointer
    while place and place not in lines:
        place = place.rpartition("/")[0]
    return Problem(problem.pointer, problem.detail, lines.get(place))


# Text into plain data.


class _Members(dict[str, Any]):
    """A JSON object some of whose keys stand twice. Where it stands in the document is not known yet when it is read."""

    repeated: tuple[str, ...] = ()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _Members(pairs)
    if len(found) == len(pairs):
        return dict(found)
    counted = Counter(key for key, _ in pairs)
    found.repeated = tuple(key for key, count in counted.items() if count > 1)
    return found


def _parse_json(text: str) -> Document:
    try:
        data = json.loads(text, object_pairs_hook=_members)
    except RecursionError:
        raise Invalid([Problem("", f"nests deeper than {MAX_DEPTH} levels")]) from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads no integer of more than 4300 digits
        raise Invalid([Problem("", "holds a number with too many digits")]) from None
    return Document(data, problems=tuple(_problems_of_json(data, ())))


def _problems_of_json(data: Any, path: Path) -> Iterator[Problem]:
    """What the YAML reader refuses while it reads, found in what the JSON reader has read."""
    if len(path) > MAX_DEPTH:
        raise Invalid([Problem(pointer(*path), f"nests deeper than {MAX_DEPTH} levels")])
    if isinstance(data, str):
        yield from _problem_of_text(data, pointer(*path))
    elif isinstance(data, dict):
        for key in data.repeated if isinstance(data, _Members) else ():
            yield Problem(pointer(*path, key), "this key stands twice in one object; keep one")
        for key, value in data.items():
            yield from _problem_of_text(key, pointer(*path, key))
            yield from _problems_of_json(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _problems_of_json(value, (*path, index))


def _problem_of_text(text: str, place: str, line: int | None = None) -> Iterator[Problem]:
    """Half a surrogate pair can be escaped, but it is no character, and nothing could ever encode it again."""
    try:
        text.encode()
    except UnicodeEncodeError:
        place = place.encode("utf-8", "backslashreplace").decode()
        yield Problem(place, "holds half of a surrogate pair, which is no character", line)


def _parse_yaml(text: str) -> Document:
    if _YAML_OF_ANOTHER_VERSION.search(text):
        raise Invalid([Problem("", "is of another version of YAML; leave the %YAML line out, and write YAML 1.2")])
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # the later one counts from there on, as YAML says
    try:
        root = yaml.compose(text)
        if root is None:
            raise Invalid([Problem("", "the document is empty")])
        reader = _NodeReader(yaml)
        data = reader.value(root, ())
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise Invalid([Problem("", f"not YAML: {error.problem or error.context}", line)]) from None
    except RecursionError:
        raise Invalid([Problem("", f"nests deeper than {MAX_DEPTH} levels")]) from None
    except (YAMLError, ValueError) as error:
        if isinstance(error, Invalid):
            raise
        raise Invalid([Problem("", f"not YAML: {' '.join(str(error).split())}")]) from None
    return Document(data, reader.lines, tuple(reader.problems), frozenset(reader.unread))


class _NodeReader:
    """Walks a composed YAML tree; constructs scalars only, so that a document can never name a Python object."""

    def __init__(self, yaml: YAML) -> None:
        self._yaml = yaml
        self._nodes = 0
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        self.unread: list[str] = []

    def value(self, node: Node, path: Path) -> Any:
        place, line = pointer(*path), node.start_mark.line + 1
        self._nodes += 1
        if len(path) > MAX_DEPTH or self._nodes > MAX_NODES:
            raise Invalid([Problem(place, f"nests deeper than {MAX_DEPTH} levels or holds too many values", line)])
        self.lines[place] = line
        if isinstance(node.tag, str) and node.tag not in _KNOWN_TAGS:
            self.problems.append(Problem(place, f"the tag {node.tag!r} means nothing here; leave it out", line))
            self.unread.append(place)
            return None
        match node:
            case ScalarNode():
                return self._scalar(node, place, line)
            case SequenceNode():
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            case MappingNode():
                return self._mapping(node, path)
            case _:  # pragma: no cover - ruamel composes nothing else
                raise TypeError(f"unexpected node {node!r}")

    def _scalar(self, node: ScalarNode, place: str, line: int) -> Any:
        if node.tag not in _CONSTRUCTED:
            self.problems.extend(_problem_of_text(node.value, place, line))
            return node.value
        try:
            return self._yaml.constructor.construct_object(node)
        except (ValueError, KeyError):
            kind = node.tag.rpartition(":")[2]
            self.problems.append(Problem(place, f"{node.value[:40]!r} cannot be read as {kind}", line))
            self.unread.append(place)
            return None

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key is None:
                self.problems.append(Problem(pointer(*path), "a key must be a plain string", line))
                continue
            if key in found:
                detail = "this key stands twice in one mapping; keep one"
                self.problems.append(Problem(pointer(*path, key), detail, line))
                continue
            self.problems.extend(_problem_of_text(key, pointer(*path, key), line))
            found[key] = self.value(value_node, (*path, key))
        return found


# Plain data against a type.

_LOST: Any = object()
"""In place of a value that could not be read."""


class _Walk:
    """Goes through plain data beside the type that it should have. `lost` are the pointers where stand-ins stand."""

    def __init__(self, unread: frozenset[str]) -> None:
        self._unread = unread
        self.problems: list[Problem] = []
        self.lost: list[str] = []

    def sound(self, kind: Any, data: Any, path: Path) -> Any:
        """The data without what does not fit the type, or `_LOST` when it does not fit at all."""
        if pointer(*path) in self._unread:
            return _LOST
        kind = _unannotated(kind)
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            return self._union(arguments, data, path)
        if isinstance(kind, msgspec.StructMeta):
            return self._struct(kind, data, path)
        if origin is dict and isinstance(data, dict):
            return {key: self._member(arguments[1], value, (*path, key)) for key, value in data.items()}
        if origin in (list, tuple) and isinstance(data, list):
            return [self._member(arguments[0], value, (*path, index)) for index, value in enumerate(data)]
        return self._leaf(kind, data, path)

    def _member(self, kind: Any, data: Any, path: Path) -> Any:
        """What keeps its place whatever it is, so that names and indices go on leading where they led."""
        found = self.sound(kind, data, path)
        return self._stand_in(kind, path) if found is _LOST else found

    def _stand_in(self, kind: Any, path: Path) -> Any:
        self.lost.append(pointer(*path))
        return _stand_in(kind)

    def _problem(self, path: Path, detail: str) -> Any:
        self.problems.append(Problem(pointer(*path), detail))
        return _LOST

    def _union(self, arguments: tuple[Any, ...], data: Any, path: Path) -> Any:
        structs = [kind for kind in arguments if isinstance(kind, msgspec.StructMeta)]
        others = [kind for kind in arguments if kind not in structs and kind is not type(None)]
        if data is None and type(None) in arguments:
            return None
        if structs and not others:
            return self._variant(structs, data, path)
        if len(others) == 1 and not structs:
            return self.sound(others[0], data, path)
        return self._leaf(functools.reduce(operator.or_, arguments), data, path)

    def _variant(self, structs: list[Any], data: Any, path: Path) -> Any:
        if len(structs) == 1:
            return self._struct(structs[0], data, path)
        by_tag = {kind.__struct_config__.tag: kind for kind in structs}
        tag_field = structs[0].__struct_config__.tag_field
        choices = ", ".join(by_tag)
        if not isinstance(data, dict):
            return self._problem(path, f"expected a mapping, got {_named(data)}")
        tag = data.get(tag_field)
        if isinstance(tag, str) and tag in by_tag:
            return self._struct(by_tag[tag], data, path)
        self._fields_of_all(structs, data, path)
        if tag_field not in data:
            return self._problem((*path, tag_field), f"is missing; one of: {choices}")
        return self._problem((*path, tag_field), f"{tag!r} is not one of: {choices}")

    def _fields_of_all(self, structs: list[Any], data: dict[str, Any], path: Path) -> None:
        """Check the fields that every variant has, when it is not known which one is meant."""
        hints = [_type_hints(kind) for kind in structs]
        for key, value in data.items():
            if all(key in known and known[key] == hints[0][key] for known in hints):
                self.sound(hints[0][key], value, (*path, key))

    def _struct(self, kind: Any, data: Any, path: Path) -> Any:
        """A mapping with the fields of a struct: those that were lost left out, or stood in for if they are required."""
        if not isinstance(data, dict):
            return self._problem(path, f"expected a mapping, got {_named(data)}")
        hints = _type_hints(kind)
        fields = _fields(kind)
        tag_field = kind.__struct_config__.tag_field
        found = {}
        for key, value in data.items():
            if key in fields:
                found[key] = self.sound(hints[fields[key].name], value, (*path, key))
            elif key == tag_field:
                found[key] = value
            else:
                self._problem((*path, key), f"unknown field{_suggestion(key, fields)}")
        for name, field in fields.items():
            if field.required and name not in data:
                found[name] = self._problem((*path, name), "is missing")
        for name in [name for name, value in found.items() if value is _LOST]:
            found[name] = self._stand_in(hints[fields[name].name], (*path, name))
            if not fields[name].required:
                del found[name]
        return found

    def _leaf(self, kind: Any, data: Any, path: Path) -> Any:
        try:
            msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            if typing.get_origin(kind) is Literal:
                return self._problem(path, f"{data!r} is not one of: {', '.join(map(str, typing.get_args(kind)))}")
            return self._problem(path, str(error)[0].lower() + str(error)[1:].replace("`", ""))
        return data


def _stand_in(kind: Any) -> Any:
    """Plain data that a type takes: the least of it."""
    kind = _unannotated(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _stand_in(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return None if type(None) in arguments else _stand_in(arguments[0])
    if isinstance(kind, msgspec.StructMeta):
        hints, config = _type_hints(kind), kind.__struct_config__
        needed = {name: _stand_in(hints[field.name]) for name, field in _fields(kind).items() if field.required}
        return needed | ({config.tag_field: config.tag} if config.tag_field else {})
    if origin is Literal:
        return arguments[0]
    return {dict: {}, list: [], tuple: [], str: "", bool: False, int: 1, float: 1.0}.get(origin or kind)


def _unannotated(kind: Any) -> Any:
    """A container's own constraints are left to the final conversion; its members are what is walked."""
    if typing.get_origin(kind) is typing.Annotated:
        inner = typing.get_args(kind)[0]
        if typing.get_origin(inner) in (dict, list, tuple) or isinstance(inner, msgspec.StructMeta):
            return inner
    return kind


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


@functools.cache
def _type_hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _suggestion(key: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(sorted(known))}"


def _named(data: Any) -> str:
    return {dict: "a mapping", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}.get(
        type(data), "a number"
    )
