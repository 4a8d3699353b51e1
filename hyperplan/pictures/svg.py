"""Writing SVG elements: everything that comes from outside is escaped, and characters that XML does not have are replaced."""

import re
from html import escape

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

MINUS = "\N{MINUS SIGN}"
"""As wide as a plus sign and a digit, unlike a hyphen."""


def element(name: str, *children: str, **attributes: object) -> str:
    """An element. Children are elements, or text from `text`; `_` in the names of attributes stands for `-`, one at the end for nothing.

    >>> element("g", text("a < b"), class_="tick", stroke_width=1.50)
    '<g class="tick" stroke-width="1.5">a &lt; b</g>'
    """
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    inside = "".join(children)
    return f"<{name}{said}>{inside}</{name}>" if inside else f"<{name}{said}/>"


def text(words: str) -> str:
    """Text as it stands in an element."""
    return escape(clean(words), quote=False)


def clean(words: str) -> str:
    """Text without what XML cannot hold (XML 1.0, section 2.2)."""
    return _NO_XML.sub("\ufffd", words)


def _value(value: object) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) else escape(clean(str(value)))


def shortened(words: str, most: int) -> str:
    """Text of at most so many characters, cut in the middle: names differ at both ends.

    >>> shortened("departure_delay_minutes", 11)
    'depar…nutes'
    """
    if len(words) <= most:
        return words
    half = (most - 1) // 2
    return f"{words[: most - 1 - half]}…{words[-half:]}"


def number(value: float) -> str:
    """A number as it stands on an axis, in few characters.

    >>> [number(value) for value in (0.0, 0.25, 1200.0, 84000.0, 2.5e6, 1e-7)]
    ['0', '0.25', '1,200', '84k', '2.5M', '1e-7']
    """
    size = abs(value)
    if size >= 1e15 or (0 < size < 1e-4):
        written = re.sub(r"e([+-])0*", lambda found: "e" + found[1].replace("+", ""), f"{size:.3g}")
    else:
        unit, name = next(
            ((unit, name) for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")) if size >= unit),
            (1.0, ""),
        )
        unit = 1e3 if name == "k" else unit
        written = f"{float(f'{size / unit:.4g}'):,.10g}{name}"
    return f"{MINUS}{written}" if value < 0 else written


def percent(share: float) -> str:
    """A share as percent. What is not zero never looks like it."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.3g} %" if share < 0.1 else f"{share * 100:.0f} %"
