"""Running control: its stores, the receiver of telemetry and the web application, from start to stop."""

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from control.alerts.alerting import Alerting
from control.alerts.courier import Webhooks
from control.app import create_app
from control.experiments.judging import Judging
from control.exploration import Exploring
from control.jobs import Job, Jobs
from control.otlp import OtlpReceiver
from control.plans import PlanFeed
from control.registry import NoSuchEndpoint, Registry
from control.registry.database import FILE, open_database, sqlite_url
from control.registry.database import Unopenable as UnopenableRegistry
from control.rollouts.rolling import Rolling
from control.stores import Keeping, Store, Unavailable, keep_compacting, keep_trimming, open_store
from control.stores import Unopenable as UnopenableStore
from control.thresholds.teaching import Teaching
from hyperplan.endpoint import Endpoint
from hyperplan.secret import Secret

log = logging.getLogger("hyperplan.control")

KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: a sidecar asks again only when it has applied the plan before."""
GRACE = 2
"""Seconds that requests under way get to end when control stops."""


class ControlSettings(NamedTuple):
    """Where control listens, as (host, port), keeps its data, and tells of alerts. `bucket` is in seconds.

    `registry` and `store` are URLs; without them both are files in the folder `data`. The `secret`
    is that of the sidecars, if control may know it. `jaeger` is the URL of the pages that show traces.
    """

    listen: tuple[str, int]
    otlp: tuple[str, int]
    data: Path
    bucket: float
    registry: str | None = None
    store: str | None = None
    keeping: Keeping = Keeping()
    webhooks: Webhooks = Webhooks()
    secret: Secret | None = None
    jaeger: str | None = None


class _Server(uvicorn.Server):
    """uvicorn, without its own idea of what signals do: whoever runs control decides when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class CannotStart(OSError):
    """Control cannot start; the message says why, and which option to change."""


async def serve(settings: ControlSettings, stop: asyncio.Event) -> None:
    """Run until `stop` is set. Whatever happens, nothing stays open.

    Raises:
        CannotStart: an address cannot be listened on, or the data not be opened.
    """
    _spare_the_collector()
    async with contextlib.AsyncExitStack() as opened:
        listener = opened.enter_context(_listening(*settings.listen))
        registry, store = _open(settings, opened)
        feed = PlanFeed(registry)
        otlp_port = await _receive(settings, store, opened)
        opened.push_async_callback(_cancel, asyncio.create_task(keep_compacting(store)))
        opened.push_async_callback(_cancel, asyncio.create_task(keep_trimming(store, settings.keeping)))
        address = "{}:{}".format(*listener.getsockname()[:2])
        log.info("the API and the console are at http://%s, OTLP is received on port %d", address, otlp_port)
        alerting = Alerting(registry, store, settings.webhooks)
        opened.push_async_callback(_cancel, asyncio.create_task(alerting.run()))
        rolling = Rolling(registry, store)
        jobs = Jobs(_jobs(registry, store, alerting, rolling))
        opened.push_async_callback(_cancel, asyncio.create_task(jobs.run()))
        app = create_app(
            registry, store, feed, alerting, [jobs.metrics.registry, rolling.metrics.registry], settings.jaeger
        )
        await _answer(uvicorn.Config(app, **_UVICORN), listener, feed, stop)


def _jobs(registry: Registry, store: Store, alerting: Alerting, rolling: Rolling) -> list[Job]:
    """All that control does by itself, in one of its replicas."""
    return [alerting.watch, Judging(registry, store), Exploring(registry, store), rolling, Teaching(registry, store)]


def _spare_the_collector() -> None:
    """Have garbage looked for seldom: a batch of samples is a hundred thousand objects without a cycle among them, and looking
    at them took half the time of reading them."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


_UVICORN: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "lifespan": "on",
    "timeout_keep_alive": KEEP_ALIVE,
    "timeout_graceful_shutdown": GRACE,
}


def _open(settings: ControlSettings, opened: contextlib.AsyncExitStack) -> tuple[Registry, Store]:
    """The registry and the store, closed with the rest."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        registry = Registry(open_database(settings.registry or sqlite_url(settings.data / FILE)))
        opened.callback(registry.close)
        registry.plan()  # what cannot be read is better known now than at the first question
    except OSError as error:
        raise CannotStart(
            f"the data folder {settings.data} cannot be made: {error.strerror}; choose another with --data"
        ) from None
    except UnopenableRegistry as error:
        raise CannotStart(str(error)) from None

    def endpoint_of(name: str) -> Endpoint | None:
        try:
            return registry.get(name)[1]
        except NoSuchEndpoint:
            return None
        except SQLAlchemyError as error:
            raise Unavailable(f"the registry cannot be read: {error}") from error

    try:
        store = open_store(settings.store or settings.data, settings.bucket, endpoint_of, settings.secret)
    except UnopenableStore as error:
        raise CannotStart(str(error)) from None
    opened.callback(store.close)
    return registry, store


async def _receive(settings: ControlSettings, store: Store, opened: contextlib.AsyncExitStack) -> int:
    """Begin to receive telemetry, until the rest is closed; the port."""
    host, port = settings.otlp
    receiver = OtlpReceiver(store, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    try:
        otlp_port = await receiver.start()
    except RuntimeError as error:
        raise CannotStart(f"{error} Choose another address with --otlp-listen") from None
    opened.push_async_callback(receiver.stop)
    return otlp_port


async def _answer(config: uvicorn.Config, listener: socket.socket, feed: PlanFeed, stop: asyncio.Event) -> None:
    """Answer requests until it is time to stop; those under way are ended in order."""
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        log.info("stopping")
        await _cancel(stopping)
        feed.close()
        server.should_exit = True
        await serving


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]  # Python adds the address, which stands here already
        raise CannotStart(f"cannot listen on {host}:{port}: {why}; choose another address with --listen") from None
    # asyncio sets this for sockets that it makes itself. Without it the body of an answer waits 40 ms for the client to acknowledge the headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
