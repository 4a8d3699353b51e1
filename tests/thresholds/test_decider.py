"""From predictions to decisions: what is decided, and where it stands in an answer."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.comparison.readings import reader
from hyperplan.protocols import PROTOCOLS, Body, Speaker
from hyperplan.thresholds.answer import with_decisions
from hyperplan.thresholds.block import Decisions, Learnt, Objective, Thresholds
from hyperplan.thresholds.decider import LONGEST_HEADER, Decider, header_of

OBJECTIVE = Objective(f_beta=1)
LATE = Thresholds(objective=OBJECTIVE, decisions=Decisions(positive="late", negative="on-time"))
numbers = st.floats(-2, 2) | st.integers(-2, 2) | st.booleans()
anything = st.recursive(
    st.none() | numbers | st.text(max_size=3) | st.just(math.nan) | st.just(1e200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(anything, st.floats(-1, 1))
def test_a_binary_decision_is_the_class_that_all_else_reads_in_the_prediction(
    prediction: Any, threshold: float
) -> None:
    thresholds = Thresholds(objective=OBJECTIVE, pinned={"gbm@1": threshold})
    [decided] = Decider("binary", thresholds).decide("gbm@1", [prediction])
    reading = reader("binary", threshold)(prediction)
    if reading is not None and reading.form == "score":
        assert decided == ("positive" if reading.label == "1" else "negative")
    else:
        assert decided is None or decided == prediction


@given(anything)
def test_without_weights_the_class_is_the_one_that_all_else_reads_in_the_prediction(prediction: Any) -> None:
    [decided] = Decider("multiclass", Thresholds(objective=OBJECTIVE)).decide("gbm@1", [prediction])
    reading = reader("multiclass", 0.5)(prediction)
    assert decided == (reading.label if reading else None) or decided is None


def test_a_pinned_threshold_comes_before_a_learnt_one_and_a_learnt_one_before_the_half() -> None:
    learnt = {name: Learnt(value=0.3, origin="labels", objective=OBJECTIVE) for name in ("a@1", "b@1")}
    decider = Decider("binary", Thresholds(objective=OBJECTIVE, pinned={"a@1": 0.2}, learnt=learnt))
    assert [decider.setting(name) for name in ("a@1", "b@1", "c@1")] == [0.2, 0.3, 0.5]


def test_a_weight_makes_a_class_the_decision() -> None:
    decider = Decider("multiclass", Thresholds(objective=OBJECTIVE, pinned={"a@1": {"2": 4.0}}))
    assert decider.decide("a@1", [[0.5, 0.3, 0.2], [0.5, 0.4, 0.1], "cat"]) == ["2", "0", "cat"]


def test_rows_without_a_decision_are_empty_places_in_the_header() -> None:
    assert header_of(["late", None, "on-time"]) == "late,,on-time"
    assert header_of([None, None]) is None
    assert header_of(["late"] * LONGEST_HEADER) is None, "which Envoy would not pass on"


@pytest.mark.parametrize(
    ("protocol", "before", "after"),
    [
        ("tfserving", b'{"predictions": [1e2]}', b'{"predictions": [1e2],"decision":["late"]}'),
        ("tfserving", b'{"outputs": [0.9] } \n', b'{"outputs": [0.9] ,"decision":["late"]}'),
        ("kserve", b'{"predictions":[0.9]}', b'{"predictions":[0.9],"decision":["late"]}'),
        ("mlflow", b'{"predictions":[0.9]}', b'{"predictions":[0.9],"decision":["late"]}'),
        ("json", b'{"prediction":0.9}', b'{"prediction":0.9,"decision":"late"}'),
        ("json", b'{"predictions":[0.9]}', b'{"predictions":[0.9],"decision":["late"]}'),
        ("json", b"[0.9]", b"[0.9]"),
        ("oip", b'{"outputs":[]}', b'{"outputs":[],"parameters":{"decision":"late"}}'),
        ("oip", b'{"parameters":{"a":1}}', b'{"parameters":{"a":1,"decision":"late"}}'),
        ("json", b'{"decision":0,"prediction":1}', b'{"decision":"late","prediction":1}'),
    ],
)
def test_the_field_is_where_clients_that_know_nothing_of_it_read_on(protocol: str, before: bytes, after: bytes) -> None:
    assert with_decisions(protocol, Body(before), "decision", ["late"]).content == after


def test_binary_data_behind_the_json_stays_where_its_length_says() -> None:
    found = with_decisions("oip", Body(b'{"outputs":[]}\x00}\x01', json_length=14), "decision", ["late", None])
    assert found.json_length is not None
    assert found.content[found.json_length :] == b"\x00}\x01"
    assert json.loads(found.content[: found.json_length])["parameters"] == {"decision": "late,"}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_an_answer_with_decisions_has_the_predictions_that_it_had(protocol: str, scores: list[float]) -> None:
    speaker = PROTOCOLS[protocol](Speaker({}, "flight-delay"))
    body = speaker.answer(scores)
    decisions = Decider("binary", LATE).decide("gbm@1", scores)
    decided = with_decisions(protocol, body, "decision", decisions)
    assert speaker.read_predictions(decided) == speaker.read_predictions(body)
    assert decided != body
