"""Plans out of a folder of endpoint documents, for a sidecar without control.

The folder is looked at twice a second instead of being watched: a mounted ConfigMap changes by swapping links, which
file watchers are known to miss, and a look at a few files costs nothing.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from extproc.plans.source import BadPlan
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.plan import Plan, PlannedEndpoint, conflicts
from hyperplan.problems import Invalid, Problem

log = logging.getLogger("hyperplan.plans")

SUFFIXES = (".yaml", ".yml", ".json")
INTERVAL = 0.5
"""Seconds between two looks."""


class FolderSource:
    """Reads every document of a folder, again whenever one changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, str | Invalid] = {}
        self._marked: dict[str, tuple[int, int, int]] | None = None

    async def plans(self, after: Plan) -> AsyncIterator[Plan | BadPlan]:
        """Each plan that differs from the one before, numbered from it; or what is wrong with the folder, once."""
        current, seen = after, None
        while True:
            texts = await asyncio.to_thread(self._texts)
            if texts != seen:
                seen = texts
                try:
                    plan = plan_of(texts, current)
                except Invalid as error:
                    yield BadPlan(current.number + 1, error)
                else:
                    if plan != current:
                        current = plan
                        yield plan
            await asyncio.sleep(INTERVAL)

    def _texts(self) -> dict[str, str | Invalid]:
        """The text of each document by file name, or why it cannot be read. Files that did not change are not read again."""
        marks = self._marks()
        if marks is None or marks != self._marked:
            self._marked, self._read = marks, self._read_all()
        return self._read

    def _marks(self) -> dict[str, tuple[int, int, int]] | None:
        """What changes with each document's content, by file name; None when that cannot be told."""
        try:
            with os.scandir(self._folder) as entries:
                found = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(SUFFIXES)]
        except OSError:
            return None
        return {name: (status.st_ctime_ns, status.st_size, status.st_ino) for name, status in found}

    def _read_all(self) -> dict[str, str | Invalid]:
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
        except OSError as error:
            return {str(self._folder): Invalid([Problem("", f"cannot be read: {error.strerror}")])}
        return {path.name: _text(path) for path in paths}


def plan_of(texts: dict[str, str | Invalid], before: Plan) -> Plan:
    """The plan of a set of documents, by file name. An endpoint that did not change keeps its revision.

    Raises:
        Invalid: with everything that is wrong, each with the name of its file in front.
    """
    problems: list[Problem] = []
    endpoints: list[Endpoint] = []
    for name, text in texts.items():
        try:
            if isinstance(text, Invalid):
                raise text
            endpoints.append(parse_endpoint(text))
        except Invalid as error:
            problems += [
                Problem(f"{name}: {problem.pointer or '/'}", problem.detail, problem.line) for problem in error.problems
            ]
    problems += conflicts(endpoints)
    if problems:
        raise Invalid(problems)
    known = {planned.endpoint.name: planned for planned in before.endpoints}
    planned = tuple(_planned(endpoint, known.get(endpoint.name)) for endpoint in endpoints)
    return before if planned == before.endpoints else Plan(before.number + 1, planned)


def _planned(endpoint: Endpoint, before: PlannedEndpoint | None) -> PlannedEndpoint:
    if before is None:
        return PlannedEndpoint(1, endpoint)
    return before if before.endpoint == endpoint else PlannedEndpoint(before.revision + 1, endpoint)


def _text(path: Path) -> str | Invalid:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        return Invalid([Problem("", f"cannot be read: {error.strerror}")])
    except UnicodeDecodeError as error:
        return Invalid([Problem("", f"is not UTF-8: {error.reason} at byte {error.start}")])
