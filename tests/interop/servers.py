"""Model servers that others wrote, each in a virtual environment of its own, with the same models in all of them.

`make interop` makes the environments. What a server is and how it is started stands in `SERVERS`; a further one is a list of
requirements, a line there and, if it must be told how to predict, a script.
"""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from cli.addresses import Address, claim
from cli.processes import Print, Process, own_environment

ENVIRONMENTS = Path(__file__).parents[2] / "build" / "interop"
SCRIPTS = Path(__file__).parent / "scripts"
START = 120.0
"""Seconds that a server may take to be ready: a cold start imports a great deal."""

Command = Callable[[Path, Path, Address], Sequence[str]]
"""What starts a server: the model's file, a folder to work in, and where to listen."""


class Server(NamedTuple):
    """A kind of server: how it is started, what it speaks, and the paths at which it predicts and says that it lives."""

    name: str
    command: Command
    protocol: str
    path: str
    health: str


def program(environment: str, name: str) -> str:
    """A program of a server's environment."""
    found = ENVIRONMENTS / environment / "bin" / name
    assert found.exists(), f"{found} is not there; `make interop` installs it"
    return str(found)


def run_script(environment: str, name: str, *arguments: str, given: str = "") -> str:
    """Run a script in a server's environment; what it prints."""
    command = [program(environment, "python"), str(SCRIPTS / f"{name}.py"), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=START, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _mlflow(model: Path, folder: Path, address: Address) -> Sequence[str]:
    run_script("mlflow", "save_mlflow", str(model), str(folder / "model"))
    where = ["-h", address.host, "-p", str(address.port)]
    return [
        program("mlflow", "mlflow"),
        "models",
        "serve",
        "-m",
        str(folder / "model"),
        *where,
        "--env-manager",
        "local",
    ]


def _mlserver(model: Path, folder: Path, address: Address) -> Sequence[str]:
    grpc, metrics = (claim("127.0.0.1:0", "a port").port for _ in range(2))
    ports = {"http_port": address.port, "grpc_port": grpc, "metrics_port": metrics}
    settings = {"host": address.host, "parallel_workers": 0, "debug": False, **ports}
    parameters = {"uri": str(model), "extra": {"predict_fn": "predict_proba"}}
    served = {"name": "flights", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": parameters}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(served))
    return [program("mlserver", "mlserver"), "start", str(folder)]


def _kserve(model: Path, _: Path, address: Address) -> Sequence[str]:
    return [program("kserve", "python"), str(SCRIPTS / "serve_kserve.py"), str(model), str(address.port)]


SERVERS = (
    Server("mlflow", _mlflow, "mlflow", "/invocations", "/ping"),
    Server("mlserver", _mlserver, "oip", "/v2/models/flights/infer", "/v2/models/flights/ready"),
    Server("kserve", _kserve, "kserve", "/v1/models/flights:predict", "/v1/models/flights"),
)


class Running:
    """A server that runs, with one model."""

    def __init__(self, server: Server, model: Path, folder: Path, write: Print) -> None:
        self.server = server
        self.address = claim("127.0.0.1:0", "a port")
        # A server finds its own programs on the path, as in a shell in which its environment was activated.
        path = f"{ENVIRONMENTS / server.name / 'bin'}:{os.environ['PATH']}"
        command = server.command(model, folder, self.address)
        self._process = Process(server.name, command, own_environment(PATH=path), write)

    def document(self, **changes: Any) -> dict[str, Any]:
        """Its model as an endpoint document has it."""
        server = self.server
        return {"url": self.address.url + server.path, "protocol": server.protocol, "health": server.health} | changes

    async def start(self) -> None:
        """Start it; `ready` waits for it, so that several can start at once."""
        await self._process.start()

    async def ready(self) -> None:
        """Wait until it answers.

        Raises:
            Failure: it does not.
        """
        await self._process.until(self._is_healthy, START)

    async def stop(self) -> None:
        """Stop it."""
        await self._process.stop()

    async def _is_healthy(self) -> bool:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(self.address.url + self.server.health)).is_success
            except httpx.TransportError:
                return False
