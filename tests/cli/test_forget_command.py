"""`hyperplan forget` against a control that runs."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from cli.addresses import claim
from hyperplan.secret import Secret

KEY = "0123456789abcdef" * 4
DOCUMENT = """
name: {name}
match: {{ path: /{name} }}
protocol: json
task: binary
entity: {{ feature: user }}
schema: {{ features: {{ user: {{ type: string, pii: {pii} }} }} }}
models: {{ a@1: {{ rule: "0.5" }} }}
routing: {{ split: {{ a@1: 1 }} }}
on_failure: closed
"""


class Control(NamedTuple):
    """A control that runs without a key: its endpoint `open` keeps users as they are, `masked` keeps their hashes."""

    http: httpx.Client

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command against it."""
        environment = {"HYPERPLAN_CONTROL": str(self.http.base_url), "COLUMNS": "200", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "cli.main", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)

    def take(self, path: str, *things: dict[str, Any]) -> None:
        """Have it take samples or feedback."""
        self.http.post(path, json=list(things)).raise_for_status()


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    listen, otlp = claim("127.0.0.1:0", "--listen"), claim("127.0.0.1:0", "--otlp-listen")
    data = tmp_path_factory.mktemp("control")
    served = ["control", "--listen", str(listen), "--otlp-listen", str(otlp), "--data", str(data)]
    with (
        httpx.Client(base_url=listen.url, timeout=30) as http,
        subprocess.Popen([sys.executable, "-m", "cli.main", *served], stderr=subprocess.DEVNULL) as process,
    ):
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline, "control did not start"
            try:
                for name, pii in (("open", "false"), ("masked", "hash")):
                    document = DOCUMENT.format(name=name, pii=pii)
                    http.put(f"/v1/endpoints/{name}", content=document).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield Control(http)
        process.terminate()


def sample(user: str, prediction: str) -> dict[str, Any]:
    return {"endpoint": "open", "model": "a@1", "prediction_id": prediction, "rows": [{"user": user}]}


def test_an_entity_is_forgotten_and_nobody_else(control: Control) -> None:
    control.take("/v1/samples", sample("ada", "p-1"), sample("ada", "p-2"), sample("bob", "p-3"))
    control.take("/v1/feedback", {"endpoint": "open", "prediction_id": "p-1", "label": True})
    told = control.run("forget", "ada", "--endpoint", "open")
    assert told.stdout.splitlines()[:2] == [
        "open: 2 samples, 0 answers of shadows, feedback for 1 row",
        "erased in all: 2 samples, 0 answers of shadows, feedback for 1 row",
    ]
    assert "Backups and exported files are yours to see to." in told.stdout
    left = control.http.get("/v1/endpoints/open/samples").json()
    assert [one["entity"] for one in left] == ["bob"]
    again = json.loads(control.run("forget", "ada", "--endpoint", "open", "--json").stdout)
    assert (again["samples"], again["feedback"], again["endpoints"]) == (0, 0, [])


def test_a_name_with_signs_of_addresses_in_it_is_forgotten_as_it_is(control: Control) -> None:
    control.take("/v1/samples", sample("a/b?c=d#e %2F", "p-4"))
    assert "erased in all: 1 sample," in control.run("forget", "a/b?c=d#e %2F", "--endpoint", "open").stdout


def test_a_masked_entity_is_forgotten_by_its_name_with_the_key_alone(control: Control, tmp_path: Path) -> None:
    file = tmp_path / "hyperplan.key"
    file.write_text(KEY)
    entity = Secret(KEY.encode()).entity("ada")
    control.take("/v1/feedback", {"endpoint": "masked", "entity": entity, "predicted_at": time.time(), "label": True})
    without = control.run("forget", "ada")
    assert (without.returncode, without.stdout) == (1, "")
    assert without.stderr.startswith("error: nothing was erased: masked keeps entities as hashes")
    told = control.run("forget", "ada", "--key-file", str(file))
    assert told.stdout.startswith("masked: 0 samples, 0 answers of shadows, feedback for 1 row\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ada", "--endpoint", "none"), "there is no endpoint 'none'; known: masked, open"),
        (("",), "nobody is named: give the entity as clients name it, or its hash"),
        (("ada", "--key-file", "/nowhere"), "/nowhere cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(control: Control, arguments: tuple[str, ...], said: str) -> None:
    refused = control.run("forget", *arguments)
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"error: {said}\n")
