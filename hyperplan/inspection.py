"""A request body held against its endpoint: its rows, and everything that is wrong with them.

Good bodies take one decode and nothing else. What the decoder refuses is read again, slowly: with Python's own JSON
reader, which knows NaN and Infinity, so that a feature full of them is named instead of "malformed at byte 1042".
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal

import msgspec

from hyperplan.protocols import MOST_ROWS, Body, Protocol, Unreadable
from hyperplan.schema import RowType, Schema, Violation, violations_of

Flaw = Literal["empty", "too_large", "encoding", "not_json", "too_deep", "no_rows"]
"""Why a body has no rows to check: it is empty, or larger than the endpoint allows, or compressed or not UTF-8, or not JSON, or nests too deep, or its rows
are not where the protocol keeps them, or more than `MOST_ROWS`."""

LISTED = 1000
"""Violations listed for one body at most; a body of 100,000 bad rows needs no longer list."""

SPARSE = 100_000
"""Fields that decoded rows may have at least. A decoded row has room for each feature, sent or not, so that a body of a
million empty rows would grow a thousandfold; a body that cannot fill its rows is read slowly, at what it holds."""


class Inspection:
    """What one body holds.

    `rows` are plain dicts, or structs of the schema's row type when `violations` is empty. A body with a `flaw` has no
    rows; `detail` then says in words what is wrong.
    """

    __slots__ = ("_row_type", "detail", "flaw", "rows", "violations")

    def __init__(
        self,
        row_type: RowType,
        rows: Sequence[Any] = (),
        violations: Sequence[Violation] = (),
        flaw: Flaw | None = None,
        detail: str = "",
    ) -> None:
        self._row_type = row_type
        self.rows = rows
        self.violations = violations
        self.flaw = flaw
        self.detail = detail

    def first(self, feature: str) -> Any:
        """The value of a feature in the first row, under its name or an alias; None when there is none."""
        if not self.rows:
            return None
        row = self.rows[0]
        if isinstance(row, msgspec.Struct):
            return self._row_type.value(row, feature)
        if not isinstance(row, dict):
            return None
        return next((row[key] for key in (feature, *self._row_type.aliases.get(feature, ())) if key in row), None)

    def plain_rows(self, most: int) -> list[Any]:
        """The first rows, so many at most, as JSON values."""
        rows = self.rows[:most]
        return [self._row_type.as_dict(row) if isinstance(row, msgspec.Struct) else row for row in rows]


class Inspector:
    """A schema and a protocol, compiled to inspect bodies."""

    def __init__(self, schema: Schema, protocol: Protocol) -> None:
        self._schema = schema
        self._protocol = protocol
        self._row_type = RowType(schema)
        self._width = len(self._row_type.struct.__struct_fields__)
        self._small = SPARSE // max(1, self._width)
        self._decoder = msgspec.json.Decoder(protocol.body_type(self._row_type))

    def inspect(self, body: bytes, json_length: int | None = None) -> Inspection:
        """Hold a body against the schema. Never raises, whatever the body.

        `json_length` says how many bytes of it are JSON, where binary data follows.
        """
        if json_length is not None:
            return self._inspect_slowly(body, json_length)
        if len(body) > self._small and body.count(b"{") * self._width > max(len(body), SPARSE):
            return self._inspect_slowly(body)
        try:
            if not body.isascii():
                body.decode()  # the decoder reads past what nobody declared, well encoded or not
            rows = self._protocol.decoded_rows(self._decoder.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rows = ()
        return Inspection(self._row_type, rows) if 0 < len(rows) <= MOST_ROWS else self._inspect_slowly(body)

    def flawed(self, flaw: Flaw, detail: str) -> Inspection:
        """The inspection of a body that nobody could or should read."""
        return Inspection(self._row_type, flaw=flaw, detail=detail)

    def _inspect_slowly(self, body: bytes, json_length: int | None = None) -> Inspection:
        if not body:
            return self.flawed("empty", "the body is empty")
        try:
            rows = self._protocol.rows(self._protocol.loaded(Body(body, json_length=json_length)))
            violations = list(islice(violations_of(self._schema, rows), LISTED))
        except UnicodeDecodeError as error:
            return self.flawed("encoding", f"the body is not UTF-8: {error.reason} at byte {error.start}")
        except RecursionError:
            return self.flawed("too_deep", "the body nests too deep")
        except Unreadable as error:
            return self.flawed("no_rows", f"not a {self._protocol.name} request: {error}")
        except ValueError as error:
            return self.flawed("not_json", f"the body is not JSON: {error}")
        return Inspection(self._row_type, rows, violations)
