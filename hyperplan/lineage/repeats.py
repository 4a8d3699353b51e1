"""Runs that repeat an earlier one: the same data, code and parameters, so that nothing new can come of it but chance.

Two runs can only be told to be alike by what both say: one that names neither the hash of its data nor the revision of its code repeats
nothing that is known. The algorithm is compared too, since one script may train several. Parameters are compared by what they mean: a
tracking server keeps `0.1` and `true` as texts, a document as a number and a truth value.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from hyperplan.lineage.lineage import Lineage

_PYTHONS = {"True": True, "False": False, "None": None}
"""Texts that Python's `str` makes of what JSON writes otherwise."""


class Made(NamedTuple):
    """A model version with a lineage, and the revision of the endpoint with which it came. It was the `order`-th of all that ever came."""

    endpoint: str
    model: str
    revision: int
    order: int
    lineage: Lineage


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier model version of which another has the data, the code and the parameters.

    `revision` is that of the endpoint with which it came. `same_run` says that both name the same run: then it is the same model at
    another place and nothing was trained twice.
    """

    endpoint: str
    model: str
    revision: int
    same_run: bool
    sentence: str


def recipe_of(lineage: Lineage) -> bytes | None:
    """What two runs have in common of which one repeats the other; None where too little is known.

    >>> from hyperplan.lineage import Data
    >>> one = Lineage(data=Data(hash="e3b0"), code_revision="4fd2", parameters={"rate": 0.1, "deep": True})
    >>> recipe_of(one) == recipe_of(Lineage(data=Data(hash="e3b0"), code_revision="4fd2", parameters={"rate": "0.1", "deep": "True"}))
    True
    """
    if lineage.data is None or not lineage.data.hash or not lineage.code_revision:
        return None
    meant = [lineage.data.hash, lineage.code_revision, lineage.algorithm, _meant(lineage.parameters)]
    return msgspec.json.encode(meant, order="deterministic")


def repeats_of(model: Made, known: Iterable[Made]) -> list[Repeat]:
    """The model versions that came earlier and that a model repeats, the earliest first, each once."""
    recipe = recipe_of(model.lineage)
    if recipe is None:
        return []
    earlier: dict[tuple[Any, ...], Made] = {}
    for other in sorted(known, key=lambda made: made.order):
        here = (other.endpoint, other.model) == (model.endpoint, model.model)
        if other.order > model.order or (here and other.lineage == model.lineage) or recipe_of(other.lineage) != recipe:
            continue
        if (other.endpoint, other.model, other.order) != (model.endpoint, model.model, model.order):
            earlier.setdefault((other.endpoint, other.model, _run(other.lineage)), other)
    return [_repeat(model, other) for other in earlier.values()]


def _repeat(model: Made, other: Made) -> Repeat:
    where = "" if other.endpoint == model.endpoint else f" of {other.endpoint}"
    what = f"{other.model}{where} (revision {other.revision})"
    same_run = _run(model.lineage) is not None and _run(model.lineage) == _run(other.lineage)
    if same_run:
        sentence = f"{model.model} is of the same run as {what}"
    else:
        sentence = f"{model.model} repeats {what}: the same data, code and parameters"
    return Repeat(
        endpoint=other.endpoint, model=other.model, revision=other.revision, same_run=same_run, sentence=sentence
    )


def _run(lineage: Lineage) -> Sequence[str | None] | None:
    run = lineage.run
    return None if run is None or run.id is None else (run.server, run.id)


def _meant(value: Any) -> Any:
    """A parameter as what it means: texts of numbers, truth values and lists are such, and 5.0 is 5."""
    match value:
        case str():
            return _of_text(value)
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _meant(item) for key, item in value.items()}
        case list():
            return [_meant(item) for item in value]
        case _:
            return value


def _of_text(text: str) -> Any:
    if text in _PYTHONS:
        return _PYTHONS[text]
    try:
        read = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text
    return text if isinstance(read, str) else _meant(read)
