"""Feedback, and the samples that it is joined to.

The table only grows. Which feedback of a prediction counts, and which prediction it is about where the id was lost, is found when it is asked for:
samples may come after their feedback, and revisions in any order. Feedback for what was never sampled is kept and counted, and that of
another endpoint is joined to nothing of this one.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from control.stores.databases import Database, Writer
from control.stores.outcomes import Labelled, outcomes_of
from control.stores.tables import FEEDBACK, SAMPLES
from control.stores.texts import optional_text, storable_text
from hyperplan.endpoint import Task
from hyperplan.feedback import Feedback
from hyperplan.outcomes import Outcomes
from hyperplan.sample import Sample

_OF_SAMPLE = (
    *("prediction_id", "time", "entity", "chosen", "answered", "revision"),
    *("propensity", "inclusion", "forced", "body"),
)
_OF_FEEDBACK = (
    *("endpoint", "subject", "lost", "row_index", "entity", "predicted_at", "tolerance"),
    *("label", "class", "reward", "labelled_at", "time", "revision", "source"),
)
"""What is read of the two halves of a pair."""


class Coverage(NamedTuple):
    """What became of the feedback for predictions of a range of time.

    There are `samples`, of which `labelled` rows have feedback. Of the feedback received since the beginning of the time, so many predictions that it
    names are `unsampled`; and so many times it named an entity at a time to which several samples are equally near, which is `ambiguous`.
    """

    samples: int
    labelled: int
    unsampled: int
    ambiguous: int


class Feedbacks:
    """The table of feedback."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def add(writer: Writer, feedback: Sequence[Feedback]) -> int:
        """Keep what is not in the table yet, within a transaction; how much that is."""
        by_key: dict[tuple[Any, ...], Feedback] = {}
        for one in feedback:
            key = (one.received, storable_text(one.endpoint), _subject(one), _place(one))
            if key not in by_key or _newness(by_key[key]) <= _newness(one):
                by_key[key] = one
        for known in writer.at_times(FEEDBACK, FEEDBACK_KEY, list({one.received for one in feedback})):
            by_key.pop(known, None)
        if by_key:
            writer.append(FEEDBACK, FEEDBACK.rows(_columns(list(by_key.values()))))
        return len(by_key)

    def about(self, sample: Sample) -> list[Feedback]:
        """The newest feedback for each row of a sampled prediction, by row."""
        newest: dict[int, Feedback] = {}
        for one in self.history(sample):
            newest[one.row] = one
        return [newest[row] for row in sorted(newest)]

    def history(self, sample: Sample) -> list[Feedback]:
        """All feedback about a sampled prediction that was ever told, of each row the newest last."""
        subjects = [sample.prediction_id] if sample.entity is None else [sample.prediction_id, sample.entity]
        with self._database.reading() as reader:
            rows = [row for each in subjects for row in reader.having(FEEDBACK, _OF_FEEDBACK, storable_text(each))]
        told = [one for one in map(_feedback, rows) if one.endpoint == storable_text(sample.endpoint)]
        found = [one for one in told if one.prediction_id == storable_text(sample.prediction_id)]
        if any(one.prediction_id is None and _is_near(one, sample.time) for one in told):
            pairs, _ = self._by_entity(sample.endpoint, sample.time, sample.time + 1, sample.entity)
            found += [pair.feedback for pair in pairs if pair.prediction_id == storable_text(sample.prediction_id)]
        return sorted(dict.fromkeys(found), key=_newness)

    def named(self, prediction_id: str) -> list[Feedback]:
        """All feedback that names a prediction, of whichever endpoint, whether it was sampled or not; the newest last."""
        with self._database.reading() as reader:
            rows = reader.having(FEEDBACK, _OF_FEEDBACK, storable_text(prediction_id))
        found = [one for one in map(_feedback, rows) if one.prediction_id is not None]
        return sorted(dict.fromkeys(found), key=_newness)

    def newest_of(self, endpoint: str, samples: Sequence[Sample], as_of: int) -> dict[tuple[str, int], Feedback]:
        """The newest feedback for the rows of some samples, by the prediction's id (as it is stored) and the row.

        What was known, or told to Hyperplan, after `as_of` is left out. The samples are in the order of time; they are read at once, so
        there should be no more of them than fit in memory.
        """
        ids = [storable_text(sample.prediction_id) for sample in samples]
        with self._database.reading() as reader:
            rows = reader.having_any(FEEDBACK, _OF_FEEDBACK, ids)
        told = [one for one in map(_feedback, rows) if one.endpoint == storable_text(endpoint)]
        found = [(one.prediction_id, one) for one in told if one.prediction_id is not None and _by_then(one, as_of)]
        pairs, _ = self._by_entity(endpoint, samples[0].time, samples[-1].time + 1, as_of=as_of)
        wanted = set(ids)
        found += [(pair.prediction_id, pair.feedback) for pair in pairs if pair.prediction_id in wanted]
        newest: dict[tuple[str, int], Feedback] = {}
        for prediction_id, one in sorted(found, key=lambda pair: _newness(pair[1])):
            newest[prediction_id, one.row] = one
        return newest

    def labelled(self, endpoint: str, task: Task, since: int, until: int) -> Outcomes:
        """The rows of sampled predictions made in a range of time that have feedback, each with the newest, in order of time."""
        return outcomes_of(task, self._labelled(endpoint, since, until))

    def labelled_twice(
        self, endpoint: str, task: Task, since: int, until: int, answers: Mapping[str, bytes]
    ) -> tuple[Outcomes, Outcomes]:
        """The same, of those predictions only to which there are other answers, by prediction id: as they were answered, and as they would have been."""
        pairs = [pair for pair in self._labelled(endpoint, since, until) if pair.prediction_id in answers]
        others = [pair._replace(body=answers[pair.prediction_id]) for pair in pairs]
        return outcomes_of(task, pairs), outcomes_of(task, others)

    def _labelled(self, endpoint: str, since: int, until: int) -> list[Labelled]:
        newest = _newest([*self._by_id(endpoint, since, until), *self._by_entity(endpoint, since, until)[0]])
        return sorted(newest, key=lambda pair: (pair.time, pair.prediction_id, pair.feedback.row))

    def received(self, endpoint: str) -> int:
        """How much feedback there is, revisions of the same included; cheap to ask."""
        feedback = FEEDBACK.query
        told = feedback.filter(feedback.endpoint == storable_text(endpoint))
        with self._database.reading() as reader:
            ((count,),) = reader.rows(told.count().as_table())
        return int(count)

    def coverage(self, endpoint: str, since: int, until: int) -> Coverage:
        """How much of the predictions of a range of time has feedback, and how much feedback has no prediction."""
        by_entity, ambiguous = self._by_entity(endpoint, since, until)
        labelled = _newest([*self._by_id(endpoint, since, until), *by_entity])
        samples, feedback = SAMPLES.query, FEEDBACK.query
        of_endpoint = samples.filter(samples.endpoint == storable_text(endpoint))
        made = of_endpoint.filter(of_endpoint.time >= since, of_endpoint.time < until)
        told = feedback.filter(feedback.endpoint == storable_text(endpoint), feedback.time >= since, ~feedback.lost)
        unsampled = told.filter(told.subject.notin(of_endpoint.prediction_id)).select("subject").distinct()
        with self._database.reading() as reader:
            ((count,),) = reader.rows(made.count().as_table())
            ((missing,),) = reader.rows(unsampled.count().as_table())
        return Coverage(int(count), len(labelled), int(missing), ambiguous)

    def changed(self, endpoint: str, received: int, since: int, until: int, width: int) -> set[int]:
        """The stretches of time in whose predictions feedback was received from a time on: their starts, multiples of `width`."""
        samples, feedback = _samples(endpoint, since, until), _feedbacks(endpoint)
        new = feedback.filter(feedback.told_time >= received)
        joined = samples.join(new.filter(~new.told_lost), samples.prediction_id == new.told_subject)
        near = new.filter(new.told_lost, new.told_predicted_at >= since, new.told_predicted_at < until)
        with self._database.reading() as reader:
            times = [*reader.rows(joined.select("time")), *reader.rows(near.select("told_predicted_at"))]
        return {time - time % width for (time,) in times}

    def drawn(self, endpoint: str, since: int, until: int, most: int) -> tuple[list[Labelled], float]:
        """The newest pairs of about `most` of the predictions of a range of time that have feedback, and their share of all of these."""
        samples, feedback = _samples(endpoint, since, until), _feedbacks(endpoint)
        told = feedback.filter(~feedback.told_lost)
        joined = samples.join(told, samples.prediction_id == told.told_subject)
        by_entity, _ = self._by_entity(endpoint, since, until)
        with self._database.reading() as reader:
            ((count,),) = reader.rows(joined.aggregate(count=joined.count()))
            share = min(1.0, most / max(int(count) + len(by_entity), 1))
            part = joined.order_by(joined.prediction_id.hash()).limit(math.ceil(share * int(count)))
            by_id = [_pair(row) for row in reader.rows(part.select(*_NAMES))]
        return _newest([*by_id, *by_entity[:: round(1 / share)]]), share

    def _by_id(self, endpoint: str, since: int, until: int) -> list[Labelled]:
        """Pairs that the prediction id joins."""
        samples, feedback = _samples(endpoint, since, until), _feedbacks(endpoint)
        told = feedback.filter(~feedback.told_lost)
        joined = samples.join(told, samples.prediction_id == told.told_subject)
        with self._database.reading() as reader:
            return [_pair(row) for row in reader.rows(joined.select(*_NAMES))]

    def _by_entity(
        self, endpoint: str, since: int, until: int, entity: str | None = None, as_of: int | None = None
    ) -> tuple[list[Labelled], int]:
        """Pairs of samples of a range of time that entity and time join, and how much feedback is ambiguous."""
        feedback = _feedbacks(endpoint)
        lost = feedback.filter(feedback.told_lost)
        if as_of is not None:
            lost = lost.filter(lost.told_time <= as_of, lost.told_labelled_at <= as_of)
        if entity is not None:
            lost = lost.filter(lost.told_subject == storable_text(entity))
        with self._database.reading() as reader:
            ((farthest,),) = reader.rows(lost.told_tolerance.max().as_table())
            if farthest is None:
                return [], 0
            # A sample out of the range may be nearer than one in it.
            samples = _samples(endpoint, since - 2 * farthest, until + 2 * farthest)
            near = (samples.time - lost.told_predicted_at).abs() <= lost.told_tolerance
            joined = samples.join(lost, [samples.entity == lost.told_subject, near])
            pairs = [_pair(row) for row in reader.rows(joined.select(*_NAMES))]
        return _nearest(pairs, since, until)


FEEDBACK_KEY = ("time", "endpoint", "subject", "place")


def _samples(endpoint: str, since: int, until: int) -> Any:
    table = SAMPLES.query
    asked = table.filter(table.endpoint == storable_text(endpoint), table.time >= since, table.time < until)
    return asked.select(*_OF_SAMPLE)


def _feedbacks(endpoint: str) -> Any:
    table = FEEDBACK.query
    asked = table.filter(table.endpoint == storable_text(endpoint))
    return asked.select(**{f"told_{name}": name for name in _OF_FEEDBACK})


_NAMES = (*_OF_SAMPLE, *(f"told_{name}" for name in _OF_FEEDBACK))


def _pair(row: Sequence[Any]) -> Labelled:
    size = len(_OF_SAMPLE)
    return Labelled._make((*row[:size], _feedback(row[size:])))


def _nearest(pairs: Iterable[Labelled], since: int, until: int) -> tuple[list[Labelled], int]:
    """Of pairs that an entity joins those with the nearest sample, of a range of time; and how often there is none that is nearer than all others."""
    candidates: defaultdict[Feedback, list[Labelled]] = defaultdict(list)
    for pair in pairs:
        candidates[pair.feedback].append(pair)
    found, ambiguous = [], 0
    for feedback, several in candidates.items():
        at = feedback.predicted_at or 0
        several.sort(key=lambda pair: abs(pair.time - at))
        nearest = several[0]
        if not since <= nearest.time < until:
            continue
        if len(several) > 1 and abs(several[1].time - at) == abs(nearest.time - at):
            ambiguous += 1
        else:
            found.append(nearest)
    return found, ambiguous


def _by_then(feedback: Feedback, at: int) -> bool:
    """Whether feedback was known at a time, and Hyperplan had been told."""
    return feedback.received <= at and feedback.time <= at


def _is_near(feedback: Feedback, time: int) -> bool:
    return feedback.predicted_at is not None and abs(feedback.predicted_at - time) <= feedback.tolerance


def _newness(feedback: Feedback) -> tuple[int, int, int]:
    """By which feedback for one row of a prediction is put in order: the greatest counts."""
    return feedback.revision, feedback.time, feedback.received


def _newest(pairs: Iterable[Labelled]) -> list[Labelled]:
    """Of the pairs of each row of a prediction the newest."""
    newest: dict[tuple[str, int], Labelled] = {}
    for pair in pairs:
        key = (pair.prediction_id, pair.feedback.row)
        if key not in newest or _newness(newest[key].feedback) <= _newness(pair.feedback):
            newest[key] = pair
    return list(newest.values())


def _subject(feedback: Feedback) -> str:
    lost = feedback.prediction_id is None
    return storable_text((feedback.entity if lost else feedback.prediction_id) or "")


def _place(feedback: Feedback) -> str:
    return str(feedback.row) if feedback.prediction_id is not None else f"{feedback.row}@{feedback.predicted_at}"


def _columns(feedback: Sequence[Feedback]) -> dict[str, Sequence[Any]]:
    return {
        "time": [one.received for one in feedback],
        "endpoint": [storable_text(one.endpoint) for one in feedback],
        "subject": [_subject(one) for one in feedback],
        "place": [_place(one) for one in feedback],
        "lost": [one.prediction_id is None for one in feedback],
        "row_index": [one.row for one in feedback],
        "entity": [optional_text(one.entity) for one in feedback],
        "predicted_at": [one.predicted_at for one in feedback],
        "tolerance": [one.tolerance for one in feedback],
        "label": [None if isinstance(one.label, str) else one.label for one in feedback],
        "class": [storable_text(one.label) if isinstance(one.label, str) else None for one in feedback],
        "reward": [one.reward for one in feedback],
        "labelled_at": [one.time for one in feedback],
        "revision": [one.revision for one in feedback],
        "source": [storable_text(one.source) for one in feedback],
    }


def _feedback(row: Sequence[Any]) -> Feedback:
    """Feedback from the columns of `_OF_FEEDBACK`."""
    (
        endpoint,
        subject,
        lost,
        place,
        entity,
        predicted_at,
        tolerance,
        number,
        text,
        reward,
        at,
        received,
        revision,
        source,
    ) = row
    return Feedback(
        endpoint=endpoint,
        prediction_id=None if lost else subject,
        entity=entity,
        predicted_at=predicted_at,
        tolerance=tolerance,
        row=place,
        label=number if text is None else text,
        reward=reward,
        time=at,
        received=received,
        revision=revision,
        source=source,
    )
