"""The services of docker-compose.yml, run as processes: the commands, settings and health checks that the file gives them.

Only what containers would provide is put in their place: each service's name and port become an address of loopback, each
volume a folder, and Jaeger a receiver that remembers.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from compose_spec import PyOptions

from cli.addresses import Address, claim
from cli.envoy_config import envoy_binary
from cli.processes import Process, own_environment
from tests.end_to_end.stacks import PATIENCE, Log, until, without_settings
from tests.support.otlp import OtlpReceiver

FILE = Path(__file__).parents[2] / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = PyOptions(apply_merge=True).from_yaml(FILE.read_text()).to_dict()["services"]
LISTENING = {"envoy": (8080,), "control": (7070, 4417), "gbm": (8501,), "logit": (8501,)}
"""On which ports of its container each service listens."""
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Services:
    """The services of the file, as processes of this machine."""

    def __init__(self, folder: Path, run: Path, jaeger: OtlpReceiver) -> None:
        self.log = Log()
        self.folder = folder
        self.addresses = {
            f"{name}:{port}": claim("127.0.0.1:0", name) for name, ports in LISTENING.items() for port in ports
        }
        self.addresses["jaeger:4317"] = Address("127.0.0.1", jaeger.port)
        self._run = run
        self._up = {name: asyncio.Event() for name in SERVICES}
        self._up["jaeger"].set()
        self.processes: dict[str, Process] = {}

    async def start(self) -> None:
        """Start all that the file names, each when those it depends on are as it wants them."""
        async with asyncio.timeout(4 * PATIENCE), asyncio.TaskGroup() as starting:
            for name in SERVICES.keys() - {"jaeger"}:
                starting.create_task(self._start(name))

    async def stop(self) -> None:
        for process in reversed(self.processes.values()):
            await process.stop()

    async def _start(self, name: str) -> None:
        service = SERVICES[name]
        for other in service.get("depends_on", {}):
            await self._up[other].wait()
        variables = {key: self._here(name, value) for key, value in service.get("environment", {}).items()}
        self.processes[name] = process = self._process(name, service["command"], variables)
        await process.start()
        if "restart" not in service:
            assert await process.wait() == 0, self.log.of(name)
        else:
            await process.until(lambda: self._is_healthy(name), 2 * PATIENCE)
        self._up[name].set()

    def _process(self, name: str, command: list[str], variables: dict[str, str]) -> Process:
        patch = without_settings()
        try:
            return Process(name, self._command(name, command), own_environment(**variables), self.log)
        finally:
            patch.undo()

    async def _is_healthy(self, name: str) -> bool:
        service = SERVICES[name]
        if "healthcheck" not in service:
            return True
        _, *test = service["healthcheck"]["test"]
        check = await asyncio.create_subprocess_exec(
            *self._command(name, test), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        if await check.wait() == 0:
            return True
        await asyncio.sleep(0.2)  # each check is a process, on a machine that has others to start
        return False

    def _command(self, name: str, command: list[str]) -> list[str]:
        """A command of the file with the programs and addresses of this machine."""
        python = shlex.quote(sys.executable)
        programs = {
            "python": [sys.executable],
            "hyperplan": [sys.executable, "-m", "cli.main"],
            "envoy": [str(envoy_binary())],
        }
        program, *arguments = [self._here(name, part) for part in command]
        if program == "sh":
            script = re.sub(r"\bpython (?=-m)", f"{python} ", arguments[-1])
            arguments[-1] = re.sub(r"\bhyperplan (?=[a-z])", f"{python} -m cli.main ", script)
        return [*programs.get(program, [program]), *arguments]

    def _here(self, name: str, text: str) -> str:
        """A text of a service's with the addresses and folders of this machine."""
        for place, address in self.addresses.items():
            service, _, port = place.partition(":")
            text = re.sub(rf"\b{place}\b", str(address), text)
            if service == name.removesuffix("-config"):  # Envoy listens where its configuration says
                text = re.sub(rf"\b(0\.0\.0\.0|127\.0\.0\.1)([:/]){port}\b", rf"127.0.0.1\g<2>{address.port}", text)
        text = text.replace("/run/hyperplan", str(self._run)).replace("/var/lib/hyperplan", str(self.folder / name))
        return re.sub(r"(?<!\w)/models\b", str(self.folder / "models"), text)


@asynccontextmanager
async def services(folder: Path, jaeger: OtlpReceiver) -> AsyncIterator[Services]:
    run = Path(tempfile.mkdtemp(prefix="hyperplan-"))
    (folder / "models").mkdir()
    running = Services(folder, run, jaeger)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()
        shutil.rmtree(run)


def example() -> tuple[str, str]:
    """The path and the body of the request that the file tells people to try."""
    found = re.search(r"curl -i http://localhost:8080(\S+) -d '(.+)'", FILE.read_text())
    assert found
    return found[1], found[2]


async def test_the_services_of_the_compose_file_answer_the_request_that_it_suggests(tmp_path: Path) -> None:
    with OtlpReceiver() as jaeger:
        async with services(tmp_path, jaeger) as running:
            ours = {name for name, service in SERVICES.items() if service["image"] == "hyperplan"}
            assert running.processes.keys() == ours | {"envoy"}
            path, body = example()
            address = running.addresses
            async with (
                httpx.AsyncClient(base_url=address["envoy:8080"].url, timeout=PATIENCE) as client,
                httpx.AsyncClient(base_url=address["control:7070"].url, timeout=PATIENCE) as control,
            ):

                async def ask() -> httpx.Response:
                    return await client.post(path, content=body, headers={"traceparent": f"00-{TRACE}-{'b' * 16}-01"})

                async def answered() -> httpx.Response | None:
                    response = await ask()
                    return (
                        response if response.status_code != 404 else None
                    )  # the sidecar follows at once, but not sooner

                response = await until(answered)
                assert response is not None
                assert response.status_code == 200
                [probability] = response.json()["predictions"]
                assert 0 < probability < 1
                assert response.headers["x-hyperplan-model"] in ("gbm@1", "logit@1")
                # HYPERPLAN_AUTHOR, and the reference, reached control.
                [revision] = (await control.get("/v1/endpoints/flight-delay/revisions")).json()["revisions"]
                assert revision["author"] == "demo"
                reference = await control.get("/v1/endpoints/flight-delay/models/gbm@1/reference")
                assert reference.is_success
                # OTEL_EXPORTER_OTLP_ENDPOINT: samples and metrics go to control.
                await until(lambda: arrived(control, response))
                # Traces go to Jaeger: HYPERPLAN_TRACES is Envoy's, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT the sidecar's.

                async def traced() -> bool:
                    await ask()
                    senders = {sender for sender, span in jaeger.spans if span.trace_id.hex() == TRACE}
                    return senders == {"hyperplan-envoy", "hyperplan-sidecar"}

                await until(traced)
                # The chosen model's process is killed: the other one answers.
                chosen = response.headers["x-hyperplan-model"]
                os.kill(running.processes[chosen.partition("@")[0]].pid, signal.SIGKILL)
                fallback = await ask()
                assert fallback.status_code == 200
                assert {fallback.headers["x-hyperplan-model"], chosen} == {"gbm@1", "logit@1"}
                sample = await until(lambda: arrived(control, fallback))
                assert sample
                assert (sample["chosen"], sample["answered"]) == (chosen, fallback.headers["x-hyperplan-model"])
                assert json.loads(body)["instances"][0]["tailnum"] == sample["entity"]


async def arrived(control: httpx.AsyncClient, response: httpx.Response) -> dict[str, Any] | None:
    """The sample of the request that got this answer, if control has it."""
    prediction = response.headers["x-hyperplan-prediction-id"]
    answer = await control.get(f"/v1/endpoints/flight-delay/samples/{prediction}")
    found: dict[str, Any] = answer.json()
    return found if answer.is_success else None
