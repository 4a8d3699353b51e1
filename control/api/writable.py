"""What clients sent, in a form that an answer of the API can hold."""

from typing import Any


def writable(value: Any) -> Any:
    """A value as JSON can write it. What clients sent may hold halves of surrogate pairs, which no encoder takes."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "replace").decode()
        case dict():
            return {str(writable(key)): writable(item) for key, item in value.items()}
        case list():
            return [writable(item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return repr(value)
