"""What the demo shows, to a file or a pipe."""

import pytest

from demo.client import Answer
from demo.screen import Screen


def test_what_follows_the_replay_begins_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(quiet=False)
    with screen.replaying(1) as update:
        update([Answer(0, "N14228", 0.0, 0.001, 200, model="gbm@1")], "the opening")
    screen.say("waiting")
    assert "gbm@1 1   marked 0   client errors 0\nwaiting\n" in capsys.readouterr().out


def test_a_quiet_screen_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(quiet=True)
    with screen.step("reading"), screen.replaying(1) as update:
        update([Answer(0, None, 0.0, 0.001, 0, error="refused")], "the opening")
    assert capsys.readouterr().out == ""
