"""What `hyperplan shadow` prints of a report."""

from typing import Any

import msgspec
import pytest

from cli.shadow import show_shadows
from hyperplan.comparison import Half, Pair, compare
from hyperplan.endpoint import Task


def pair(primary: Any, shadow: Any, status: int = 200) -> Pair:
    return Pair(0.1, Half([primary], False, 0.0123), Half([shadow], status >= 400, 0.0456))


def report(task: Task, pairs: list[Pair], **shadow: Any) -> dict[str, Any]:
    """A report of control's API with one shadow, compared with `gbm@1` on these pairs."""
    against: dict[str, Any] = msgspec.to_builtins(compare(task, pairs)) | {"model": "gbm@1"}
    found = {"model": "logit[1]@1", "answers": len(pairs), "failures": [], "older": 0, "alone": 0, "unanswered": 0}
    return {
        "endpoint": "flight-delay",
        "since": "2026-01-31T12:00:00Z",
        "until": "2026-01-31T13:00:00Z",
        "threshold": 0.5 if task == "binary" else None,
        "shadows": [found | {"against": [against]} | shadow],
    }


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Shows a report; the lines, with their spaces made single."""
    monkeypatch.setenv("COLUMNS", "160")

    def show(plain: dict[str, Any]) -> str:
        show_shadows(plain)
        return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())

    return show


def test_both_models_stand_one_above_the_other(shown: Any) -> None:
    text = shown(report("binary", [pair(0.9, 0.9)] * 30 + [pair(0.9, 0.1)] * 10))
    assert "40 requests compared, which stand for 400" in text
    assert "gbm@1 (primary)" in text
    assert "logit[1]@1 (shadow)" in text
    assert "12.3 ms │ 12.3 ms │ -" in text
    assert "agreement 75.00%" in text
    assert "at the threshold 0.5" in text
    assert "primary 1, shadow 0: 25.00%, 10 rows" in text
    assert "mean -0.2, absolute 0.2" in text


def test_what_was_not_compared_is_told(shown: Any) -> None:
    plain = report("binary", [pair(0.9, 0.9), pair(0.9, None, 503)], unanswered=7, alone=2, older=1000)
    plain["shadows"][0]["failures"] = [
        {"status": 503, "failure": None, "answers": 1},
        {"status": None, "failure": "reset", "answers": 3},
    ]
    text = shown(plain)
    assert "2 sampled answers; no answer yet to 7 sampled requests; 2 without the sample" in text
    assert "1,000 older ones not compared" in text
    assert "failed once: status 503" in text
    assert "failed 3 times: reset" in text
    assert "not compared: 1 request, of which one of the two gave no predictions" in text


def test_numbers_have_no_threshold(shown: Any) -> None:
    text = shown(report("regression", [pair(float(value), value + 1.5) for value in range(30)]))
    assert "threshold" not in text
    assert "mean +1.5, absolute 1.5" in text
    assert "correlation 1" in text


def test_an_endpoint_without_shadows_says_how_to_get_one(shown: Any) -> None:
    assert "routing.shadow" in shown(report("binary", []) | {"shadows": []})
