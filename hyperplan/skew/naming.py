"""What two names say about whether they mean the same: one of four witnesses to a rename.

Names are compared as the words they are made of, whoever wrote them: `dep_delay`, `depDelay` and `DEP-DELAY` are the same, `dist` shortens
`distance`, and `appartement` is how somebody else spells `apartment`. Words that say nothing about the thing (`value`, `column`, a unit) are passed
over. Two names that share words and differ in others, as `wind_speed` and `wind_gust` or `meter_1` and `meter_2`, are those of siblings: people
give them to things that are *not* the same. Translations are beyond this.

What is said is a log likelihood ratio in nats: how much likelier such a pair is for a rename than for two things. The figures are judgements, not
measurements, and small beside what 200 rows of values say, but for names that are equal.
"""

from difflib import SequenceMatcher
from itertools import permutations

from hyperplan.names import words_of
from hyperplan.schema.inference import UNITS

EQUAL = 7.0
"""The same words, or the same letters."""
ALIKE = 5.0
"""The same words, some of them shortened or spelled otherwise."""
PART = 2.0
"""The words of one are among those of the other."""
SILENT = 0.0
"""One of the names says nothing: `column_17`."""
UNLIKE = -1.5
"""No word in common: a translation, or another thing."""
SIBLINGS = -3.0
"""Words in common, and others that differ."""

EMPTY = frozenset(
    (
        *(
            "a",
            "an",
            "the",
            "of",
            "is",
            "has",
            "val",
            "value",
            "values",
            "field",
            "feature",
            "col",
            "column",
            "var",
            "variable",
            "attr",
        ),
        *(
            "attribute",
            "data",
            "raw",
            "new",
            "old",
            "orig",
            "original",
            "num",
            "number",
            "key",
            "item",
            "input",
            "x",
            "y",
            "v",
            "f",
            "c",
        ),
        *UNITS,
    )
)
"""Words that do not say what is meant."""
SHORTEST = 3
"""Letters that an abbreviation has."""
SPELLED = 0.8
"""How similar words of at least `LONG` letters that begin alike must be to be one word, spelled otherwise (Ratcliff and Obershelp)."""
LONG = 6
MOST_WORDS = 5


def alike(one: str, other: str) -> float:
    """The evidence of two names, in nats.

    >>> alike("dep_delay", "depDelay"), alike("distance", "dist"), alike("surfaceAppartement", "apartmentSurface")
    (7.0, 5.0, 5.0)
    >>> alike("wind_speed", "wind_gust"), alike("meter_1", "meter_2"), alike("ghi", "column_17"), alike("ghi", "dni")
    (-3.0, -3.0, 0.0, -1.5)
    """
    words, others = words_of(one), words_of(other)
    if "".join(words) == "".join(others):
        return EQUAL
    words, others = _telling(words), _telling(others)
    if not any(map(str.isalpha, words)) or not any(map(str.isalpha, others)):
        return SILENT
    if sorted(words) == sorted(others) or "".join(words) == "".join(others):
        return EQUAL
    few, many = sorted((words, others), key=len)
    if len(many) > MOST_WORDS:
        few, many = few[:MOST_WORDS], many[:MOST_WORDS]
    if any(all(map(_one_word, few, order)) for order in permutations(many, len(few))):
        return ALIKE if len(few) == len(many) else PART
    return SIBLINGS if any(_one_word(word, another) for word in few for another in many) else UNLIKE


def _telling(words: list[str]) -> list[str]:
    return [word for word in words if word not in EMPTY]


def _one_word(one: str, other: str) -> bool:
    """Whether two words are the same, one an abbreviation of the other, or both spellings of one."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if not short.isalpha() or short[0] != long[0]:
        return _spelled_otherwise(one, other)
    return (len(short) >= SHORTEST and _shortens(short, long)) or _spelled_otherwise(one, other)


def _shortens(short: str, long: str) -> bool:
    """Whether the letters of one word come in the other in their order: `dist` and `dstn` in `distance`."""
    letters = iter(long)
    return len(short) < len(long) and all(letter in letters for letter in short)


def _spelled_otherwise(one: str, other: str) -> bool:
    if min(len(one), len(other)) < LONG or one[0] != other[0]:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= SPELLED
