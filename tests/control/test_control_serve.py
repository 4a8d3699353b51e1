"""Control as a process: it starts on the addresses that it is given, says why when it cannot, and stops quickly."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from control.registry.database import FILE
from control.serve import CannotStart, ControlSettings, _listening, serve
from control.stores.store import FILE as STORE_FILE
from hyperplan.plan import Plan

MakePlain = Callable[..., dict[str, Any]]

LOOPBACK = ("127.0.0.1", 0)
ENDPOINT = "/v1/endpoints/flight-delay"


def settings(data: Path, **fields: Any) -> ControlSettings:
    return ControlSettings(LOOPBACK, LOOPBACK, data, bucket=60.0)._replace(**fields)


@asynccontextmanager
async def serving(data: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[httpx.AsyncClient]:
    """A control that serves, and a client of it; it has stopped when this is left."""
    stop = asyncio.Event()
    caplog.clear()
    with caplog.at_level("INFO", "hyperplan.control"):
        task = asyncio.create_task(serve(settings(data), stop))
        async with asyncio.timeout(20):
            while not (found := re.search(r"are at (http://127\.0\.0\.1:[1-9]\d*),", caplog.text)):
                assert not task.done(), task.result()
                await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=found[1], timeout=30) as client:
            try:
                yield client
            finally:
                stop.set()
                await asyncio.wait_for(task, 20)


def open_files() -> set[str]:
    """What this process has open: files by name, sockets by number."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(descriptor))
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
    return {name for name in found if name.startswith(("socket:", "/tmp"))}


async def test_what_was_put_is_there_after_a_restart(
    tmp_path: Path, plain: MakePlain, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path / "new" / "data", caplog) as client:
        assert (await client.put(ENDPOINT, json=plain())).status_code == 200
        plan = (await client.get("/v1/plan")).content
    async with serving(tmp_path / "new" / "data", caplog) as client:
        assert (await client.get("/v1/plan")).content == plan


async def test_a_waiting_sidecar_gets_the_next_plan(
    tmp_path: Path, plain: MakePlain, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, caplog) as client:
        waiting = [asyncio.create_task(client.get("/v1/plan?after=0&wait=30")) for _ in range(20)]
        await client.put(ENDPOINT, json=plain())
        assert {Plan.decode((await answer).content).number for answer in waiting} == {1}


async def test_control_stops_quickly_although_sidecars_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path, caplog) as client:
        waiting = [asyncio.create_task(client.get("/v1/plan?after=0&wait=60&instance=s")) for _ in range(10)]
        while not (await client.get("/v1/sidecars")).json():
            pass
        began = time.monotonic()
    took = time.monotonic() - began
    assert took < 2, took
    assert {(await answer).status_code for answer in waiting} == {204}


async def test_nothing_stays_open_when_control_has_stopped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path / "warm", caplog):
        pass
    before, threads = open_files(), threading.active_count()
    async with serving(tmp_path / "data", caplog) as client:
        await client.get("/readyz")
        assert any(FILE in name for name in open_files())
    assert open_files() <= before
    assert threading.active_count() <= threads + 8  # those of the loop's pool, which stay


async def test_stopping_before_control_has_started_is_no_error(tmp_path: Path) -> None:
    stop = asyncio.Event()
    stop.set()
    await asyncio.wait_for(serve(settings(tmp_path), stop), 20)


@pytest.mark.parametrize("moment", [0, 0.05, 0.1, 0.2, 0.4])
async def test_control_can_be_cancelled_at_any_moment(tmp_path: Path, moment: float) -> None:
    task = asyncio.create_task(serve(settings(tmp_path), asyncio.Event()))
    await asyncio.wait((task,), timeout=moment)
    task.cancel()
    await asyncio.wait((task,), timeout=20)
    assert task.cancelled()
    assert not any(str(tmp_path) in name for name in open_files())


# What keeps control from starting.


async def refusal(data: Path, **fields: Any) -> str:
    """Why control does not start; nothing is left open."""
    before = open_files()
    with pytest.raises(CannotStart) as caught:
        await asyncio.wait_for(serve(settings(data, **fields), asyncio.Event()), 20)
    assert open_files() <= before
    return str(caught.value)


@pytest.fixture
def taken() -> Any:
    """An address that another process listens on, so to say."""
    with socket.create_server(LOOPBACK) as other:
        yield other.getsockname()


async def test_an_address_that_is_taken_is_named_with_its_option(tmp_path: Path, taken: tuple[str, int]) -> None:
    await refusal(tmp_path, listen=taken)  # the first time warms up what stays open
    message = await refusal(tmp_path, listen=taken)
    assert message == (
        f"cannot listen on 127.0.0.1:{taken[1]}: Address already in use; choose another address with --listen"
    )


async def test_an_otlp_address_that_is_taken_is_named_with_its_option(tmp_path: Path, taken: tuple[str, int]) -> None:
    with pytest.raises(CannotStart) as caught:
        await serve(settings(tmp_path, otlp=taken), asyncio.Event())
    assert f"127.0.0.1:{taken[1]}" in str(caught.value)
    assert "--otlp-listen" in str(caught.value)
    assert not any(str(tmp_path) in name for name in open_files())


async def test_a_host_that_is_not_of_this_machine_is_named(tmp_path: Path) -> None:
    assert "--listen" in await refusal(tmp_path, listen=("192.0.2.1", 0))
    assert "--listen" in await refusal(tmp_path, listen=("no such host", 0))


async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message = await refusal(tmp_path / "file" / "data")
    assert message == (
        f"the data folder {tmp_path}/file/data cannot be made: Not a directory; choose another with --data"
    )


async def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "--data" in await refusal(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_data_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o500)
    assert "--data" in await refusal(tmp_path)


@pytest.mark.parametrize("name", [FILE, STORE_FILE])
async def test_a_file_that_is_no_database_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no database, but long enough to be looked at" * 100)
    assert name in await refusal(tmp_path)


async def test_two_controls_cannot_share_their_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path, caplog):
        arguments = ["control", "--listen", "127.0.0.1:0", "--otlp-listen", "127.0.0.1:0", "--data", str(tmp_path)]
        other = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "cli.main", *arguments], capture_output=True, text=True, timeout=60
        )
    assert other.returncode == 1
    assert "another control" in other.stderr
    assert "Traceback" not in other.stderr


def test_the_command_says_in_a_sentence_why_it_cannot_start(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database, but long enough to be looked at" * 100)
    arguments = ["control", "--listen", "127.0.0.1:0", "--otlp-listen", "127.0.0.1:0", "--data", str(tmp_path)]
    finished = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: the registry ")
    assert "Traceback" not in finished.stderr


def test_answers_do_not_wait_until_the_client_has_acknowledged_what_came_before() -> None:
    with _listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
