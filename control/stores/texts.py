"""Text as every database can hold it."""


def storable_text(text: str) -> str:
    """Text that UTF-8 can hold, without NUL: half a surrogate pair, which JSON lets through, and NUL become question marks."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def optional_text(text: str | None) -> str | None:
    """The same of a text that may be missing."""
    return None if text is None else storable_text(text)
