"""The frame of a picture: what it is of, who is which colour, the drawing, and what has no place in a drawing, as missing values."""

import hashlib
from datetime import UTC, datetime

import msgspec

from hyperplan.pictures import categories, numbers
from hyperplan.pictures.numbers import Frame
from hyperplan.pictures.svg import element, percent, shortened, text
from hyperplan.profile import FeatureProfile, Numbers

WIDTH, HEIGHT = 480, 240
_PLOT, _BARS = Frame(52.0, 60.0, 460.0, 196.0), Frame(52.0, 58.0, 466.0, 212.0)

_STYLE = """
.hp{color:var(--hyperplan-ink,#1a2130);font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
font-variant-numeric:tabular-nums;--t:var(--hyperplan-training,#8b93a3);--s:var(--hyperplan-serving,#4457d6);
--q:var(--hyperplan-quiet,#5a6478);--l:var(--hyperplan-line,#dfe3eb)}
@media (prefers-color-scheme:dark){.hp{color:var(--hyperplan-ink,#e7eaf1);--t:var(--hyperplan-training,#a0a9b9);
--s:var(--hyperplan-serving,#8593ff);--q:var(--hyperplan-quiet,#9ba5b7);--l:var(--hyperplan-line,#2b313d)}}
.hp text{fill:currentColor}.hp .name{font-size:14px;font-weight:600}.hp .quiet{fill:var(--q)}.hp .small{font-size:10px}
.hp .end{text-anchor:end}.hp .middle{text-anchor:middle}.hp .line{stroke:var(--l)}.hp .floor{stroke:var(--q)}
.hp path.training,.hp rect.training{fill:var(--t);fill-opacity:.5}.hp rect.serving{fill:var(--s);fill-opacity:.85}
.hp path.serving{fill:var(--s);fill-opacity:.28;stroke:var(--s);stroke-width:1.6;stroke-linejoin:round}
"""


class Caption(msgspec.Struct, frozen=True):
    """What the picture says beside the drawing: the feature, its unit, and when what is wrong with it began (nanoseconds since 1970)."""

    name: str
    unit: str | None = None
    onset: int | None = None


def picture_of(training: FeatureProfile, serving: FeatureProfile, caption: Caption) -> str:
    """The picture of a feature in training and as it is served, `WIDTH` by `HEIGHT`, as an SVG document."""
    served = f"served since {_moment(caption.onset)}" if caption.onset is not None else "served"
    drawing, words = _drawn(training, serving, caption)
    unit = f" in {caption.unit}" if caption.unit else ""
    title = f"{caption.name}{unit}: training and {served}"
    description = f"Training: {_counted(training)}, {words[0]}. {served[:1].upper()}{served[1:]}: {_counted(serving)}, {words[1]}."
    note = _note(training, serving)
    if note:
        description += f" {note[:1].upper()}{note[1:]}."
    key = hashlib.blake2b((title + description).encode("utf-8", "replace"), digest_size=6).hexdigest()
    return element(
        "svg",
        element("title", text(title), id=f"t{key}"),
        element("desc", text(description), id=f"d{key}"),
        f"<style>{''.join(_STYLE.splitlines())}</style>",
        element("text", text(shortened(caption.name, 48)), x=12, y=22, class_="name"),
        _key(f"training, {_counted(training)}", "training", 12.0),
        _key(f"{served}, {_counted(serving)}", "serving", 190.0),
        drawing,
        element("text", text(shortened(note, 82)), x=12, y=HEIGHT - 12, class_="quiet"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        class_="hp",
        role="img",
        aria_labelledby=f"t{key} d{key}",
    )


def _drawn(training: FeatureProfile, serving: FeatureProfile, caption: Caption) -> tuple[str, tuple[str, str]]:
    """The drawing, and each side in words."""
    before, now = _numbers(training), _numbers(serving)
    texts = [bool(profile.values and profile.values.total()) or bool(profile.unseen) for profile in (training, serving)]
    if before.moments.count or (now.moments.count and not texts[0]):
        return numbers.draw(before, now, caption.unit, _PLOT), (numbers.described(before), numbers.described(now))
    if any(texts):
        return categories.draw(training, serving, _BARS), (
            categories.described(training),
            categories.described(serving),
        )
    nothing = element("text", text("no usable values"), x=WIDTH / 2, y=130, class_="quiet middle")
    return nothing, ("no usable values", "no usable values")


def _numbers(profile: FeatureProfile) -> Numbers:
    """The numbers of a feature; of lists of numbers, the norms."""
    return profile.numbers or profile.norms or Numbers()


def _key(words: str, name: str, x: float) -> str:
    return element("rect", x=x, y=34, width=10, height=10, rx=2, class_=name) + element(
        "text", text(words), x=x + 16, y=43
    )


_ABSENT = (("missing", "missing"), ("null", "null"), ("nan", "not a number"), ("wrong_type", "of another type"))


def _note(training: FeatureProfile, serving: FeatureProfile) -> str:
    """What share of rows has no value to draw, where there are any."""
    parts = []
    for field, words in _ABSENT:
        before, now = (getattr(profile, field) / max(profile.rows, 1) for profile in (training, serving))
        if before or now:
            parts.append(f"{words}: {percent(before)} in training, {percent(now)} served")
    return "; ".join(parts)


def _counted(profile: FeatureProfile) -> str:
    return f"{profile.rows:,} row{'' if profile.rows == 1 else 's'}"


def _moment(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1e9, UTC):%d %b %H:%M} UTC"
