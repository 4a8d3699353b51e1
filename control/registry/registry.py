"""Reading and writing endpoints, each write a revision.

Every write names the revision that it was made from, if its writer cares: when somebody else was faster it is `Stale`,
and nothing is lost without being seen. Every write is checked whole, with the other endpoints, before it becomes one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from control.registry.database import for_writing, shared
from control.registry.tables import Change, Revision
from hyperplan.endpoint import Endpoint, problems_of
from hyperplan.plan import Plan, PlannedEndpoint, conflicts
from hyperplan.problems import Invalid, Problem
from hyperplan.thresholds.block import kept

NAMED = 20
"""Endpoints that are named to who asks for one that is not there."""
READ_AT_ONCE = 500
"""Revisions that are held in memory while all are gone through."""
LARGEST_NUMBER = 2**63 - 1
"""The largest number that a database can look for."""


class NoSuchEndpoint(LookupError):
    """No endpoint has this name; the message names those that exist."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        more = f", ... ({len(known)} in all)" if len(known) > NAMED else ""
        super().__init__(f"there is no endpoint {name!r}; known: {', '.join(known[:NAMED]) or 'none yet'}{more}")


class NoSuchRevision(LookupError):
    """The endpoint has no such revision, or was deleted by it."""


class Stale(Exception):
    """The endpoint is at another revision than the write was made from; `current` is its number, None if it is not there."""

    def __init__(self, current: int | None) -> None:
        at = f"at revision {current}" if current is not None else "not there"
        super().__init__(f"somebody else was faster: the endpoint is {at}; read it again and repeat the edit")
        self.current = current


class Write(NamedTuple):
    """Who writes, why, and from which revision: a number, 0 for "it must not be there yet", None for whatever is there.

    `confirm` is called in the transaction of the write, which what it raises undoes: a job confirms its lease so.
    """

    author: str = "unknown"
    reason: str = ""
    expected: int | None = None
    confirm: Callable[[Session], None] = lambda _: None


class Entry(NamedTuple):
    """One revision of an endpoint. `endpoint` is None when the revision deleted it."""

    id: int
    name: str
    number: int
    endpoint: Endpoint | None
    change: Change
    author: str
    reason: str
    created_at: datetime


class Written(NamedTuple):
    """A revision as it is stored: its document as text, None when it deleted the endpoint."""

    id: int
    endpoint: str
    number: int
    document: str | None


class Registry:
    """The endpoints of one control. Every method may be called from any thread.

    `on_write` is called after each write, on the thread that wrote.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        """The database, for those who keep something beside the revisions."""
        self.shared = shared(engine)
        """Whether other controls may write to it too."""
        self._writing = for_writing(engine)
        self._read: dict[int, Entry] = {}
        """The newest entries by id, as they were last read. A revision never changes, so each is decoded once."""
        self.on_write: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Close all connections to the database."""
        self.engine.dispose()

    # Reading.

    def number(self) -> int:
        """The number of the newest plan."""
        with Session(self.engine) as session:
            return _number(session)

    def plan(self) -> Plan:
        """The newest revision of every endpoint that was not deleted, as one plan."""
        with Session(self.engine) as session:
            number = _number(session)
            entries = self._newest(session)
        planned = [PlannedEndpoint(entry.number, entry.endpoint) for entry in entries if entry.endpoint]
        return Plan(number, tuple(planned))

    def entries(self) -> list[Entry]:
        """The newest revision of each endpoint, by name."""
        with Session(self.engine) as session:
            return self._newest(session)

    def get(self, name: str) -> tuple[Entry, Endpoint]:
        """An endpoint and its newest revision.

        Raises:
            NoSuchEndpoint: there is none of this name.
        """
        with Session(self.engine) as session:
            return _present(session, name, _current(session, name))

    def history(self, name: str, *, limit: int, before: int | None = None) -> list[Entry]:
        """Revisions of an endpoint, newest first; `before` is a number to go on from.

        Raises:
            NoSuchEndpoint: there never was one of this name.
        """
        query = select(Revision).where(Revision.endpoint == name).order_by(Revision.number.desc()).limit(limit)
        if before is not None:
            query = query.where(Revision.number < min(before, LARGEST_NUMBER))
        with Session(self.engine) as session:
            found = [_entry(row) for row in session.scalars(query)]
            if not found and _current(session, name) is None:
                raise NoSuchEndpoint(name, _names(session))
        return found

    def documents(self, *, after: int) -> Iterator[Written]:
        """All revisions of all endpoints that were made after one, by its id, in their order."""
        columns = (Revision.id, Revision.endpoint, Revision.number, Revision.document)
        while True:
            query = select(*columns).where(Revision.id > after).order_by(Revision.id).limit(READ_AT_ONCE)
            with Session(self.engine) as session:
                found = [Written(*row) for row in session.execute(query)]
            yield from found
            if len(found) < READ_AT_ONCE:
                return
            after = found[-1].id

    def entry(self, name: str, number: int) -> Entry:
        """One revision of an endpoint, also one that deleted it.

        Raises:
            NoSuchEndpoint: there never was one of this name.
            NoSuchRevision: it has no such revision.
        """
        found = self.history(name, limit=1, before=max(number, 0) + 1)
        if not found or found[0].number != number:
            raise NoSuchRevision(f"the endpoint {name!r} has no revision {number}")
        return found[0]

    def revision(self, name: str, number: int) -> tuple[Entry, Endpoint]:
        """One revision of an endpoint.

        Raises:
            NoSuchEndpoint: there never was one of this name.
            NoSuchRevision: it has no such revision, or was deleted by it.
        """
        entry = self.entry(name, number)
        if entry.endpoint is None:
            raise NoSuchRevision(f"revision {number} of {name!r} deleted it; roll back to an earlier one")
        return entry, entry.endpoint

    # Writing.

    def put(self, endpoint: Endpoint, change: Change, write: Write) -> Entry:
        """Make an endpoint be this. When it is so already, nothing is written and its revision stays.

        A document that is applied keeps what was learnt of models that stay: it is Hyperplan that writes this, and files do not hold it.

        Raises:
            Invalid: the endpoint is not valid, by itself or beside the others.
            Stale: it is at another revision than expected.
        """

        def made(_: Session, current: Entry | None) -> Endpoint:
            _expect(write, current)
            return _keeping(endpoint, current) if change is Change.APPLY else endpoint

        return self._write(endpoint.name, change, write, made)

    def edit(self, name: str, change: Change, write: Write, edited: Callable[[Endpoint], Endpoint]) -> Entry:
        """Write what `edited` makes of an endpoint. Nobody else writes meanwhile, so it must be quick.

        Raises:
            NoSuchEndpoint: there is none of this name.
            Invalid: what comes out is not valid.
            Stale: the endpoint is at another revision than expected.
        """

        def made(session: Session, current: Entry | None) -> Endpoint:
            entry, endpoint = _present(session, name, current)
            _expect(write, entry)
            return edited(endpoint)

        return self._write(name, change, write, made)

    def delete(self, name: str, write: Write) -> Entry:
        """Remove an endpoint; its history stays.

        Raises:
            NoSuchEndpoint: there is none of this name.
            Stale: it is at another revision than expected.
        """

        def made(session: Session, current: Entry | None) -> None:
            entry, _ = _present(session, name, current)
            _expect(write, entry)

        return self._write(name, Change.DELETE, write, made)

    def _write(
        self, name: str, change: Change, write: Write, made: Callable[[Session, Entry | None], Endpoint | None]
    ) -> Entry:
        try:
            with Session(self._writing, expire_on_commit=False) as session, session.begin():
                current = _current(session, name)
                endpoint = made(session, current)
                document = _encoded(endpoint)
                write.confirm(session)
                if current and current.endpoint and _encoded(current.endpoint) == document:
                    return current
                if endpoint is not None:
                    self._check(session, endpoint)
                row = Revision(
                    endpoint=name,
                    number=current.number + 1 if current else 1,
                    document=document,
                    change=change.value,
                    author=write.author[:200],
                    reason=write.reason[:2000],
                )
                session.add(row)
        except IntegrityError:  # where the database lets two writers read at once, the slower one is told here
            with Session(self.engine) as session:
                current = _current(session, name)
            raise Stale(_present_number(current)) from None
        self.on_write()
        return _entry(row)

    def _check(self, session: Session, endpoint: Endpoint) -> None:
        beside = [entry.endpoint for entry in self._newest(session) if entry.endpoint and entry.name != endpoint.name]
        # The endpoint stands last, so that a conflict is reported as its own.
        problems = [*problems_of(endpoint), *_without_name(conflicts([*beside, endpoint]))]
        if problems:
            raise Invalid(problems)

    def _newest(self, session: Session) -> list[Entry]:
        """The newest revision of each endpoint that is there, by name."""
        newest = select(func.max(Revision.id)).group_by(Revision.endpoint).scalar_subquery()
        there = select(Revision.id).where(Revision.id.in_(newest), Revision.document.is_not(None))
        ids = list(session.scalars(there.order_by(Revision.endpoint)))
        known = self._read
        unknown = [number for number in ids if number not in known]
        found = {row.id: _entry(row) for some in _batches(unknown) for row in _rows(session, some)}
        newly = {number: known.get(number) or found[number] for number in ids}
        self._read = newly
        return list(newly.values())


def _present(session: Session, name: str, entry: Entry | None) -> tuple[Entry, Endpoint]:
    if entry is None or entry.endpoint is None:
        raise NoSuchEndpoint(name, _names(session))
    return entry, entry.endpoint


def _keeping(endpoint: Endpoint, current: Entry | None) -> Endpoint:
    """An endpoint with what was learnt of its models so far."""
    before = current.endpoint.thresholds if current and current.endpoint else None
    thresholds = kept(before, endpoint.thresholds, endpoint.models)
    if thresholds is endpoint.thresholds:
        return endpoint
    return msgspec.structs.replace(endpoint, thresholds=thresholds)


def _expect(write: Write, current: Entry | None) -> None:
    here = _present_number(current)
    if write.expected not in (None, here or 0):
        raise Stale(here)


def _present_number(entry: Entry | None) -> int | None:
    return entry.number if entry and entry.endpoint else None


def _current(session: Session, name: str) -> Entry | None:
    query = select(Revision).where(Revision.endpoint == name).order_by(Revision.number.desc()).limit(1)
    row = session.scalar(query)
    return _entry(row) if row else None


def _names(session: Session) -> list[str]:
    newest = select(func.max(Revision.id)).group_by(Revision.endpoint).scalar_subquery()
    there = select(Revision.endpoint).where(Revision.id.in_(newest), Revision.document.is_not(None))
    return list(session.scalars(there.order_by(Revision.endpoint)))


def _number(session: Session) -> int:
    return session.scalar(select(func.max(Revision.id))) or 0


def _batches(numbers: list[int]) -> Iterator[list[int]]:
    """As many as one query may name."""
    yield from (numbers[start : start + 500] for start in range(0, len(numbers), 500))


def _rows(session: Session, ids: list[int]) -> Iterable[Revision]:
    return session.scalars(select(Revision).where(Revision.id.in_(ids)))


def _encoded(endpoint: Endpoint | None) -> str | None:
    """The document as it is stored.

    Raises:
        Invalid: it holds a number that JSON text cannot.
    """
    try:
        return msgspec.json.encode(endpoint).decode() if endpoint else None
    except (ValueError, OverflowError) as error:
        raise Invalid([Problem("", f"cannot be stored: {error}")]) from None


def _entry(row: Revision) -> Entry:
    endpoint = msgspec.json.decode(row.document, type=Endpoint) if row.document else None
    created_at = row.created_at if row.created_at.tzinfo else row.created_at.replace(tzinfo=UTC)
    return Entry(row.id, row.endpoint, row.number, endpoint, Change(row.change), row.author, row.reason, created_at)


def _without_name(problems: Iterable[Problem]) -> list[Problem]:
    """Conflicts point into a plan, that is at an endpoint's name first; a document's own pointers do not."""
    return [Problem("/" + problem.pointer.split("/", 2)[2], problem.detail) for problem in problems]
