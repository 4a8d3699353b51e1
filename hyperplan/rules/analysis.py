"""What an expression can come to, and where it could fail, over all rows that a schema accepts.

An abstract interpretation (Cousot and Cousot 1977): each part is computed with sets of values in place of values. A
condition narrows what holds behind it, so that `features.x != null && features.x > 3.0` is found sound, and so is
`features.n > 0 ? 100 / features.n : 0`. What passes can fail on no row that meets the schema; what is refused might be
sound for a reason that is beyond this, and can always be said in a way that is not.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from hyperplan.rules import values
from hyperplan.rules.syntax import Node
from hyperplan.rules.values import BOOL, NOTHING, NULL, NUMBERS, Undefined, Value
from hyperplan.schema import AnyFeature

Known = dict[int, Value]
"""What is known of parts of the expression, by their shape."""

_ARITHMETIC: Mapping[str, Callable[[Value, Value], Value]] = {
    "+": values.added,
    "-": values.subtracted,
    "*": values.multiplied,
    "/": values.divided,
    "%": values.remaining,
}
_ORDER = ("<", "<=", ">", ">=")
_COMPARISONS = frozenset({*_ORDER, "==", "!=", "in"})
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Fault(NamedTuple):
    """What may fail: where in the text, and why and how to prevent it."""

    place: int
    detail: str


class Analysis(NamedTuple):
    """What an expression can come to, and everything in it that may fail."""

    result: Value
    faults: tuple[Fault, ...]


def analyse(root: Node, features: Mapping[str, AnyFeature]) -> Analysis:
    """Analyse an expression over the rows of a schema."""
    analysis = _Analysis(features)
    result = analysis.value(root, {})
    return Analysis(result, tuple(sorted(analysis.faults)))


class _Analysis:
    def __init__(self, features: Mapping[str, AnyFeature]) -> None:
        self._features = features
        self.faults: set[Fault] = set()
        self._seen: dict[tuple[int, int], Value] = {}
        self._narrowed: dict[tuple[int, int, bool], Known] = {}
        self._kept: list[object] = []
        """What is remembered by its identity, which must not pass to another."""

    def value(self, node: Node, known: Known) -> Value:
        """The set of what a part can come to. Each part is looked at once for what is known there: nesting costs nothing."""
        if node.shape in known:
            return known[node.shape]
        key = (id(node), id(known))
        if key not in self._seen:
            self._kept.append(known)
            self._seen[key] = self._compute(node, known)
        return self._seen[key]

    def _compute(self, node: Node, known: Known) -> Value:
        match node.kind:
            case "literal":
                return values.constant(node.value)
            case "feature":
                return self._feature(node)
            case "list":
                items = values.join(self.value(part, known) for part in node.parts)
                return Value(frozenset({"list"}), length=len(node.parts), item=items)
            case "?:":
                return self._conditional(node, known)
            case "&&" | "||":
                left, right = node.parts
                self._expect(left, self.value(left, known), {"bool"}, f"{node.kind} joins conditions")
                behind = self._narrow(left, known, holds=node.kind == "&&")
                self._expect(right, self.value(right, behind), {"bool"}, f"{node.kind} joins conditions")
                return BOOL
            case "!":
                self._expect(node.parts[0], self.value(node.parts[0], known), {"bool"}, "! turns a condition around")
                return BOOL
            case "neg":
                return self._negative(node, known)
            case "call":
                return self._call(node, known)
            case "index":
                return self._item(node, known)
            case kind if kind in _COMPARISONS:
                return self._comparison(node, known)
            case _:
                return self._arithmetic(node, known)

    def _feature(self, node: Node) -> Value:
        feature = self._features.get(str(node.value))
        if feature is not None:
            return values.of_feature(feature)
        return self._fail(node, f"{node.value!r} is no feature of the schema; there are {', '.join(self._features)}")

    def _conditional(self, node: Node, known: Known) -> Value:
        condition, chosen, otherwise = node.parts
        self._expect(condition, self.value(condition, known), {"bool"}, "? : asks for a condition")
        return values.join(
            (
                self.value(chosen, self._narrow(condition, known, holds=True)),
                self.value(otherwise, self._narrow(condition, known, holds=False)),
            )
        )

    def _negative(self, node: Node, known: Known) -> Value:
        operand = self.value(node.parts[0], known)
        if not self._expect(node.parts[0], operand, NUMBERS, "- takes a number"):
            return NOTHING
        return self._defined(node, lambda: values.negated(operand))

    def _arithmetic(self, node: Node, known: Known) -> Value:
        left, right = (self.value(part, known) for part in node.parts)
        takes = f"{node.kind} takes numbers" if node.kind != "%" else "% takes ints"
        wanted = NUMBERS if node.kind != "%" else frozenset({"int"})
        sound = [self._expect(part, side, wanted, takes) for part, side in zip(node.parts, (left, right), strict=True)]
        if not all(sound) or not left.kinds or not right.kinds:
            return NOTHING
        if len(left.kinds | right.kinds) > 1:
            return self._fail(node, f"mixes an int with a double, which CEL does not; {self._unmixing(node, known)}")
        if node.kind in "/%" and right.has_zero:
            zero, divisor = "0" if "int" in right.kinds else "0.0", node.parts[1].text
            detail = f"may divide by 0; check it first: {divisor} != {zero} ? {node.text} : ..."
            return self._fail(node, detail)
        return self._defined(node, lambda: _ARITHMETIC[node.kind](left, right))

    def _unmixing(self, node: Node, known: Known) -> str:
        """How to make doubles of both sides."""
        cures = []
        for part in node.parts:
            if "int" not in self.value(part, known).kinds:
                continue
            literal = part.kind == "literal" and isinstance(part.value, int)
            cures.append(f"{part.value}.0" if literal else f"double({part.text})")
        return "write " + " and ".join(cures)

    def _comparison(self, node: Node, known: Known) -> Value:
        left, right = (self.value(part, known) for part in node.parts)
        if node.kind == "in":
            self._expect(node.parts[1], right, {"list"}, "in looks into a list")
        elif node.kind in _ORDER and left.kinds and right.kinds:
            wanted = {"string"} if "string" in left.kinds | right.kinds else NUMBERS
            what = f"{node.kind} compares numbers with numbers and strings with strings"
            for part, side in zip(node.parts, (left, right), strict=True):
                self._expect(part, side, wanted, what)
        return BOOL

    def _call(self, node: Node, known: Known) -> Value:
        operands = [self.value(part, known) for part in node.parts]
        what = f"{node.value}() takes {'numbers' if node.value in ('int', 'double') else 'strings'}"
        match node.value:
            case "int" | "double":
                if not self._expect(node.parts[0], operands[0], NUMBERS, what) or not operands[0].kinds:
                    return NOTHING
                convert = values.as_int if node.value == "int" else values.as_double
                return self._defined(node, lambda: convert(operands[0]))
            case "size":
                what = "size() takes a string or a list"
                if not self._expect(node.parts[0], operands[0], {"string", "list"}, what):
                    return NOTHING
                return values.ints(0, values.SAFE)
            case _:
                for part, operand in zip(node.parts, operands, strict=True):
                    self._expect(part, operand, {"string"}, what)
                return BOOL

    def _item(self, node: Node, known: Known) -> Value:
        whole, index = (self.value(part, known) for part in node.parts)
        sound = self._expect(node.parts[0], whole, {"list"}, "[...] takes an item out of a list")
        if not (
            self._expect(node.parts[1], index, {"int"}, "an index is an int") and sound and whole.kinds and index.kinds
        ):
            return NOTHING
        if whole.length < 0 or not 0 <= index.low <= index.high < whole.length:
            last = f"from 0 to {whole.length - 1}" if whole.length > 0 else "of a list whose length is known"
            return self._fail(node, f"may lead outside the list; an index must be {last}")
        return whole.item or NOTHING

    # What may fail.

    def _expect(self, node: Node, value: Value, kinds: frozenset[str] | set[str], what: str) -> bool:
        """Whether a part is always of some of the kinds; if not, say what else it may be."""
        if value.kinds <= kinds:
            return True
        if "null" in value.kinds and (value.kinds - NULL) <= kinds:
            self._fail(node, f"{node.text} may be null here, and {what}; check it first: {node.text} != null && ...")
        else:
            self._fail(node, f"{what}, but {node.text} may be {' or '.join(values.parts_of(value))}")
        return False

    def _defined(self, node: Node, compute: Callable[[], Value]) -> Value:
        try:
            return compute()
        except Undefined as error:
            return self._fail(node, f"{node.text} {error}")

    def _fail(self, node: Node, detail: str) -> Value:
        self.faults.add(Fault(node.place, detail))
        return NOTHING

    # What a condition says.

    def _narrow(self, condition: Node, known: Known, *, holds: bool) -> Known:
        """What is known where a condition holds, or where it does not."""
        key = (id(condition), id(known), holds)
        if key not in self._narrowed:
            self._kept.append(known)
            self._narrowed[key] = self._narrowing(condition, known, holds)
        return self._narrowed[key]

    def _narrowing(self, condition: Node, known: Known, holds: bool) -> Known:
        if condition.kind == "!":
            return self._narrow(condition.parts[0], known, holds=not holds)
        if condition.kind == ("&&" if holds else "||"):
            left, right = condition.parts
            return self._narrow(right, self._narrow(left, known, holds=holds), holds=holds)
        operator = condition.kind if holds else _OPPOSITE.get(condition.kind)
        if operator not in _COMPARISONS:
            return known
        return known | dict(self._sides(condition, operator, known))

    def _sides(self, comparison: Node, operator: str, known: Known) -> Iterator[tuple[int, Value]]:
        left, right = comparison.parts
        yield left.shape, values.compared(self.value(left, known), operator, self.value(right, known))
        if operator in _MIRRORED:
            yield right.shape, values.compared(self.value(right, known), _MIRRORED[operator], self.value(left, known))
