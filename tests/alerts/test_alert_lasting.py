"""Whether what was found is still so: asked of the newest rows, in as many as it was seen in before."""

from collections.abc import Sequence

from hyperplan.alerts import lasting, rows_since
from hyperplan.profile import Profile
from hyperplan.schema import Float, Schema
from hyperplan.skew.case import Case, Look
from hyperplan.skew.finding import Finding

SCHEMA = Schema(features={"x": Float(), "y": Float()})


def case(*means: float) -> Case:
    """Looks at ten rows each, one a second."""
    rows = [[{"x": mean, "y": 0.0}] * 10 for mean in means]
    return Case(SCHEMA, (), [Look(at, at + 1, Profile.of_rows(SCHEMA, part)) for at, part in enumerate(rows)])


def found(since: int | None = 3, feature: str = "x") -> Finding:
    return Finding(
        feature=feature, kind="distribution", finding="shift", effect=1, evidence=20, sentence="moved", since=since
    )


class Detector:
    """Finds `x` as long as the mean of all that it is shown is above 1, as detectors that add up do."""

    def __init__(self) -> None:
        self.shown: list[list[int]] = []

    def __call__(self, case: Case) -> Sequence[Finding]:
        self.shown.append([look.start for look in case.looks])
        numbers = case.serving.features["x"].numbers
        assert numbers is not None
        return [found()] if numbers.moments.mean > 1 else []


ENOUGH = {"x": 10}


def test_what_the_newest_rows_show_lasts() -> None:
    detector = Detector()
    assert lasting(case(0, 0, 0, *[9] * 20), [found()], ENOUGH, detector) == [found()]
    assert detector.shown == [[0, 1, 2, 20, 21, 22]], "what was before it began, and three times the rows"


def test_what_the_newest_rows_do_not_show_any_more_is_over() -> None:
    served = case(0, 0, 0, *[9] * 20, 0, 0, 0)
    assert Detector()(served), "all that was served still shows it"
    assert lasting(served, [found()], ENOUGH, Detector()) == []


def test_while_there_are_too_few_new_rows_it_lasts() -> None:
    detector = Detector()
    assert lasting(case(0, 0, 0, 9, 0), [found()], ENOUGH, detector) == [found()]
    assert detector.shown == []


def test_what_is_new_lasts() -> None:
    detector = Detector()
    assert lasting(case(*[0] * 20), [found(), found(feature="y")], {"x": 0}, detector) == [found(), found(feature="y")]
    assert lasting(case(*[0] * 20), [found(since=None)], ENOUGH, detector) == [found(since=None)]
    assert detector.shown == []


def test_detectors_are_asked_once_for_all_that_began_together() -> None:
    detector = Detector()
    findings = [found(), found(feature="y")]
    assert lasting(case(0, 0, 0, *[9] * 20), findings, {"x": 10, "y": 10}, detector) == [found()]
    assert len(detector.shown) == 1


def test_rows_are_counted_from_when_a_finding_began() -> None:
    served = case(*[0] * 20)
    assert [rows_since(served, found(since)) for since in (3, 19, None)] == [170, 10, 200]
