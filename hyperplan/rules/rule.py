"""A rule: a model that is an expression over the features of a row.

Rules are written in CEL, the Common Expression Language (https://cel.dev). `problems_of_rule` holds one against the schema
whose rows it will see, and what passes there fails on no row that the schema accepts: the expression is analysed over all of
them, and tried on some.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from hyperplan.rules.analysis import Fault, analyse
from hyperplan.rules.engine import EngineFailed, compile_expression, execute
from hyperplan.rules.syntax import BadSyntax, Node, parse
from hyperplan.rules.trial import rows_to_try
from hyperplan.rules.values import LARGEST, NUMBERS, Value, clamped, parts_of
from hyperplan.schema import AnyFeature, Int, Schema, finite

if TYPE_CHECKING:
    from hyperplan.endpoint import Task

Prediction: TypeAlias = float | int | str | list[float]


class RuleFailed(ValueError):
    """A rule has no prediction for a row, which then breaks the schema; the message says which row, and why."""


class Rule:
    """An expression that passed its checks, ready to predict.

    A row's features are doubles, ints, booleans, strings and lists of doubles, as the schema says; what is absent is null.
    """

    def __init__(self, expression: str, schema: Schema, task: "Task") -> None:
        """Compile a rule.

        Raises:
            BadSyntax, EngineFailed: it is no expression; `problems_of_rule` says so in words for whoever wrote it.
        """
        used = _features_in(parse(expression))
        self._program = compile_expression(expression)
        self._features = [(name, feature) for name, feature in schema.features.items() if name in used]
        self._outcome = _OUTCOMES[task]

    def predict(self, rows: Iterable[Any], first: int = 0) -> list[Prediction]:
        """A prediction for each row, given as plain JSON values: a number from 0 to 1 for a binary task, any finite number for a
        regression, and for a multiclass task a label or a list of probabilities.

        Raises:
            RuleFailed: there is none for a row.
        """
        return [self._predict(index, row) for index, row in enumerate(rows, first)]

    def _predict(self, index: int, row: Any) -> Prediction:
        if not isinstance(row, Mapping):
            raise RuleFailed(f"row {index} is no object with a key for each feature")
        try:
            return self._outcome(
                execute(self._program, {name: _given(f, _found(row, name, f)) for name, f in self._features})
            )
        except (EngineFailed, _Unfit) as error:
            raise RuleFailed(f"row {index}: {error}") from None


class _Unfit(ValueError):
    """A value that a rule cannot be given, or must not give."""


def _found(row: Mapping[str, Any], name: str, feature: AnyFeature) -> Any:
    """The value of a feature, under its name or an alias; None if it is absent."""
    if name in row:
        return row[name]
    return next((row[alias] for alias in feature.aliases if alias in row), None)


def _given(feature: AnyFeature, value: Any) -> Any:
    """A value as the engine gets it."""
    if value is None or isinstance(value, str | bool):
        return value
    number = finite(value)
    if number is not None:
        return clamped(int(number)) if isinstance(feature, Int) and number.is_integer() else number
    if isinstance(value, list):
        numbers = [finite(item) for item in value]
        if None not in numbers:
            return numbers
    raise _Unfit("a feature is neither text nor a number nor a list of numbers")


def _probability(result: Any) -> float:
    if isinstance(result, int | float) and 0 <= result <= 1:  # true is 1, false is 0
        return float(result)
    raise _Unfit(f"{_shown(result)} is no probability")


def _number(result: Any) -> float:
    if isinstance(result, bool) or not isinstance(result, int | float) or math.isnan(result):
        raise _Unfit(f"{_shown(result)} is no number")
    return max(-LARGEST, min(LARGEST, float(result)))


def _class(result: Any) -> int | str | list[float]:
    if isinstance(result, list) and result:
        return [_probability(item) for item in result]
    if isinstance(result, int | str) and not isinstance(result, bool):
        return result
    raise _Unfit(f"{_shown(result)} is neither a label nor a list of probabilities")


_OUTCOMES: Mapping[str, Callable[[Any], Prediction]] = {
    "binary": _probability,
    "regression": _number,
    "multiclass": _class,
}


def _shown(result: Any) -> str:
    return "null" if result is None else repr(result)[:40]


# Checking.


def problems_of_rule(expression: str, schema: Schema, task: "Task") -> Sequence[str]:
    """Everything that is wrong with a rule: where, what, and what to write instead. Nothing, if it is sound.

    Every process that reads a plan asks this of every rule, so what was said of the same rule before is kept.
    """
    return _problems(expression, msgspec.json.encode(schema.features), task)


@functools.lru_cache(maxsize=1024)
def _problems(expression: str, features: bytes, task: "Task") -> Sequence[str]:
    schema = Schema(features=msgspec.json.decode(features, type=dict[str, AnyFeature]))
    try:
        root = parse(expression)
    except BadSyntax as error:
        return (_located(expression, Fault(error.place, str(error))),)
    analysis = analyse(root, schema.features)
    faults = analysis.faults or tuple(_unfit(root, analysis.result, task))
    found = [_located(expression, fault) for fault in faults]
    if _features_in(root) <= schema.features.keys():
        found += _tried(expression, root, schema, task, told=bool(found))
    return tuple(found)


def _tried(expression: str, root: Node, schema: Schema, task: "Task", *, told: bool) -> Iterable[str]:
    """The first row, out of those at the edges of the schema, on which a rule fails."""
    try:
        rule = Rule(expression, schema, task)
    except EngineFailed as error:
        yield f"the engine does not understand it: {error}"
        return
    for row in rows_to_try(root, schema):
        try:
            rule.predict([row])
        except RuleFailed as error:
            shown = msgspec.json.encode(row).decode()
            if told:
                yield f"so it fails on the row {shown}"
            else:
                yield f"fails on the row {shown}: {str(error).removeprefix('row 0: ')}; say it in another way"
            return


def _unfit(root: Node, result: Value, task: "Task") -> Iterable[Fault]:
    """Why what a rule comes to is no answer to the task."""
    can_be = " or ".join(parts_of(result))
    if result.kinds <= NUMBERS:
        can_be += f" from {result.low:.15g} to {result.high:.15g}"
    if "null" in result.kinds:
        yield Fault(root.place, f"may come to null; say what it is then: {root.text} != null ? {root.text} : 0.5")
    elif task == "binary" and not (result.kinds <= {"bool"} or _are_probabilities(result)):
        detail = "the task is binary, so a rule must give a probability from 0 to 1, or true or false; this may give"
        yield Fault(root.place, f"{detail} {can_be}; bound it with condition ? 0.9 : 0.1")
    elif task == "regression" and not result.kinds <= NUMBERS:
        yield Fault(root.place, f"the task is regression, so a rule must give a number; this may give {can_be}")
    elif task == "multiclass" and not _is_class(result):
        detail = "the task is multiclass, so a rule must always give a string, or an int, or as many probabilities"
        yield Fault(root.place, f"{detail}; this may give {can_be}")


def _are_probabilities(value: Value) -> bool:
    return value.kinds <= NUMBERS and value.low >= 0 and value.high <= 1


def _is_class(result: Value) -> bool:
    if result.kinds == {"list"}:
        return result.length > 0 and result.item is not None and _are_probabilities(result.item)
    return result.kinds in ({"string"}, {"int"})


def _features_in(root: Node) -> set[str]:
    """The names of the features that an expression reads."""
    waiting, found = [root], set()
    while waiting:
        node = waiting.pop()
        waiting += node.parts
        if node.kind == "feature":
            found.add(str(node.value))
    return found


def _located(expression: str, fault: Fault) -> str:
    before = expression[: fault.place]
    line, column = before.count("\n") + 1, fault.place - before.rfind("\n")
    where = f"line {line}, column {column}" if "\n" in expression.strip() else f"column {column}"
    return f"{where}: {fault.detail}"
