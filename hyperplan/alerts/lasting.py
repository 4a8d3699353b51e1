"""Whether what was found is still so.

Detectors are shown hours, since weak effects need many rows; so they find a change that was mended long ago as long as it is among what they
are shown. What was once seen in so many rows should be seen again in three times as many, if it is still there. So detectors are asked a
second time, about what was before it began and the newest rows only, as many as that, and what they do not find again is over.
"""

from collections.abc import Callable, Mapping, Sequence

from hyperplan.skew.case import Case, Look
from hyperplan.skew.finding import Finding

AGAIN = 3
"""How many times the rows must be there in which a finding was seen first, before it is taken for gone."""

Detect = Callable[[Case], Sequence[Finding]]


def lasting(case: Case, findings: Sequence[Finding], enough: Mapping[str, int], detect: Detect) -> list[Finding]:
    """The findings that newest rows still show, and those of which they cannot tell.

    `enough` holds, by feature, in how many rows since its beginning something was first seen; of other features everything is new.
    """
    asked: dict[tuple[int, ...], set[str]] = {}

    def is_lasting(finding: Finding) -> bool:
        shown = _shown(case, finding, enough.get(finding.feature, 0))
        if shown is None:
            return True
        key = tuple(look.start for look in shown)
        if key not in asked:
            asked[key] = {found.feature for found in detect(case.showing(shown, case.season, case.labels))}
        return finding.feature in asked[key]

    return [finding for finding in findings if is_lasting(finding)]


def rows_since(case: Case, finding: Finding) -> int:
    """How many rows there are since a finding began."""
    return sum(look.profile.rows for look in case.looks if finding.since is None or look.end > finding.since)


def _shown(case: Case, finding: Finding, rows: int) -> tuple[Look, ...] | None:
    """The looks before a finding began, and the newest; None while these are no others than those since it began."""
    if not rows or finding.since is None:
        return None
    newest = case.recent(AGAIN * rows)
    if not newest or newest[0].start <= finding.since:
        return None
    return (*(look for look in case.looks if look.end <= finding.since), *newest)
