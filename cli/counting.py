"""Counts in words: 1 sample, 2,000 samples."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and what is counted, in the number that it has.

    >>> counted(1, "sample"), counted(2000, "sample"), counted(0, "answer of shadows", "answers of shadows")
    ('1 sample', '2,000 samples', '0 answers of shadows')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
