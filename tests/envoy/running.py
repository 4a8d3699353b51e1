"""What the tests of Envoy run: Envoy itself, models on loopback, and plans that name them."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.aio
import httpx

from cli.addresses import Address
from cli.envoy_config import EnvoySettings, envoy_binary, render
from extproc.rules import RuleServer
from extproc.service import OneProcess
from extproc.sidecar import RULES_SOCKET, sockets_in
from extproc.stages import Stages
from extproc.transports import H2Transport
from extproc.wire.external_processing_pb2 import (
    OVERWRITE_IF_EXISTS_OR_ADD,
    BodyResponse,
    CommonResponse,
    HeaderMap,
    HeaderMutation,
    HeadersResponse,
    ProcessingRequest,
    ProcessingResponse,
)
from extproc.xds import Resources, resources_of
from extproc.xds.resources import RULES
from hyperplan.documents import Document
from hyperplan.endpoint import Endpoint, read_endpoint
from hyperplan.plan import CompiledPlan, Plan, PlannedEndpoint
from tests.extproc.conversation import Memory

PATIENCE = 20.0
"""Seconds that a test waits for something before it fails."""


@dataclass
class Seen:
    """A request as a model saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class ModelServer:
    """A server that answers every request alike, and keeps what it saw.

    One that hangs answers when it is released, one that breaks resets the connection in the middle of an answer, and one that trickles sends a byte at a
    time and never comes to the end.
    """

    status: int = 200
    answer: bytes = b'{"predictions": [0.5]}'
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    breaks: bool = False
    trickles: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)
    tls: ssl.SSLContext | None = None
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on loopback, on a free port or on the one that it had."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            # asyncio drops what it has accepted, but not handed over yet, without closing it (Python 3.11): nothing more
            # is accepted, and one turn of the loop hands over what was.
            loop = asyncio.get_running_loop()
            for listener in self._server.sockets:
                loop.remove_reader(listener.fileno())
            await asyncio.sleep(0)
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # it was stopped between taking the connection and coming to it
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split(" ")
                headers = {}
                while (header := await reader.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await self._body(reader, headers)
                self.seen.append(Seen(method, path, headers, body))
                if self.hangs:
                    await self.released.wait()
                extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                head = f"HTTP/1.1 {self.status} Some Reason\r\ncontent-length: {len(self.answer)}\r\n{extra}\r\n"
                await self._write(writer, head.encode())
        except (ConnectionError, ValueError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _write(self, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(head + self.answer[: 5 if self.breaks or self.trickles else None])
        await writer.drain()
        if self.breaks:
            writer.transport.abort()
        while self.trickles:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def _body(self, reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await reader.readexactly(int(headers.get("content-length", "0")))
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return body


class RunningEnvoy:
    """An Envoy process with the shipped bootstrap; its sockets and its log are in the folder `run`."""

    def __init__(self, run: Path, process: asyncio.subprocess.Process) -> None:
        self.run = run
        self.process = process
        self.url = ""
        self.admin = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(run / "admin.sock")), base_url="http://envoy"
        )

    @classmethod
    async def launch(cls, run: Path, **settings: Any) -> "RunningEnvoy":
        """Start it on a free port. It listens once the xDS server has sent resources; `ready` waits for that."""
        configuration = run / "envoy.yaml"
        configuration.write_text(render(EnvoySettings(listen=Address("127.0.0.1", 0), run=run, **settings)))
        with (run / "envoy.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                envoy_binary(),
                *("--config-path", str(configuration), "--disable-hot-restart", "--concurrency", "1"),
                stdout=log,
                stderr=log,
            )
        return cls(run, process)

    async def ready(self) -> None:
        """Wait until it serves, and learn on which port."""
        async with asyncio.timeout(PATIENCE):
            while not await self.is_ready():
                assert self.process.returncode is None, self.log()
                await asyncio.sleep(0.02)
        listeners = (await self.admin.get("/listeners", params={"format": "json"})).json()
        address = listeners["listener_statuses"][0]["local_address"]["socket_address"]
        self.url = f"http://127.0.0.1:{address['port_value']}"

    async def is_ready(self) -> bool:
        try:
            return (await self.admin.get("/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def clusters(self) -> set[str]:
        """The names of the clusters that it has."""
        status = (await self.admin.get("/clusters", params={"format": "json"})).json()
        return {cluster["name"] for cluster in status["cluster_statuses"]}

    def log(self) -> str:
        return (self.run / "envoy.log").read_text()

    async def stop(self) -> None:
        await self.admin.aclose()
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()


class Sidecar:
    """The sidecar's part of a request, in this process: both stages and the rules, and what they told."""

    def __init__(self, run: Path) -> None:
        self.memory = Memory()
        self._stages = Stages(self.memory)
        transports = {role: H2Transport(self._stages[role], socket) for role, socket in sockets_in(run).items()}
        self._service = OneProcess(self._stages, transports)
        self._rules = RuleServer(run / RULES_SOCKET)

    async def start(self, plan: Plan) -> None:
        await self.adopt(plan)
        await self._service.start()

    async def adopt(self, plan: Plan) -> None:
        """Go over to a plan."""
        compiled = CompiledPlan(plan)
        await self._rules.widen(compiled)
        await self._service.adopt(plan, compiled)

    async def stop(self) -> None:
        await self._service.stop(0.1)
        await self._rules.stop(0.1)


class Served(NamedTuple):
    """An Envoy with its sidecar."""

    envoy: RunningEnvoy
    sidecar: Sidecar

    @property
    def memory(self) -> Memory:
        """What the sidecar told."""
        return self.sidecar.memory

    @property
    def url(self) -> str:
        """Where the endpoint `delay` is."""
        return f"{self.envoy.url}/v1/models/delay:predict"


class ChoosingSidecar:
    """The smallest ext_proc service: it sends every request to one arm, with more headers if told so."""

    def __init__(self, run: Path, **headers: str) -> None:
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self._socket = run / "extproc.sock"
        self._server: grpc.aio.Server | None = None
        self.headers: list[Mapping[str, str]] = []
        self.stuck = False

    async def start(self) -> None:
        self._server = grpc.aio.server()
        handler = grpc.stream_stream_rpc_method_handler(
            self._process,
            request_deserializer=ProcessingRequest.FromString,
            response_serializer=ProcessingResponse.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler(
            "envoy.service.ext_proc.v3.ExternalProcessor", {"Process": handler}
        )
        self._server.add_generic_rpc_handlers((service,))
        self._server.add_insecure_port(f"unix:{self._socket}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)

    async def _process(
        self, requests: AsyncIterator[ProcessingRequest], _context: grpc.aio.ServicerContext
    ) -> AsyncIterator[ProcessingResponse]:
        async for request in requests:
            if request.WhichOneof("request") == "request_headers":
                seen = HeaderMap.FromString(request.request_headers.headers).headers
                self.headers.append({header.key: header.raw_value.decode() for header in seen})
                if self.stuck:
                    await asyncio.Event().wait()
                yield ProcessingResponse(request_headers=HeadersResponse())
            else:
                yield ProcessingResponse(request_body=BodyResponse(response=self._choice()))

    def _choice(self) -> CommonResponse:
        mutation = HeaderMutation()
        for name, value in self._headers.items():
            option = mutation.set_headers.add(append_action=OVERWRITE_IF_EXISTS_OR_ADD)
            option.header.key, option.header.raw_value = name, value.encode()
        return CommonResponse(header_mutation=mutation, clear_route_cache=True)


def endpoint_document(models: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """An endpoint document with these models and their URLs; the first is the only arm, the others are fallbacks."""
    names = list(models)
    name = changes.pop("name", "delay")
    return {
        "name": name,
        "match": {"path": f"/v1/models/{name}:predict"},
        "protocol": "tfserving",
        "task": "regression",
        "schema": {"features": {"x": {"type": "float"}}},
        "models": {name: {"url": url, "protocol": "tfserving"} for name, url in models.items()},
        "routing": {"split": {names[0]: 1}, "fallback": names[1:]},
        **changes,
    }


def endpoint_of(document: dict[str, Any]) -> Endpoint:
    """The endpoint of a document."""
    return read_endpoint(Document(document))


def plan(*documents: dict[str, Any], number: int = 1) -> Plan:
    """A plan of these endpoint documents, all of a revision with the number of the plan."""
    return Plan(number, tuple(PlannedEndpoint(number, endpoint_of(document)) for document in documents))


def resources(*documents: dict[str, Any], default_upstream: str | None = None, rules: str = RULES) -> Resources:
    """The resources of a plan of these endpoint documents."""
    return resources_of(plan(*documents), default_upstream, rules=rules)


def unused_url(path: str) -> str:
    """A URL at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}{path}"
