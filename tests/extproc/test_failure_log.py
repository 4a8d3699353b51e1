"""The log names a model that fails, and why, but does not repeat itself."""

import pytest

from extproc.telemetry.failures import LONGEST, QUIET, FailureLog
from tests.extproc.attempts import Clock


def test_the_first_failure_of_a_model_is_told_in_full_and_others_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = FailureLog(clock)
    for number in range(4):
        log.tell("flight-delay", "gbm@2", "it answered 500", f"id-{number}")
    log.tell("flight-delay", "gbm@1", "it has no body", "id-9")
    clock.now += QUIET
    log.tell("flight-delay", "gbm@2", "x" * 1000, "id-10")
    assert [record.message for record in caplog.records] == [
        "endpoint flight-delay: model gbm@2 failed: it answered 500 (prediction id-0)",
        "endpoint flight-delay: model gbm@1 failed: it has no body (prediction id-9)",
        f"endpoint flight-delay: model gbm@2 failed: {'x' * LONGEST} (prediction id-10; 3 more since the last line about it)",
    ]
