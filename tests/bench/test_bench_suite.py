"""The frame of a suite of figures judges truthfully, writes down what it found as it goes, and leaves nothing running when it is killed."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from bench import suite as suites
from bench.environments import Environments
from bench.judgement import Bar, Judged, Line, Measured, Options, Part
from bench.loop.__main__ import SUITE as LOOP
from bench.skew.__main__ import SUITE as SKEW
from bench.suite import Suite, command
from cli.failure import Failure

T = TypeVar("T")
LINE = Line("f", (Bar("share", 0.95, at_least=True), Bar("wrong", 0.01)))


def options(scale: float = 0.001) -> Options:
    return Options(scale, 1, lambda _: None)


def test_a_line_holds_only_if_all_of_its_bars_do() -> None:
    assert LINE.judged({"share": 0.95, "wrong": 0.01}) == Judged(
        "f", 0.95, ">= 0.95, wrong <= 0.01", True, {"wrong": 0.01}
    )
    assert not LINE.judged({"share": 0.94, "wrong": 0.0}).holds
    assert not LINE.judged({"share": 1.0, "wrong": 0.02}).holds


def test_a_share_of_nothing_keeps_no_bar() -> None:
    assert not LINE.judged({"share": float("nan"), "wrong": 0.0}).holds


def test_a_part_that_fails_has_the_reason_for_its_values_and_holds_nothing() -> None:
    def broken(_: Options) -> Measured:
        raise Failure("no peer is there")

    (figure,) = Part("p", (LINE,), broken).run(options()).figures
    assert figure == Judged("f", "failed: Failure: no peer is there", ">= 0.95, wrong <= 0.01", False, {})


@pytest.mark.parametrize("suite", [SKEW, LOOP])
def test_every_part_can_be_imported_and_no_two_have_a_line_of_the_same_name(suite: Suite) -> None:
    lines = [line.figure for name in suite.parts for line in suite.part_of(name).lines]
    assert lines
    assert len(lines) == len(set(lines))


def test_what_a_part_found_is_written_before_the_next_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results.jsonl"

    def second(_: Options) -> Measured:
        assert json.loads(results.read_text())["part"] == "one"
        return Measured([LINE.judged({"share": 1.0, "wrong": 0.0})])

    parts = {"one": Part("one", (), lambda _: Measured([])), "two": Part("two", (LINE,), second)}
    monkeypatch.setattr(Suite, "part_of", lambda _, name: parts[name])
    found = suites.run(Suite("s", "", dict.fromkeys(parts, "")), parts, options(), results)
    assert [figure["holds"] for figure in found["figures"]] == [True]


def test_an_unknown_part_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(Failure, match="'magic' is no part; known: speed, "):
        command(SKEW)(["magic"])


def test_a_part_that_cannot_be_imported_is_a_figure_that_does_not_hold(tmp_path: Path) -> None:
    parts: Mapping[str, str] = {"gone": "bench.no_such_module"}
    (figure,) = suites.run(Suite("s", "", parts), parts, options(), tmp_path / "results")["figures"]
    assert (figure["figure"], figure["holds"]) == ("gone", False)


def test_a_peer_that_is_not_installed_is_said_to_be_missing_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="make bench-skew"):
        Environments(tmp_path, tmp_path, "make bench-skew").run("evidently", "evidently_windows", {})


WORKING = """
import time
from bench.parallel import over
if __name__ == "__main__":
    list(over(time.sleep, [600, 600], 2))
"""


def test_workers_end_when_who_started_them_is_killed(tmp_path: Path) -> None:
    (tmp_path / "working.py").write_text(WORKING)
    root = Path(suites.__file__).parents[1]
    parent = subprocess.Popen([sys.executable, str(tmp_path / "working.py")], env={"PYTHONPATH": str(root)})
    try:
        wait_for(lambda: len(workers_of(parent.pid)) == 2)
        started = workers_of(parent.pid)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def workers_of(pid: int) -> list[int]:
    """The processes of a pool; that which keeps track of what they share is none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def wait_for(met: Callable[[], T]) -> T:
    """What a condition says when it is met."""
    until = time.monotonic() + 20
    while not (found := met()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found
