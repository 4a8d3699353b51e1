"""Text as the database can hold it."""


def storable_text(text: str) -> str:
    """Text that UTF-8 can hold: a half of a surrogate pair, which JSON lets through, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def optional_text(text: str | None) -> str | None:
    """The same of a text that may be missing."""
    return None if text is None else storable_text(text)
