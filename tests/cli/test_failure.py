"""What commands say when they fail."""

import json

import pytest

from cli.failure import LISTED, Failure, report
from hyperplan.problems import Problem

MANY = Failure("none was taken", [Problem(f"/{index}", "is bad") for index in range(LISTED + 980)])


def test_a_terminal_is_not_flooded_with_problems(capsys: pytest.CaptureFixture[str]) -> None:
    report(MANY, as_json=False)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: none was taken"
    assert len(lines) == LISTED + 2
    assert lines[-1] == "  and 980 more; --json has them"


def test_machines_get_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    report(MANY, as_json=True)
    assert len(json.loads(capsys.readouterr().out)["errors"]) == LISTED + 980


def test_problems_that_fit_are_all_listed(capsys: pytest.CaptureFixture[str]) -> None:
    report(Failure("no", MANY.problems[:LISTED]), as_json=False)
    assert "more" not in capsys.readouterr().err


def test_what_the_message_says_is_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = "must be a time, not 'never'"
    report(Failure(f"the parameter since {wrong}", [Problem("?since", wrong)]), as_json=False)
    assert capsys.readouterr().err == f"error: the parameter since {wrong}\n"
