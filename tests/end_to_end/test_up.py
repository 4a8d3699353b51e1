"""`hyperplan up` as a process: what it says, what it starts, and that nothing is left of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

import cli.app
import cli.main
from tests.end_to_end.stacks import PATIENCE, document, is_alive, wait_until, without_settings

pytestmark = pytest.mark.heavy

ANYWHERE = [part for option in ("--listen", "--control", "--otlp-listen") for part in (option, "127.0.0.1:0")]
COMMANDS = sorted(typer.main.get_group(cli.app.app).commands)


class Up:
    """A running `hyperplan up`, its log, and the processes that it started."""

    def __init__(self, folder: Path, scratch: Path, *arguments: str, **variables: str) -> None:
        self.scratch = scratch
        self._log = folder / "up.log"
        patch = without_settings()
        environment = os.environ | {"TMPDIR": str(scratch)} | variables
        patch.undo()
        command = [sys.executable, "-m", "cli.main", "up", *ANYWHERE, "--data", str(folder / "data"), *arguments]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.children: set[int] = set()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def started(self) -> None:
        """Wait until it says that clients can call, and note the processes that it started."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log
            return "clients call" in self.log

        wait_until(ready)
        self.note_children()

    def note_children(self) -> None:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self.children |= {int(pid) for pid in listed.split()}

    def url(self) -> str:
        """Where clients call."""
        return next(word.rstrip(",") for word in self.log.partition("clients call ")[2].split())

    def child(self, name: str) -> int:
        """The process that runs a command, or Envoy."""

        def runs(pid: int) -> bool:
            arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            return arguments[3:4] == [name] or Path(arguments[0]).name == name

        [found] = [pid for pid in self.children if runs(pid)]
        return found

    def ended(self) -> int:
        """Wait until it has ended; its exit code."""
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it for good, whatever a test left of it."""
        for pid in (self.process.pid, *self.children):
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def up(folder: Path, *arguments: str, **variables: str) -> Iterator[Up]:
    """Run `hyperplan up`, and show its log when the test fails."""
    with tempfile.TemporaryDirectory(prefix="hp-") as scratch:  # paths of sockets must be short
        running = Up(folder, Path(scratch), *arguments, **variables)
        try:
            yield running
        finally:
            running.kill()
            print(running.log)


def refused(folder: Path, *arguments: str) -> str:
    """What `hyperplan up` says when it cannot start."""
    with up(folder, *arguments) as running:
        assert running.ended() == 1
        assert "Traceback" not in running.log
        assert list(running.scratch.iterdir()) == []
        return running.log


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A folder with the document of an endpoint."""
    folder = tmp_path / "endpoints"
    folder.mkdir()
    (folder / "delay.json").write_text(json.dumps(document("delay", {"gbm@1": "http://127.0.0.1:9/"})))
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_stops_everything_that_was_started(number: signal.Signals, documents: Path, tmp_path: Path) -> None:
    with up(tmp_path, HYPERPLAN_ENDPOINTS=str(documents)) as running:
        running.started()
        assert len(running.children) == 3
        # The endpoint of the folder is served: its model is away, which is another thing than no endpoint.
        assert httpx.post(f"{running.url()}/v1/models/delay:predict", content=b"{}").status_code == 503
        running.process.send_signal(number)
        assert running.ended() == 0
        assert [pid for pid in running.children if is_alive(pid)] == []
        assert list(running.scratch.iterdir()) == []
        assert "Traceback" not in running.log


def test_a_signal_while_it_starts_stops_everything_too(tmp_path: Path) -> None:
    with up(tmp_path) as running:

        def starting() -> bool:
            running.note_children()
            return bool(running.children)

        wait_until(starting)
        running.process.send_signal(signal.SIGTERM)
        assert running.ended() == 0
        assert [pid for pid in running.children if is_alive(pid)] == []
        assert list(running.scratch.iterdir()) == []


def test_nothing_outlives_it_when_it_is_killed(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        running.started()
        running.process.kill()
        assert running.ended() == -signal.SIGKILL
        wait_until(lambda: not any(is_alive(pid) for pid in running.children))


def test_a_process_that_dies_stops_everything_and_is_named(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        running.started()
        os.kill(running.child("sidecar"), signal.SIGKILL)
        assert running.ended() == 1
        assert "error: sidecar ended by itself" in running.log
        assert "Traceback" not in running.log
        assert [pid for pid in running.children if is_alive(pid)] == []


@pytest.mark.parametrize("option", ["--listen", "--control", "--otlp-listen"])
def test_a_taken_port_is_named_with_the_option_to_change(option: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(tmp_path, option, address)
    assert said == f"error: cannot listen on {address}: Address already in use; choose another address with {option}\n"


def test_a_bad_document_is_named_with_its_file_line_and_place(documents: Path, tmp_path: Path) -> None:
    bad = documents / "late.yaml"
    bad.write_text("name: late\nmatch: { path: /late }\nrouting:\n  splt: { gbm@1: 1 }\n")
    said = refused(tmp_path, "--endpoints", str(documents))
    assert said.startswith(f"error: {bad} is not valid\n")
    [line] = [line for line in said.splitlines() if "/routing/splt" in line]
    assert "line 4" in line
    assert "control" not in said, "nothing needs to be started to know"


def test_documents_that_contradict_each_other_are_named(documents: Path, tmp_path: Path) -> None:
    (documents / "late.yaml").write_text(
        (documents / "delay.json").read_text().replace('"name": "delay"', '"name": "b"')
    )
    said = refused(tmp_path, "--endpoints", str(documents))
    assert f"error: control refuses {documents / 'late.yaml'}" in said
    assert "/match" in said


def test_a_document_that_is_no_text_is_named(documents: Path, tmp_path: Path) -> None:
    (documents / "late.yaml").write_bytes(b"name: \xff\n")
    said = refused(tmp_path, "--endpoints", str(documents))
    assert said == f"error: {documents / 'late.yaml'} is not UTF-8: invalid start byte at byte 6\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(cli.app.app, [command, "--help"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_the_command_lists_its_commands() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "cli.main", "--help"], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert [command for command in COMMANDS if command not in run.stdout] == []
