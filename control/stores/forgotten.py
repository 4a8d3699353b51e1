"""Forgetting an entity: what is kept of it goes, and what comes later about predictions that were made before does not bring it back.

Samples of it may be on their way still, on the disk of a sidecar, and the truth about its predictions may come for months. So a **tombstone** stays: a hash of the
entity, with the time at which it was forgotten, and one of the id of each prediction that was erased. What comes is held against them in the transaction that takes it in.
A tombstone is no name, but whoever tries all names there are finds the one that it stands for, unless the entity is kept as a keyed hash anyway (`pii`).

Databases with transactions let forgetting wait until those who write are done, and see what it says. ClickHouse has none: there tombstones are written before anything is
erased, and who writes looks at them again afterwards, so that whoever is second sees the other.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from control.stores.arrivals import Arrival
from control.stores.databases import Database, Reader, Writer
from control.stores.tables import FEEDBACK, FORGOTTEN, SAMPLES, SHADOWS
from control.stores.texts import storable_text
from control.stores.trimming import time_after
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample

MOST_TOMBSTONES = 1_000_000
"""Tombstones that are kept; the oldest go first."""
AT_ONCE = 2_000
"""Predictions that are erased in one go."""
EVERYWHERE = ""
"""The endpoint of a tombstone that counts for all."""


class Erased(NamedTuple):
    """How much was erased of an entity at one endpoint."""

    endpoint: str
    samples: int = 0
    shadows: int = 0
    feedback: int = 0


class Forgotten:
    """The table of tombstones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def forget(self, entities: Sequence[str], endpoint: str | None, now: int) -> list[Erased]:
        """Erase what is kept of an entity, under each of its names, and remember that; how much that was, by endpoint.

        Done again it erases what is left, so nothing is lost when it breaks off. `now` is in nanoseconds since 1970.

        Raises:
            Unavailable: the database failed.
        """
        names = [storable_text(entity) for entity in entities]
        place = EVERYWHERE if endpoint is None else storable_text(endpoint)
        with self._database.writing_alone() as writer:
            _bury(writer, now, [(place, _of_entity(name)) for name in names])
        ids = self._predictions(names, endpoint)
        with self._database.writing_alone() as writer:
            _bury(writer, now, [(name, _of_prediction(one)) for name, several in ids.items() for one in several])
        counts = self._erase(names, endpoint, ids)
        self._prune()
        return counts

    def kept(self, reader: Reader, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Of what arrives what is not about something forgotten."""
        if reader.is_empty(FORGOTTEN):
            return list(arrivals)
        subjects = {subject for arrival in arrivals for subject in _subjects(arrival)}
        found = _Tombstones(reader.having_any(FORGOTTEN, ("endpoint", "subject", "time"), sorted(subjects)))
        for arrival in arrivals:
            if isinstance(arrival.observation, Sample) and found.let_through(arrival) is None:
                found.add(arrival.observation)  # what came with it is about it, too
        return [kept for arrival in arrivals if (kept := found.let_through(arrival)) is not None]

    def turned_away(self, writer: Writer, arrivals: Sequence[Arrival]) -> None:
        """See to it that nothing stays of samples that were forgotten before they came: what shadows answered, and the truth."""
        ids = _ids(arrival for arrival in arrivals if isinstance(arrival.observation, Sample))
        latest = max((arrival.observation.time for arrival in arrivals), default=0)
        _bury(writer, latest, [(name, _of_prediction(one)) for name, several in ids.items() for one in several])
        for name, several in ids.items():
            _remove_predictions(writer, name, several)

    def taken_back(self, writer: Writer, arrivals: Sequence[Arrival]) -> None:
        """Remove what was written and should not have been, where it was forgotten meanwhile.

        All feedback that names such an entity goes; of the moment between there may be some about a prediction that was made after it.
        """
        self.turned_away(writer, arrivals)
        for name, several in _ids(arrivals).items():
            _remove_predictions(writer, name, several)
        lost = [arrival.observation for arrival in arrivals if isinstance(arrival.observation, Feedback)]
        for one in lost:
            if one.entity is not None:
                writer.remove(FEEDBACK, "entity", [storable_text(one.entity)], storable_text(one.endpoint))

    def _predictions(self, names: Sequence[str], endpoint: str | None) -> dict[str, list[str]]:
        """The ids of the entity's predictions, by endpoint."""
        table = SAMPLES.query
        of_entity = table.filter(table.entity.isin(list(names)))
        if endpoint is not None:
            of_entity = of_entity.filter(table.endpoint == storable_text(endpoint))
        found: defaultdict[str, list[str]] = defaultdict(list)
        with self._database.reading() as reader:
            for name, prediction_id in reader.rows(of_entity.select("endpoint", "prediction_id")):
                found[name].append(prediction_id)
        return found

    def _erase(self, names: Sequence[str], endpoint: str | None, ids: dict[str, list[str]]) -> list[Erased]:
        counts: dict[str, Counter[str]] = {SAMPLES.name: Counter(), SHADOWS.name: Counter(), FEEDBACK.name: Counter()}
        for name, several in ids.items():
            for some in _pieces(several):
                with self._database.writing_alone() as writer:
                    for table, count in _remove_predictions(writer, name, some).items():
                        counts[table][name] += count
        with self._database.writing_alone() as writer:
            counts[SAMPLES.name].update(writer.remove(SAMPLES, "entity", names, endpoint))
            counts[FEEDBACK.name].update(writer.remove(FEEDBACK, "entity", names, endpoint))
        places = sorted({place for counted in counts.values() for place, count in counted.items() if count})
        return [
            Erased(place, *(counts[table.name][place] for table in (SAMPLES, SHADOWS, FEEDBACK))) for place in places
        ]

    def _prune(self) -> None:
        with self._database.reading() as reader:
            ((count,),) = reader.rows(FORGOTTEN.query.count().as_table())
            excess = int(count) - MOST_TOMBSTONES
            end = time_after(reader, FORGOTTEN, "time", excess) if excess > 0 else None
        if end is not None:
            self._database.delete_before(FORGOTTEN, "time", end)


class _Tombstones:
    """Tombstones that may be those of what arrives."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._times: dict[tuple[str, str], int] = {}
        for endpoint, subject, time in rows:
            self._times[endpoint, subject] = max(time, self._times.get((endpoint, subject), 0))

    def add(self, sample: Sample) -> None:
        """Count a sample's prediction among those that were forgotten."""
        self._times[storable_text(sample.endpoint), _of_prediction(sample.prediction_id)] = sample.time

    def let_through(self, arrival: Arrival) -> Arrival | None:
        """What may be kept of it: nothing, or all; of feedback perhaps all but the entity."""
        one = arrival.observation
        if one.prediction_id is not None and self._time(one.endpoint, _of_prediction(one.prediction_id)) is not None:
            return None
        if not isinstance(one, Sample | Feedback) or one.entity is None:
            return arrival
        forgotten = self._time(one.endpoint, _of_entity(one.entity))
        if forgotten is None:
            return arrival
        if isinstance(one, Sample):
            return arrival if one.time > forgotten else None
        if one.prediction_id is not None:  # it is not known whether that was before
            return Arrival(msgspec.structs.replace(one, entity=None))
        return arrival if (one.predicted_at or 0) > forgotten else None

    def _time(self, endpoint: str, subject: str) -> int | None:
        places = (storable_text(endpoint), EVERYWHERE)
        times = [self._times[place, subject] for place in places if (place, subject) in self._times]
        return max(times, default=None)


def _bury(writer: Writer, time: int, tombstones: Sequence[tuple[str, str]]) -> None:
    if tombstones:
        endpoints, subjects = zip(*tombstones, strict=True)
        columns = {"time": [time] * len(tombstones), "endpoint": endpoints, "subject": subjects}
        writer.append(FORGOTTEN, FORGOTTEN.rows(columns))


def _remove_predictions(writer: Writer, endpoint: str, ids: Sequence[str]) -> dict[str, int]:
    """Remove all that is kept of predictions of an endpoint; how much that was, by table."""
    columns = {SAMPLES: "prediction_id", SHADOWS: "prediction_id", FEEDBACK: "subject"}
    return {table.name: len(writer.remove(table, column, ids, endpoint)) for table, column in columns.items()}


def _ids(arrivals: Iterable[Arrival]) -> dict[str, list[str]]:
    """The ids of the predictions that are named, by endpoint."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for arrival in arrivals:
        if arrival.observation.prediction_id is not None:
            found[storable_text(arrival.observation.endpoint)].append(storable_text(arrival.observation.prediction_id))
    return found


def _subjects(arrival: Arrival) -> Iterator[str]:
    one = arrival.observation
    if one.prediction_id is not None:
        yield _of_prediction(one.prediction_id)
    if isinstance(one, Sample | Feedback) and one.entity is not None:
        yield _of_entity(one.entity)


def _of_entity(entity: str) -> str:
    return "entity " + _hashed(entity)


def _of_prediction(prediction_id: str) -> str:
    return "prediction " + _hashed(prediction_id)


def _hashed(text: str) -> str:
    return hashlib.blake2b(storable_text(text).encode(), digest_size=8).hexdigest()


def _pieces(ids: Sequence[str]) -> Iterator[list[str]]:
    waiting = iter(ids)
    while piece := list(islice(waiting, AT_ONCE)):
        yield piece
