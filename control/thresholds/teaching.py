"""The job that learns thresholds.

It looks at a model version when there is a quarter more feedback than at the last look (`hyperplan.thresholds.lesson.SURE` says why not more often), and anew when the objective or the threshold in
force is another than then. A change is a revision of the endpoint, made from the revision that was looked at: if somebody was faster, theirs stands, and
there will be another look. Of what is pinned it is still said what would be learnt.
"""

import logging
import time
from collections.abc import Callable

import msgspec
import numpy as np

from control.jobs import AUTHOR, Lease, NotHeld
from control.registry import Change, NoSuchEndpoint, Registry, Stale, Write
from control.stores import Store
from control.thresholds import reading
from control.thresholds.book import Look, Range, ThresholdBook
from hyperplan.endpoint import Endpoint
from hyperplan.outcomes import Outcomes
from hyperplan.thresholds import binary, rates, several
from hyperplan.thresholds.block import Learnt, Setting, Thresholds
from hyperplan.thresholds.decider import Decider
from hyperplan.thresholds.evidence import evidence_of, of_version, weights_of
from hyperplan.thresholds.lesson import GROWTH, Attained, CannotLearn, Lesson, Verdict, judge
from hyperplan.thresholds.start import start

log = logging.getLogger("hyperplan.control")

EVERY = 60.0
"""Seconds between rounds, at most."""
FIRST_FEEDBACK = 100
"""Feedback before which a version that was looked at is not looked at for its labels."""


class Teaching:
    """Learns the thresholds of all endpoints that have some."""

    def __init__(self, registry: Registry, store: Store, clock: Callable[[], int] = time.time_ns) -> None:
        self.lease = Lease(registry.engine, "thresholds")
        self.book = ThresholdBook(registry.engine)
        self._registry = registry
        self._store = store
        self._clock = clock
        self._every = min(EVERY, store.bucket_seconds)

    def pause(self) -> float:
        """A minute, or a bucket of time if that is shorter."""
        return self._every

    def round(self) -> None:
        """Look at all versions for which there is more to learn from."""
        for entry in self._registry.entries():
            if not self.lease.held:
                return
            if entry.endpoint is None or entry.endpoint.thresholds is None:
                continue
            try:
                self.learn(entry.name, self.lease)
            except (NotHeld, NoSuchEndpoint):
                return
            except Exception:
                log.exception("the thresholds of %r could not be learnt; they will be looked at again", entry.name)

    def learn(self, name: str, lease: Lease | None = None, *, every: bool = False) -> None:
        """Look at the versions of an endpoint: at `every` one, or at those for which there is more to learn from.

        Raises:
            NoSuchEndpoint: there is none of this name.
            NotHeld: the lease is another replica's.
        """
        _, endpoint = self._registry.get(name)
        if endpoint.thresholds is None:
            return
        told = self._store.feedback.received(name)
        looks = self.book.of(name)
        outcomes: Outcomes | None = None
        for model in endpoint.models:
            shown = self._shown(endpoint, model)
            setting = Decider(endpoint.task, endpoint.thresholds).setting(model)
            if not every and not _is_due(looks.get(model), endpoint.thresholds, setting, told, shown):
                continue
            if outcomes is None:
                outcomes = reading.labelled(self._store, name, self._clock())
            look = self._look(name, model, outcomes, lease)
            if look is not None:
                self.book.keep(name, model, msgspec.structs.replace(look, told=told, shown=shown), lease)

    def _shown(self, endpoint: Endpoint, model: str) -> int:
        """How many answers there are to learn from without labels: by a shadow, or by all where a rate is wanted."""
        now = self._clock()
        since = now - reading.SPANS[-1] * reading.DAY
        if endpoint.thresholds is not None and endpoint.thresholds.objective.positive_rate is not None:
            answers = self._store.samples.answers(endpoint.name, since, now)
            return sum(one.requests for one in answers if one.model == model)
        if model in endpoint.routing.shadow:
            return self._store.shadows.answers(endpoint.name, since, now).get(model, 0)
        return 0

    def _look(self, name: str, model: str, outcomes: Outcomes, lease: Lease | None) -> Look | None:
        """Look at one version, and change its threshold if that is due; None if the endpoint is another now."""
        entry, endpoint = self._registry.get(name)
        thresholds = endpoint.thresholds
        if thresholds is None or model not in endpoint.models:
            return None
        current = Decider(endpoint.task, thresholds).setting(model)
        look = Look(at=self._clock(), told=0, objective=thresholds.objective, current=current, why="")
        try:
            lesson, learnt, verdict = self._lesson(endpoint, thresholds, model, current, outcomes)
        except CannotLearn as error:
            return msgspec.structs.replace(look, why=str(error))
        look = msgspec.structs.replace(
            look,
            value=learnt.value,
            origin=learnt.origin,
            interval=learnt.interval,
            labels=learnt.labels,
            why=verdict.why,
        )
        if lesson is not None:
            look = msgspec.structs.replace(
                look,
                effective=lesson.effective,
                attained=_range(lesson.attained),
                before=_range(lesson.before),
                better=lesson.better,
                gain=lesson.gain,
                notes=lesson.notes,
            )
        if not verdict.change:
            return look
        reason = f"{model}: {_said(current)} becomes {_said(learnt.value)} for {thresholds.objective}: {verdict.why}"
        if learnt.labels:
            reason += f", by {learnt.labels} labels"

        def edited(now: Endpoint) -> Endpoint:
            assert now.thresholds is not None
            known = {each: one for each, one in now.thresholds.learnt.items() if each in now.models}
            return msgspec.structs.replace(
                now, thresholds=msgspec.structs.replace(now.thresholds, learnt=known | {model: learnt})
            )

        write = Write(AUTHOR, reason, entry.number)
        if lease is not None:
            write = write._replace(confirm=lease.confirm)
        try:
            self._registry.edit(name, Change.THRESHOLD, write, edited)
        except Stale:
            log.info("the endpoint %r was changed while a threshold was learnt; it will be looked at again", name)
            return None
        log.info("the endpoint %r: %s", name, reason)
        return msgspec.structs.replace(look, changed=True)

    def _lesson(
        self, endpoint: Endpoint, thresholds: Thresholds, model: str, current: Setting, outcomes: Outcomes
    ) -> tuple[Lesson | None, Learnt, Verdict]:
        """What there is to learn of a version, and whether it is to be changed.

        Raises:
            CannotLearn: nothing.
        """
        objective = thresholds.objective
        own = of_version(outcomes, model)
        if endpoint.task == "multiclass":
            assert isinstance(current, dict)
            lesson = several.learn(thresholds, _answers(own), current)
            origin = "labels"
        else:
            assert isinstance(current, float)
            everything = reading.scores(self._store, endpoint, model, self._clock())
            if objective.positive_rate is not None:
                lesson = rates.learn(everything, objective.positive_rate, current)
                origin = "rate"
            else:
                try:
                    lesson = binary.learn(thresholds, evidence_of(own, everything), current)
                    origin = "labels"
                except CannotLearn:
                    if model in thresholds.learnt or model in thresholds.pinned or len(own):
                        raise
                    return self._start(endpoint, thresholds, model)
        learnt = Learnt(
            value=lesson.value,
            origin="rate" if origin == "rate" else "labels",
            objective=objective,
            labels=lesson.labels,
            interval=lesson.interval,
        )
        verdict = judge(lesson, current)
        if model in thresholds.pinned:
            verdict = Verdict(False, f"{_said(current)} is pinned; {verdict.why}")
        return lesson, learnt, verdict

    def _start(self, endpoint: Endpoint, thresholds: Thresholds, model: str) -> tuple[None, Learnt, Verdict]:
        """Where a version without labels starts.

        Raises:
            CannotLearn: there are too few answers as a shadow.
        """
        found = reading.shadowing(self._store, endpoint, model, self._clock())
        if found is None:
            raise CannotLearn("there are no labels yet, and no answers as a shadow: it starts at 0.5")
        setting = Decider(endpoint.task, thresholds).setting(found.by)
        assert isinstance(setting, float)
        begun = start(found.shadow, found.primary, setting, found.by)
        learnt = Learnt(
            value=begun.kept.threshold, origin="predecessor", objective=thresholds.objective, predecessor=found.by
        )
        return None, learnt, Verdict(True, begun.why)


def _is_due(before: Look | None, thresholds: Thresholds, setting: Setting, told: int, shown: int) -> bool:
    """Whether there is more to learn from than at the look before."""
    if before is None or before.objective != thresholds.objective:
        return True
    if setting != (before.value if before.changed else before.current):
        return True
    if told >= max(FIRST_FEEDBACK, GROWTH * before.told):
        return True
    needs_answers = before.value is None or before.origin != "labels"
    return needs_answers and shown >= max(FIRST_FEEDBACK, GROWTH * before.shown)


def _answers(own: Outcomes) -> several.Answers:
    """What outcomes say of a multiclass task whose classes are called by their places."""
    if own.probabilities is None:
        raise CannotLearn("its answers have no probabilities of classes; the class that it says is what is decided")
    places = np.array([int(name) if name.isdecimal() else -1 for name in own.classes], np.int64)
    truth = places[own.label.astype(np.int64)] if len(own) else np.empty(0, np.int64)
    width = own.probabilities.shape[1]
    usable = (truth >= 0) & (truth < width) & np.isfinite(own.probabilities).all(axis=1)
    known = own.where(usable)
    assert known.probabilities is not None
    return several.Answers(known.probabilities, truth[usable], weights_of(known), known.entities())


def _range(attained: Attained | None) -> Range | None:
    return None if attained is None else Range(*attained)


def _said(setting: Setting) -> str:
    if isinstance(setting, float):
        return f"{setting:.4g}"
    return ", ".join(f"{name} {weight:.4g}" for name, weight in setting.items()) or "equal weights"
