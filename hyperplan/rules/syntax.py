"""The expressions that a rule may be, read into a tree.

The engine that evaluates CEL keeps its tree to itself, and without one nothing could be said about an expression before it
meets a row. So it is read here too: the part of CEL without macros, maps, bytes, uints and times, which bounds what an
evaluation can cost by the length of the expression and of the row. What is read here is read alike by the engine
(https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax); a property test says so.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn, TypeAlias

LONGEST = 4000
"""Characters of an expression at most."""
MOST_NESTED = 30
"""Brackets, conditionals and signs inside one another at most. The engine's own limit is at 96 brackets."""
DEEPEST = 100
"""Operators inside one another at most; each term of a sum is inside the sum of those before it."""

MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
"""What walks over a list, and in it over others: nothing bounds what that costs."""

METHODS = {"contains": 2, "startsWith": 2, "endsWith": 2, "size": 1}
FUNCTIONS = {"double": 1, "int": 1, "size": 1}
"""What can be called, as a method of a value and by itself, and the number of its arguments."""

_TOKEN = re.compile(
    r"""
      (?P<space> (?: [\ \t\r\n\f] | //[^\n]* )+ )
    | (?P<string> [rR] (?: \"\"\" .*? \"\"\" | \'\'\' .*? \'\'\' | " [^"\r\n]* " | ' [^'\r\n]* ' )
                 | \"\"\" (?: [^\\] | \\. )*? \"\"\" | \'\'\' (?: [^\\] | \\. )*? \'\'\'
                 | " (?: [^"\\\r\n] | \\. )* " | ' (?: [^'\\\r\n] | \\. )* ' )
    | (?P<double> \d*\.\d+ (?: [eE][+-]?\d+ )? | \d+ [eE][+-]?\d+ )
    | (?P<int> 0[xX][0-9a-fA-F]+ | \d+ )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<sign> && | \|\| | == | != | <= | >= | [-<>+*/%!?:()\[\],.] )
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_BINARY = (("||",), ("&&",), tuple(_COMPARISONS), ("+", "-"), ("*", "/", "%"))
"""The operators, those that bind least first. All take their left side first."""

_HINTS = {
    "and": "CEL says &&",
    "or": "CEL says ||",
    "not": "CEL says !",
    "None": "CEL says null",
    "nil": "CEL says null",
    "True": "CEL says true",
    "False": "CEL says false",
    "if": "CEL says condition ? this : that",
    "else": "CEL says condition ? this : that",
    "=": "CEL compares with ==",
    "&": "CEL says &&",
    "|": "CEL says ||",
    "{": "a rule has no use for maps",
}

Literal: TypeAlias = str | int | float | bool | None


class BadSyntax(ValueError):
    """The expression is not one that a rule can be; the message says where, why and what to write instead."""

    def __init__(self, place: int, detail: str) -> None:
        super().__init__(detail)
        self.place = place


class Node(NamedTuple):
    """A part of an expression.

    `kind` is `literal`, `feature`, `list`, `index`, `call`, `?:` or an operator (`neg` is the sign), `value` what a literal
    is, or the name of a feature or function. `place` is where it is in the text, `text` what it says there. Parts that say
    the same have the same `shape`, wherever they are.
    """

    kind: str
    value: Literal
    parts: tuple["Node", ...]
    place: int
    text: str
    shape: int
    depth: int


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


def parse(expression: str) -> Node:
    """Read an expression.

    Raises:
        BadSyntax: it is none, or has parts that a rule must not have.
    """
    if len(expression) > LONGEST:
        raise BadSyntax(LONGEST, f"is longer than {LONGEST} characters; a rule that long is better off as a model")
    return _Parser(expression).whole()


def _tokens(expression: str) -> Iterator[_Token]:
    place = 0
    while place < len(expression):
        found = _TOKEN.match(expression, place)
        if found is None or found.lastgroup is None:
            _refuse_character(expression, place)
        if found.lastgroup != "space":
            yield _Token(found.lastgroup, found.group(), place)
        place = found.end()
    yield _Token("end", "", place)


def _refuse_character(expression: str, place: int) -> NoReturn:
    character = expression[place]
    if character in "\"'":
        raise BadSyntax(place, "the string that begins here does not end")
    hint = f"; {_HINTS[character]}" if character in _HINTS else ""
    raise BadSyntax(place, f"{character!r} does not belong into an expression{hint}")


class _Parser:
    """One reading of one expression, from left to right."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(_tokens(expression))
        self._next = 0
        self._nested = 0
        self._shapes: dict[tuple[object, ...], int] = {}

    def whole(self) -> Node:
        node = self._conditional()
        if self._token.kind != "end":
            self._refuse_token("an operator, or the end")
        return node

    # What binds least comes first.

    def _conditional(self) -> Node:
        begin = self._token
        condition = self._binary(0)
        if not self._take("?"):
            return condition
        self._deeper(begin)
        chosen = self._binary(0)
        self._expect(":")
        otherwise = self._conditional()
        self._nested -= 1
        return self._node("?:", None, (condition, chosen, otherwise), begin.place)

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        begin = self._token
        left = self._binary(level + 1)
        while self._token.kind in ("sign", "name") and self._token.text in _BINARY[level]:
            operator = self._advance().text
            left = self._node(operator, None, (left, self._binary(level + 1)), begin.place)
        return left

    def _unary(self) -> Node:
        begin = self._token
        for sign, kind in (("!", "!"), ("-", "neg")):
            if self._take(sign):
                if sign == "-" and self._token.kind in ("int", "double"):
                    return self._members(self._number("-"), begin)
                self._deeper(begin)
                operand = self._unary()
                self._nested -= 1
                return self._node(kind, None, (operand,), begin.place)
        return self._members(self._primary(), begin)

    def _members(self, node: Node, begin: _Token) -> Node:
        while True:
            if self._take("."):
                node = self._method(node, begin)
            elif self._take("["):
                index = self._nested_conditional(begin)
                self._expect("]")
                node = self._node("index", None, (node, index), begin.place)
            else:
                return node

    def _method(self, node: Node, begin: _Token) -> Node:
        name = self._token
        if name.kind != "name":
            self._refuse_token("a name")
        self._advance()
        if not self._take("("):
            detail = f"values have no fields here, so .{name.text} leads nowhere; features are written features.NAME"
            raise BadSyntax(name.place, detail)
        _refuse_unknown(name, METHODS, method=True)
        arguments = self._list(")", begin)
        return self._call(name, (node, *arguments), METHODS, begin)

    def _call(self, name: _Token, arguments: tuple[Node, ...], known: dict[str, int], begin: _Token) -> Node:
        if len(arguments) != known[name.text]:
            wanted = known[name.text] - (known is METHODS)
            given = len(arguments) - (known is METHODS)
            raise BadSyntax(name.place, f"{name.text}() takes {wanted} argument{'s' * (wanted != 1)}, not {given}")
        return self._node("call", name.text, arguments, begin.place)

    def _primary(self) -> Node:
        token = self._token
        if token.kind in ("int", "double"):
            return self._number("")
        if token.kind == "string":
            self._advance()
            return self._node("literal", string_of(token.text, token.place), (), token.place)
        if token.kind == "name" and token.text != "in":
            self._advance()
            return self._named(token)
        if self._take("("):
            node = self._nested_conditional(token)
            self._expect(")")
            return node
        if self._take("["):
            return self._node("list", None, self._list("]", token), token.place)
        return self._refuse_token("a value")

    def _named(self, token: _Token) -> Node:
        constants: dict[str, bool | None] = {"true": True, "false": False, "null": None}
        if token.text in constants:
            return self._node("literal", constants[token.text], (), token.place)
        if token.text == "features":
            return self._feature(token)
        if self._take("("):
            _refuse_unknown(token, FUNCTIONS, method=False)
            return self._call(token, self._list(")", token), FUNCTIONS, token)
        if self._token.kind == "string" and token.text in ("b", "B", "br", "bR", "Br", "BR", "rb"):
            raise BadSyntax(token.place, "a rule has no use for bytes; write a string")
        hint = _HINTS.get(token.text, f"a feature is features.{token.text}")
        raise BadSyntax(token.place, f"{token.text!r} is unknown; {hint}")

    def _feature(self, token: _Token) -> Node:
        """`features.NAME` or `features["name"]`: nothing else can be done with the features."""
        if self._take("."):
            name = self._token
            if name.kind != "name":
                self._refuse_token("the name of a feature")
            self._advance()
            if name.text in ("in", "true", "false", "null"):
                raise BadSyntax(name.place, f'{name.text} is a word of CEL; write features["{name.text}"]')
            if self._token.text == "(" and name.text in MACROS:
                _refuse_unknown(name, METHODS, method=True)
            return self._node("feature", name.text, (), token.place)
        if self._take("[") and self._token.kind == "string":
            name = self._advance()
            self._expect("]")
            return self._node("feature", string_of(name.text, name.place), (), token.place)
        raise BadSyntax(token.place, 'name a feature: features.NAME, or features["a name"]')

    def _number(self, sign: str) -> Node:
        token = self._advance()
        after = self._token
        if after.kind == "name" and after.place == token.place + len(token.text):
            detail = f"{token.text}{after.text} is no number" + "; write it without the u" * (after.text in ("u", "U"))
            raise BadSyntax(token.place, detail)
        value = float(sign + token.text) if token.kind == "double" else int(sign + token.text, _base(token.text))
        if not math.isfinite(value) or (isinstance(value, int) and not -(2**63) <= value < 2**63):
            raise BadSyntax(token.place, f"{token.text} is too large for {_article(token.kind)}")
        return self._node("literal", value, (), token.place - len(sign))

    def _list(self, end: str, begin: _Token) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._take(end):
            items.append(self._nested_conditional(begin))
            if not self._take(","):
                self._expect(end)
                break
        return tuple(items)

    def _nested_conditional(self, begin: _Token) -> Node:
        self._deeper(begin)
        node = self._conditional()
        self._nested -= 1
        return node

    # Tokens and nodes.

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._token
        self._next += 1
        return token

    def _take(self, sign: str) -> bool:
        if self._token.kind == "sign" and self._token.text == sign:
            self._next += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            self._refuse_token(repr(sign))

    def _refuse_token(self, expected: str) -> NoReturn:
        token = self._token
        got = repr(token.text) if token.text else "the end"
        hint = f"; {_HINTS[token.text]}" if token.text in _HINTS else ""
        raise BadSyntax(token.place, f"expected {expected}, got {got}{hint}")

    def _deeper(self, begin: _Token) -> None:
        self._nested += 1
        if self._nested > MOST_NESTED:
            raise BadSyntax(begin.place, f"nests more than {MOST_NESTED} deep; say it more simply, or make it a model")

    def _node(self, kind: str, value: Literal, parts: tuple[Node, ...], place: int) -> Node:
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > DEEPEST:
            raise BadSyntax(place, f"has more than {DEEPEST} operators in a row; make it a model")
        key = (kind, type(value), repr(value), *(part.shape for part in parts))
        shape = self._shapes.setdefault(key, len(self._shapes))
        last = self._tokens[self._next - 1]
        text = self._expression[place : last.place + len(last.text)]
        return Node(kind, value, parts, place, text, shape, depth)


def _refuse_unknown(name: _Token, known: dict[str, int], *, method: bool) -> None:
    if name.text in known:
        return
    if method and name.text in MACROS:
        detail = f"{name.text}() walks over a list, which nothing bounds; compare with in, or name each value"
    elif name.text == "has":
        detail = "has() is always true, since what a row leaves out is null; compare: features.x != null"
    elif name.text == "matches":
        detail = "matches() may take longer than a request has time; use startsWith(), endsWith(), contains() or in"
    else:
        names = ", ".join([*(f"x.{one}()" for one in METHODS), *(f"{one}(x)" for one in FUNCTIONS)])
        detail = f"{name.text}() is unknown; there are {names}"
    raise BadSyntax(name.place, detail)


_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|X[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)", re.DOTALL)


def string_of(token: str, place: int) -> str:
    """The string that a token writes.

    Raises:
        BadSyntax: it holds an escape that is none.
    """
    raw = token[0] in "rR"
    quoted = token[1:] if raw else token
    marks = 3 if quoted[:3] in ('"""', "'''") else 1
    inside = quoted[marks:-marks]
    return inside if raw else _ESCAPE.sub(lambda found: _escaped(found.group(1), place), inside)


def _escaped(code: str, place: int) -> str:
    if code in _ESCAPES:
        return _ESCAPES[code]
    if code in "\\?\"'`":
        return code
    if len(code) == 1:
        raise BadSyntax(place, f"\\{code} is no escape of CEL; for a backslash write two, or begin the string with r")
    number = int(code, 8) if code[0].isdigit() else int(code[1:], 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise BadSyntax(place, f"\\{code} is no character")
    return chr(number)


def _base(digits: str) -> int:
    return 16 if digits[:2].lower() == "0x" else 10


def _article(kind: str) -> str:
    return "an int, which has 64 bits; write it as a double, with .0" if kind == "int" else "a double"
