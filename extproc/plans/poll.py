"""Plans from control, by long poll: a question waits at control until there is something new.

One blocking connection on a thread, with the standard library: an HTTP client for asyncio would cost the sidecar more
memory than all else that it keeps for control. The next question is asked only when the plan before has been applied or refused, so
each one also tells control how that went.
"""

import asyncio
import contextlib
import http.client
import logging
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable
from urllib.parse import SplitResult, urlencode

import msgspec

from extproc.plans.keeper import Status
from extproc.plans.source import BadPlan
from hyperplan.plan import Plan
from hyperplan.problems import Invalid

log = logging.getLogger("hyperplan.plans")

WAIT = 25.0
"""Seconds that a question waits at control: shorter than the idle timeouts of common proxies in between."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries while control is away; the pause doubles from the one to the other."""


class _Numbered(msgspec.Struct):
    """As much of a plan as can be read when the rest cannot."""

    number: int


class ControlSource:
    """Asks control for each next plan, and tells it with every question which plan is in force."""

    def __init__(self, control: SplitResult, instance: str, status: Callable[[], Status]) -> None:
        self._control = control
        self._instance = instance
        self._status = status
        self._stopped = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._reachable: bool | None = None
        self._newest: int | None = None

    async def plans(self, after: Plan) -> AsyncIterator[Plan | BadPlan]:
        """Each plan that control has next.

        Control is asked for whatever it has at first: it may have been restored to an older plan than `after`. But a
        control that knows no endpoint at all is a new one, and takes nothing away from a sidecar that serves.
        """
        try:
            while not self._stopped.is_set():
                document = await asyncio.to_thread(self._next_document)
                found = self._read(document) if document else None
                if isinstance(found, BadPlan):
                    yield found
                elif found is not None and found.number == 0 and after.number:
                    log.warning("control knows no endpoint yet; plan %d stays in force", after.number)
                elif found is not None and found != after:
                    after = found
                    yield found
        finally:
            self.stop()

    def stop(self) -> None:
        """End the question under way."""
        self._stopped.set()
        connection = self._connection
        if connection and connection.sock:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _read(self, document: bytes) -> Plan | BadPlan:
        try:
            plan = Plan.decode(document)
        except Invalid as error:
            self._newest = _number(document, self._newest or 0)
            return BadPlan(self._newest, error)
        self._newest = plan.number
        return plan

    def _next_document(self) -> bytes | None:
        """The next plan's document, however long it takes; None when stopped."""
        pause = SHORTEST_PAUSE
        while not self._stopped.is_set():
            try:
                document = self._ask()
            except (OSError, http.client.HTTPException) as error:
                if not self._stopped.is_set():
                    self._note(error)
                self._stopped.wait(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            self._note(None)
            if document is not None:
                return document
        return None

    def _ask(self) -> bytes | None:
        """One long poll: a plan document, or None when nothing new came in the whole wait."""
        connection = self._connection = self._connection or self._connect()
        try:
            connection.request("GET", f"{self._control.path.rstrip('/')}/v1/plan?{urlencode(self._question())}")
            response = connection.getresponse()
            body = response.read()
        except BaseException:
            connection.close()
            self._connection = None
            raise
        if response.status == 204:
            return None
        if response.status != 200:
            raise http.client.HTTPException(f"it answers {response.status}: {body[:200].decode('utf-8', 'replace')}")
        return body

    def _question(self) -> dict[str, str]:
        status = self._status()
        question = {"wait": f"{WAIT:g}", "instance": self._instance, "applied": str(status.applied)}
        if self._newest is not None:
            question["after"] = str(self._newest)
        if status.refused is not None:
            question |= {"refused": str(status.refused), "reason": (status.reason or "")[:1000]}
        return question

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._control.scheme == "https" else http.client.HTTPConnection
        return kind(self._control.hostname or "", self._control.port, timeout=WAIT + 10)

    def _note(self, error: Exception | None) -> None:
        """Say once when control goes away, and once when it is back."""
        reachable = error is None
        if reachable == self._reachable:
            return
        self._reachable = reachable
        where = self._control.geturl()
        if error:
            log.warning("control at %s cannot be reached, the plan in force stays: %s", where, error)
        else:
            log.info("following control at %s", where)


def _number(document: bytes, newest: int) -> int:
    """The number of a plan that cannot be served, so that it is not asked for again."""
    try:
        return msgspec.json.decode(document, type=_Numbered).number
    except (msgspec.DecodeError, UnicodeDecodeError):
        return newest + 1
