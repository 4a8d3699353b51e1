"""Two counts of values as pairs of horizontal bars, the values of which there are most on either side first."""

from hyperplan.pictures.numbers import Frame
from hyperplan.pictures.svg import element, percent, shortened, text
from hyperplan.profile import CategoryCounts, FeatureProfile

MOST = 5
"""Values that get bars of their own; the rest share one pair."""
LABEL, SHARE = 92.0, 46.0
"""Room for names on the left and shares on the right."""

Shares = dict[str, float]


def draw(training: FeatureProfile, serving: FeatureProfile, frame: Frame) -> str:
    """The values of both; one of them may be empty, not both."""
    before, now = _shares(training), _shares(serving)
    names = sorted({*before, *now}, key=lambda name: (-max(before.get(name, 0.0), now.get(name, 0.0)), name))
    shown = names if len(names) <= MOST else names[: MOST - 1]
    rows = [(name, before.get(name, 0.0), now.get(name, 0.0)) for name in shown]
    rest = (_rest(before, shown), _rest(now, shown))
    if len(shown) < len(names) or max(rest) > 0.0005:
        rows.append((f"{len(names) - len(shown)} others" if len(shown) < len(names) else "others", *rest))
    longest = max((max(row[1:]) for row in rows), default=0.0) or 1.0
    height = min((frame.bottom - frame.top) / max(len(rows), 1), 30.0)
    left, right = frame.left + LABEL - 40, frame.right - SHARE
    return "".join(
        _row(
            name,
            shares,
            (right - left) / longest,
            Frame(left, frame.top + index * height, right, frame.top + (index + 1) * height),
        )
        for index, (name, *shares) in enumerate(rows)
    )


def described(profile: FeatureProfile) -> str:
    """The most common values, in words."""
    shares = _shares(profile)
    common = sorted(shares, key=lambda name: (-shares[name], name))[:3]
    return ", ".join(f"{shortened(name, 40)} {percent(shares[name])}" for name in common) or "no values"


def _row(name: str, shares: list[float], scale: float, frame: Frame) -> str:
    middle, thick = (frame.top + frame.bottom) / 2, (frame.bottom - frame.top) * 0.36
    parts = [element("text", text(shortened(name, 15)), x=frame.left - 8, y=middle + 3.5, class_="end")]
    for side, share, top in zip(("training", "serving"), shares, (middle - thick, middle), strict=True):
        width = max(share * scale, 1.0 if share else 0.0)
        parts.append(element("rect", x=frame.left, y=top, width=width, height=thick - 0.5, class_=side))
        if thick >= 8:
            parts.append(
                element(
                    "text", text(percent(share)), x=frame.left + width + 5, y=top + thick - 1.2, class_="quiet small"
                )
            )
    if thick < 8:
        parts.append(
            element(
                "text",
                text(percent(shares[1])),
                x=frame.left + max(shares) * scale + 5,
                y=middle + 3.5,
                class_="quiet small",
            )
        )
    return "".join(parts)


def _shares(profile: FeatureProfile) -> Shares:
    counts = _counts(profile.values) | _counts(profile.unseen_values)
    total = _total(profile)
    return {name: count / total for name, count in counts.items()} if total else {}


def _counts(counts: CategoryCounts | None) -> dict[str, int]:
    return counts.counts if counts else {}


def _total(profile: FeatureProfile) -> int:
    return sum(counts.total() for counts in (profile.values, profile.unseen_values) if counts)


def _rest(shares: Shares, shown: list[str]) -> float:
    """The share of all values but those that are shown."""
    return max(1.0 - sum(shares.get(name, 0.0) for name in shown), 0.0) if shares else 0.0
