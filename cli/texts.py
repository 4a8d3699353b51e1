"""Reading and writing the files that a command is given, with errors that name them."""

import sys
from pathlib import Path

from cli.failure import Failure


def read_text(path: Path) -> str:
    """The text of a file; `-` is standard input.

    Raises:
        Failure: it cannot be read, or is not UTF-8.
    """
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"{named(path)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Failure(f"{named(path)} is not UTF-8: {error.reason} at byte {error.start}") from None


def named(path: Path) -> str:
    """The file as messages name it."""
    return "standard input" if str(path) == "-" else str(path)


def write_text(path: Path, text: str) -> None:
    """Write a file, and the folders that it needs.

    Raises:
        Failure: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
