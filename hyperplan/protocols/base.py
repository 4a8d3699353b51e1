"""What a protocol is to Hyperplan: where the rows of a request and the predictions of an answer are.

Everything a protocol knows about bodies is in one module of this package, registered by name. A protocol holds no state
and reads plain JSON values; bytes, headers and paths are somebody else's business.
"""

from collections.abc import Sequence
from typing import Any

import msgspec


class Unreadable(ValueError):
    """A body that is JSON but not of the protocol; the message says what was expected and what is there."""


class Protocol:
    """Finds the rows of a request and the predictions of an answer in one wire format."""

    name: str

    def body_type(self, row: type[msgspec.Struct]) -> Any:
        """The msgspec type of a request whose rows are all of type `row`.

        It covers the protocol's common form. A good request in another form merely takes the slow way.
        """
        raise NotImplementedError

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        """The rows of a request decoded as `body_type`; empty when it has none."""
        raise NotImplementedError

    def rows(self, body: Any) -> list[Any]:
        """The rows of a request given as plain JSON values, whatever those rows may be.

        Raises:
            Unreadable: there are no rows where this protocol keeps them.
        """
        raise NotImplementedError

    def predictions(self, body: Any) -> list[Any]:
        """The predictions of an answer given as plain JSON values, one for each row.

        Raises:
            Unreadable: there are no predictions where this protocol keeps them.
        """
        raise NotImplementedError


def member(body: Any, key: str) -> Any:
    """The member of a JSON object, or Unreadable."""
    if not isinstance(body, dict):
        raise Unreadable(f"expected an object with {key!r} in it")
    if key not in body:
        raise Unreadable(f"{key!r} is missing")
    return body[key]


def filled_list(value: Any, name: str) -> list[Any]:
    """A JSON array with at least one item, or Unreadable."""
    if not isinstance(value, list):
        raise Unreadable(f"{name!r} must be a list")
    if not value:
        raise Unreadable(f"{name!r} is empty; send at least one row")
    return value


def rows_of_columns(columns: Any, name: str) -> list[dict[str, Any]]:
    """Rows out of a columnar object: each key a feature, each value the list of its values, one for each row."""
    if not isinstance(columns, dict) or not columns:
        raise Unreadable(f"{name!r} must be an object with a list of values for each feature")
    lengths = {len(column) if isinstance(column, list) else None for column in columns.values()}
    if len(lengths) != 1 or None in lengths or 0 in lengths:
        raise Unreadable(f"the columns of {name!r} must be lists of one length, at least 1")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
