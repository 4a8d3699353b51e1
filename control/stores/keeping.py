"""How long, and how much, the store keeps."""

from typing import NamedTuple


class Keeping(NamedTuple):
    """How long things are kept, in seconds, and how large samples and what shadows answered may get, in bytes. None: for ever."""

    samples: float | None = None
    windows: float | None = None
    size: int | None = None
