"""What `hyperplan performance` prints of a report."""

from typing import Any

import pytest

from cli.performance import show_performance

ESTIMATE = {"value": 0.81234, "low": 0.7, "high": 0.9}
PART = {"samples": 50, "labelled": 40, "total": {"rows": 40, "metrics": {"accuracy": ESTIMATE}}, "windows": []}
REPORT = {
    "endpoint": "flight-delay",
    "since": "2026-01-31T12:00:00Z",
    "until": "2026-02-01T12:00:00Z",
    "by": "model",
    "delay": 7200.0,
    "ripe_until": "2026-02-01T10:00:00Z",
    "unripe": 3,
    "parts": {"gbm@1": PART, "[odd]@1": PART | {"samples": None}},
}


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Shows a report; the words, with their spaces made single."""
    monkeypatch.setenv("COLUMNS", "160")

    def show(plain: dict[str, Any]) -> str:
        show_performance(plain)
        return " ".join(capsys.readouterr().out.split())

    return show


def test_each_part_has_its_metrics_with_their_intervals(shown: Any) -> None:
    said = shown(REPORT)
    assert "40 of 50" in said
    assert "accuracy │ 0.8123 │ 0.7 to 0.9" in said
    assert "[odd]@1" in said


def test_what_does_not_count_yet_is_said(shown: Any) -> None:
    said = shown(REPORT)
    assert "labels take up to 2 hours, so predictions made after 2026-02-01 10:00:00 do not count yet" in said
    assert "3 of them have their label already" in said


def test_without_labels_it_says_how_to_send_some(shown: Any) -> None:
    assert "hyperplan feedback send --endpoint flight-delay" in shown(REPORT | {"parts": {}})
    assert "no prediction of this time that was sampled has a label that counts" in shown(REPORT | {"parts": {}})


def test_nothing_is_said_not_to_count_where_everything_does(shown: Any) -> None:
    said = shown(REPORT | {"ripe_until": REPORT["until"], "unripe": 0})
    assert "labels take up to 2 hours; newer predictions count too" in said
    assert "do not count" not in said
