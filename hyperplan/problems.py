"""What is wrong with something a person wrote, and where.

Bad input is answered with *everything* that is wrong with it, so checks collect `Problem`s and raise `Invalid` once, at
the end, instead of raising at the first.
"""

from collections.abc import Iterable

import msgspec


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a document.

    `pointer` says where, as a JSON Pointer (RFC 6901); the empty pointer is the whole document. `detail` says what is
    wrong and how to cure it. `line` (from 1) is known when the document came as YAML text.
    """

    pointer: str
    detail: str
    line: int | None = None

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        return ": ".join(part for part in (line, self.pointer, self.detail) if part)


class Invalid(ValueError):
    """A document was refused; `problems` lists every reason, never empty."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def pointer(*parts: str | int) -> str:
    """The JSON Pointer of a path of keys and indices.

    >>> pointer("models", "a/b@1", 0)
    '/models/a~1b@1/0'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
