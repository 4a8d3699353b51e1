"""`hyperplan demo`: half a year of real flights through Envoy, two models and a few accidents; and again, when the truth about them comes back.

Everything is real: the stack that `hyperplan up` runs, two processes that serve scikit-learn models, a client that
knows only TensorFlow Serving's REST API, and control, which is asked through its API for whatever the demo claims.
"""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import httpx

from cli.addresses import Address, claim
from cli.failure import Failure
from cli.processes import Process, own_environment
from cli.profiling import profile_file
from cli.stack import Stack, StackSettings
from cli.texts import write_text
from demo import acts
from demo.client import Answer, replay
from demo.endpoint import NAME, document, document_of_experiment
from demo.experiment import Conclusions, conclude
from demo.flights import Flight, Row, each, for_experiment, for_replay, load
from demo.landings import Landings, report
from demo.observed import Observed, observe
from demo.screen import Screen
from demo.training import Training, train
from hyperplan.endpoint import Endpoint, parse_endpoint

BUCKET = 0.5
"""Seconds of traffic that one profile covers in the demo: half a year passes in a minute, and so do its accidents."""
RATE = 340.0
"""Flights in a second, so that 20,000 take about a minute."""
JUDGED = 12_000
"""Flights of the second half, if the first has as many."""
NEW_SPLIT = {"gbm@1": 50.0, "logit@1": 50.0}
"""What the operator changes the split to."""
VICTIM = "logit@1"
"""The model that is killed."""
REFERENCE_CHUNK = 10_000
"""Rows of training data in one profile of the reference."""


class DemoSettings(NamedTuple):
    """How the demo runs. `flights` is None for all of them; `stays` keeps the stack up after the replay. The pictures of alerts are kept in `pictures`."""

    listen: Address
    control: Address
    otlp: Address
    flights: int | None
    stays: bool
    traces: str | None
    pictures: Path
    as_json: bool


async def run(settings: DemoSettings, stop: asyncio.Event) -> None:
    """Train, serve, replay, and tell what was seen; then stay until `stop` is set, if it is to stay.

    Raises:
        Failure: something does not start, or the replay cannot be judged.
    """
    folder = Path(tempfile.mkdtemp(prefix="hyperplan-demo-"))
    show = asyncio.create_task(_Demo(settings, folder).show(stop))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((show, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not show.done():
            show.cancel()
        await asyncio.gather(show, return_exceptions=not show.done())
        if show.done() and not show.cancelled() and (error := show.exception()):
            raise error
    finally:
        stopped.cancel()
        shutil.rmtree(folder, ignore_errors=True)


class _Demo:
    """One run of the demo."""

    def __init__(self, settings: DemoSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._screen = Screen(quiet=settings.as_json)
        self._answers: list[Answer] = []
        self._edited: float | None = None
        self._log: list[str] = []

    async def show(self, stop: asyncio.Event) -> None:
        """The whole of it."""
        screen = self._screen
        with screen.step("reading 336,776 flights of 2013"):
            flights = await asyncio.to_thread(load)
        training = await asyncio.to_thread(train, flights, self._folder, screen.say)
        replayed = self._settings.flights
        rows = [flight.row for flight in each(for_replay(flights, replayed))]
        judged = list(each(for_experiment(flights, min(replayed or JUDGED, JUDGED), replayed)))
        async with AsyncExitStack() as running:
            servers = {model.label: await self._serve(running, training, model.label) for model in training.models}
            endpoint = parse_endpoint(document(_addresses(servers)))
            stack = await running.enter_async_context(Stack(self._stack_settings(), self._note))
            http = await running.enter_async_context(httpx.AsyncClient(base_url=stack.settings.control.url, timeout=60))
            with screen.step("handing the endpoint and its references to control"):
                await self._introduce(http, endpoint, servers, training)
            console = f"{stack.settings.control.url}/?period=5m"
            screen.say(f"watch it at {console}")
            await self._replay(rows, http, servers[VICTIM][0])
            with screen.step("waiting for the last samples"):
                observed = await observe(http, endpoint, self._answers, self._edited, NEW_SPLIT)
            self._keep_pictures(observed)
            if not self._settings.as_json:
                self._screen.table(observed)
                self._screen.alerts(observed.alerts, self._settings.pictures)
            servers[VICTIM] = await self._serve(running, training, VICTIM)  # an operator starts it again, elsewhere
            conclusions = await self._judge(http, servers, judged)
            if self._settings.as_json:
                print(json.dumps(observed.as_json() | {"experiment": conclusions._asdict()}), flush=True)
            else:
                self._screen.conclusions(conclusions)
            if self._settings.stays:
                screen.say(f"\nthe console is at {console}; Ctrl-C ends the demo")
                await stop.wait()

    def _stack_settings(self) -> StackSettings:
        settings = self._settings
        return StackSettings(
            listen=settings.listen,
            control=settings.control,
            otlp=settings.otlp,
            data=self._folder / "data",
            traces=settings.traces,
            bucket=BUCKET,
            metric_interval=1.0,
        )

    async def _serve(self, running: AsyncExitStack, training: Training, label: str) -> tuple[Process, str]:
        """Start the server of a model; the process, and its address."""
        model = next(model for model in training.models if model.label == label)
        address = claim("127.0.0.1:0", "the model's address")
        arguments = [
            "-m",
            "demo.model_server",
            "--model",
            str(model.path),
            "--name",
            model.name,
            "--listen",
            str(address),
        ]
        process = Process(model.name, [sys.executable, *arguments], own_environment(), self._note)
        running.push_async_callback(process.stop)
        await process.start()

        async def ready() -> bool:
            try:
                async with httpx.AsyncClient() as http:
                    return (await http.get(f"{address.url}/v1/models/{model.name}")).is_success
            except httpx.HTTPError:
                return False

        await process.until(ready, 60)
        return process, address.url

    async def _introduce(
        self, http: httpx.AsyncClient, endpoint: Endpoint, servers: dict[str, tuple[Process, str]], training: Training
    ) -> None:
        await _apply(http, document(_addresses(servers)), "the demo begins")
        for model in training.models:
            reference = await asyncio.to_thread(
                profile_file, training.data, endpoint, model.label, time_column="scheduled", chunk_rows=REFERENCE_CHUNK
            )
            await _sent(http, "PUT", f"/v1/endpoints/{NAME}/models/{model.label}/reference", reference.encode(), {})

    async def _replay(self, rows: list[Row], http: httpx.AsyncClient, victim: Process) -> None:
        total = len(rows)
        turn_of = {act: int(act.begins * total) for act in acts.ACTS}
        chores: set[asyncio.Task[None]] = set()

        def next_rows() -> Iterator[Row]:
            for turn, row in enumerate(rows):
                if turn == turn_of[acts.EDIT]:
                    chores.add(asyncio.create_task(self._edit(http)))
                if turn == turn_of[acts.KILL]:
                    victim.send(signal.SIGKILL)
                yield row

        with self._screen.replaying(total) as update:

            def on_answer(answer: Answer) -> None:
                self._answers.append(answer)
                update(self._answers, acts.caption(len(self._answers) / total))

            await replay(
                self._settings.listen.url,
                next_rows(),
                on_answer,
                rate=RATE if self._settings.flights else None,
                transform=lambda row, turn: acts.as_sent(row, turn / total),
            )
            await asyncio.gather(*chores)

    async def _edit(self, http: httpx.AsyncClient) -> None:
        """Edit the split as an operator would."""
        path = f"/v1/endpoints/{NAME}/routing"
        current = await _sent(http, "GET", path, None, {})
        routing = current.json() | {"split": NEW_SPLIT}
        headers = {
            "if-match": current.headers["etag"],
            "content-type": "application/json",
            "hyperplan-author": "demo",
            "hyperplan-reason": "logit does well: give it half",
        }
        self._edited = time.time()
        await _sent(http, "PUT", path, json.dumps(routing), headers)

    def _note(self, name: str, line: str) -> None:
        """Logs are kept for when something goes wrong; the screen belongs to the replay."""
        self._log.append(f"{name:<8}| {line}")

    def _keep_pictures(self, observed: Observed) -> None:
        """Write the picture of each alert, in place of those of the last run."""
        for alert in observed.alerts:
            write_text(self._settings.pictures / f"{alert.id}.svg", alert.picture)

    async def _judge(
        self, http: httpx.AsyncClient, servers: dict[str, tuple[Process, str]], flights: list[Flight]
    ) -> Conclusions:
        """The second half: other flights, whose truth comes back while they land."""
        text = document_of_experiment(_addresses(servers))
        await _apply(http, text, "the truth comes back: gbm against the rule, logit as a shadow")
        landings, over = Landings(NAME, flights), asyncio.Event()
        answers: list[Answer] = []
        reporting = asyncio.create_task(report(self._settings.listen.url, landings, over))
        with self._screen.replaying(len(flights)) as update:

            def on_answer(answer: Answer) -> None:
                answers.append(answer)
                landings.answered(answer)
                update(answers, f"{landings.sent:,} flights have landed, and their truth is told")

            await replay(self._settings.listen.url, (flight.row for flight in flights), on_answer, rate=RATE)
        over.set()
        await reporting
        with self._screen.step("waiting for the verdict"):
            errors = sum(answer.status != httpx.codes.OK for answer in answers)
            return await conclude(http, NAME, len(flights), errors, landings.sent)


def _addresses(servers: dict[str, tuple[Process, str]]) -> dict[str, str]:
    return {label: address for label, (_, address) in servers.items()}


async def _apply(http: httpx.AsyncClient, text: str, reason: str) -> None:
    headers = {"content-type": "application/yaml", "hyperplan-author": "demo", "hyperplan-reason": reason}
    await _sent(http, "PUT", f"/v1/endpoints/{NAME}", text, headers)


async def _sent(
    http: httpx.AsyncClient, method: str, path: str, content: str | bytes | None, headers: dict[str, str]
) -> httpx.Response:
    response = await http.request(method, path, content=content, headers=headers)
    if response.is_error:
        raise Failure(f"control refuses {method} {path}: {response.status_code} {response.text}")
    return response
