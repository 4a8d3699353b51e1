"""The names of features and fields, as the words that people put them together from.

`surfaceAppartement`, `surface_appartement` and `SURFACE-APPARTEMENT` are the same words, written by different teams.
"""

import re

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case.

    >>> words_of("depDelay_min2"), words_of("HTTPStatus")
    (['dep', 'delay', 'min', '2'], ['http', 'status'])
    """
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", name))]
