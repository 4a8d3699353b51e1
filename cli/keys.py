"""The key that personal values are hashed with, from a file or the environment; never from the command line, which others can see."""

from collections.abc import Mapping
from pathlib import Path

from cli.failure import Failure
from cli.texts import read_text
from hyperplan.secret import Secret

KEY = "HYPERPLAN_KEY"


def read_secret(file: Path | None, environment: Mapping[str, str]) -> Secret | None:
    """The key, if there is one.

    Raises:
        Failure: the file cannot be read, or what is there is no key.
    """
    text = environment.get(KEY) if file is None else read_text(file)
    if not text and file is None:
        return None
    try:
        return Secret((text or "").encode())
    except ValueError as error:
        place = KEY if file is None else f"--key-file {file}"
        raise Failure(f"{place} holds no key: it {error}") from None
