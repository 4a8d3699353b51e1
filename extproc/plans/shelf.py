"""The last good plan, on disk: a sidecar that starts while control is away serves from it."""

import logging
import os
from pathlib import Path

from hyperplan.plan import Plan
from hyperplan.problems import Invalid

log = logging.getLogger("hyperplan.plans")


class Shelf:
    """Keeps one plan in a file, replaced as a whole: a crash in mid-write leaves the plan before."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "plan.json"

    def load(self) -> Plan | None:
        """The plan that was saved last; None when there is none that can be read, and the log says why."""
        try:
            return Plan.decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, Invalid) as error:
            log.warning("the plan on disk cannot be used: %s: %s", self._path, error)
            return None

    def save(self, plan: Plan) -> None:
        """Keep a plan.

        Raises:
            OSError: the disk is full or the folder cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(plan.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
