"""The courier: takes what is in the outbox to the webhooks, and tries again, and again, until it is too late.

As Standard Webhooks asks: an answer of 2xx is success, redirects are failures, 410 ends it for that webhook until control is started again,
`Retry-After` is heeded. Pauses grow fourfold from 5 seconds to an hour, half of each at random, so that receivers that come back are not
all met by everybody at once. What could not be delivered for a day is given up, and said so in the log, the metrics and the alert's own record.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import httpx
from sqlalchemy.exc import SQLAlchemyError

from control.alerts.metrics import AlertMetrics
from control.alerts.outbox import Delivery, DeliveryState, Outbox, fingerprint
from control.alerts.signing import signed_headers
from control.jobs.lease import Lease

log = logging.getLogger("hyperplan.control")

SECOND = 10**9
FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 5.0, 4.0, 3600.0
"""Seconds until the second attempt, by how much pauses grow, and how long they get."""
PATIENCE = 24 * 3600.0
"""Seconds after which a message is given up."""
TIMEOUT = 20.0
"""Seconds that a receiver gets to answer."""
IDLE = 5.0
"""Seconds between looks into the outbox, when nobody says that something is in it."""


class Webhooks(NamedTuple):
    """Where messages go, and the secrets that sign them."""

    urls: Sequence[str] = ()
    secrets: Sequence[bytes] = ()

    def by_name(self) -> Mapping[str, str]:
        """The URLs by what they are called in the database."""
        return {fingerprint(url): url for url in self.urls}


def pause_after(attempts: int, chance: float) -> float:
    """The seconds to wait after so many attempts, 1 or more; `chance` is a random number from 0 to 1.

    >>> [pause_after(attempts, 1.0) for attempts in (1, 2, 3, 99)]
    [5.0, 20.0, 80.0, 3600.0]
    """
    whole = min(FIRST_PAUSE * GROWTH ** min(attempts - 1, 20), LONGEST_PAUSE)
    return whole * (0.5 + 0.5 * chance)


class Courier:
    """Delivers until it is cancelled; lives on one event loop. `wake` says that something new is in the outbox."""

    def __init__(
        self,
        outbox: Outbox,
        webhooks: Webhooks,
        lease: Lease,
        metrics: AlertMetrics,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._urls = webhooks.by_name()
        self._secrets = webhooks.secrets
        self._lease = lease
        self._metrics = metrics
        self._chance = chance
        self._gone: set[str] = set()
        self._new = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self) -> None:
        """Look into the outbox now. May be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._new.set)

    async def run(self) -> None:
        """Deliver what is due, again and again."""
        self._loop = asyncio.get_running_loop()
        async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client:
            while True:
                try:
                    await self._round(client)
                except SQLAlchemyError as error:
                    log.warning("the outbox of alerts cannot be read or written: %s", error)
                try:
                    async with asyncio.timeout(IDLE):
                        await self._new.wait()
                except TimeoutError:
                    pass
                self._new.clear()

    async def _round(self, client: httpx.AsyncClient) -> None:
        while self._lease.held:
            due = await asyncio.to_thread(self._outbox.due, time.time_ns())
            if not due:
                return
            await asyncio.gather(*(self._deliver(client, delivery) for delivery in due))

    async def _deliver(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        url = self._urls.get(delivery.webhook)
        if url is None or delivery.webhook in self._gone:
            reason = "the webhook is not configured any more" if url is None else "the webhook answered 410 Gone"
            await self._give_up(delivery, reason)
            return
        now = time.time_ns()
        headers = signed_headers(self._secrets, delivery.message, now // SECOND, delivery.body)
        headers["content-type"] = "application/json"
        try:
            response = await client.post(url, content=delivery.body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            await self._failed(delivery, type(error).__name__ + (f": {error}" if str(error) else ""), 0.0)
            return
        if response.is_success:
            self._metrics.attempts.labels("delivered").inc()
            await asyncio.to_thread(self._outbox.settle, delivery, DeliveryState.DELIVERED)
        elif response.status_code == httpx.codes.GONE:
            self._gone.add(delivery.webhook)
            await self._give_up(delivery, "the webhook answered 410 Gone")
        else:
            await self._failed(delivery, f"the webhook answered {response.status_code}", _retry_after(response))

    async def _failed(self, delivery: Delivery, reason: str, asked: float) -> None:
        now = time.time_ns()
        if now - delivery.created > PATIENCE * SECOND:
            await self._give_up(delivery, reason)
            return
        pause = max(pause_after(delivery.attempts + 1, self._chance()), asked)
        self._metrics.attempts.labels("failed").inc()
        log.warning(
            "message %s could not be delivered to webhook %s: %s; again in %.0f s",
            delivery.message,
            delivery.webhook,
            reason,
            pause,
        )
        next_at = now + round(pause * SECOND)
        await asyncio.to_thread(self._outbox.settle, delivery, DeliveryState.WAITING, next_at=next_at, error=reason)

    async def _give_up(self, delivery: Delivery, reason: str) -> None:
        self._metrics.attempts.labels("given_up").inc()
        log.error("message %s is given up for webhook %s: %s", delivery.message, delivery.webhook, reason)
        await asyncio.to_thread(self._outbox.settle, delivery, DeliveryState.GIVEN_UP, error=reason)


def _retry_after(response: httpx.Response) -> float:
    """The seconds that a receiver asks to be left alone, no more than the longest pause (RFC 9110 section 10.2.3)."""
    text = response.headers.get("retry-after", "")
    return min(float(text), LONGEST_PAUSE) if text.isascii() and text.isdigit() else 0.0
