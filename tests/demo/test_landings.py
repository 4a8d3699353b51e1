"""The truth about a flight is sent when it has landed, in flight time."""

from datetime import UTC, datetime, timedelta

import pytest

from demo.client import Answer
from demo.flights import Flight
from demo.landings import Landings, worth

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)


def flight(leaves: int, lands: int | None, *, late: bool | None = False) -> Flight:
    """A flight that leaves, and lands, so many minutes after noon."""
    landed = None if lands is None else NOON + timedelta(minutes=lands)
    return Flight({}, NOON + timedelta(minutes=leaves), late if lands is not None else None, landed)


def answer(turn: int, **fields: object) -> Answer:
    said = {"prediction": 0.25, "prediction_id": f"p{turn}"} | fields
    return Answer(turn, "N1", 0.0, 0.0, 200, **said)  # type: ignore[arg-type]


def ids(told: list[dict[str, object]]) -> list[object]:
    return [one["prediction_id"] for one in told]


def test_labels_come_in_the_order_of_landing_as_the_flights_clock_passes_it() -> None:
    landings = Landings("flight-delay", [flight(0, 300), flight(10, 70), flight(100, 200), flight(310, 400)])
    landings.answered(answer(0))
    landings.answered(answer(1))
    assert landings.landed() == []
    landings.answered(answer(2))
    assert ids(landings.landed()) == ["p1"]
    landings.answered(answer(3))
    assert ids(landings.landed()) == ["p2", "p0"]
    assert ids(landings.all_landed()) == ["p3"]
    assert landings.sent == 4


def test_cancelled_flights_and_those_without_an_answer_get_no_label() -> None:
    landings = Landings("flight-delay", [flight(0, None), flight(0, 10)])
    landings.answered(answer(0))
    landings.answered(answer(1, prediction=None))
    assert landings.all_landed() == []


def test_feedback_names_its_prediction_what_turned_out_and_what_the_answer_was_worth() -> None:
    landings = Landings("flight-delay", [flight(0, 60, late=True)])
    landings.answered(answer(0))
    (told,) = landings.all_landed()
    assert told["endpoint"] == "flight-delay"
    assert told["label"] is True
    assert told["reward"] == pytest.approx(1 - 0.75**2)


def test_the_right_probability_is_worth_most() -> None:
    def mean(said: float) -> float:
        return 0.3 * worth(True, said) + 0.7 * worth(False, said)

    assert mean(0.3) > max(mean(0.2), mean(0.4))
