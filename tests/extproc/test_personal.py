"""What is personal does not leave the sidecar: not in samples, not in feedback; rules and models see what the client sent."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.feedback import FeedbackDesk
from extproc.stages import Decide
from hyperplan.endpoint import parse_endpoint
from hyperplan.feedback import Feedback
from hyperplan.plan import FEEDBACK_PATH, CompiledPlan, Plan, PlannedEndpoint
from hyperplan.protocols import Body
from hyperplan.sample import NO_KEY, Sample
from hyperplan.secret import Secret
from tests.extproc.conversation import DOCUMENT, Conversation, Memory

SECRET = Secret(b"a key that is long enough to be one")
PERSONAL = (
    DOCUMENT.replace(
        "tailnum: { type: string, required: false }",
        "tailnum: { type: string, required: false, pii: true, aliases: [tail] }\n"
        "    born: { type: int, required: false, pii: hash, max: 3000 }\n"
        "    mail: { type: category, required: false, pii: drop, values: [none] }",
    )
    .replace("on_violation: reject", "on_violation: warn")
    .replace("slices: [carrier", "slices: [tailnum, carrier")
)


def sample_of(body: bytes, secret: Secret | None, headers: dict[str, str] | None = None) -> Sample:
    memory = Memory()
    stage = Decide(memory, secret=secret)
    stage.adopt(CompiledPlan(Plan(7, (PlannedEndpoint(3, parse_endpoint(PERSONAL)),))))
    exchange = stage.open({})
    conversation = Conversation(exchange)
    conversation.request_headers(headers or {})
    conversation.request_body(body)
    exchange.close()
    (sample, _), *_ = memory.samples
    return sample


def body_of(**row: Any) -> bytes:
    good = {"dep_delay": 3.5, "carrier": "AA", "distance": 500}
    return json.dumps({"instances": [good | row]}).encode()


def test_personal_values_are_hashed_or_dropped_and_others_kept() -> None:
    sample = sample_of(body_of(tailnum="N14228", born=1970, mail="a@b.c"), SECRET)
    values = sample.rows[0].values
    assert values["tailnum"] == SECRET.value("N14228")
    assert values["born"] == SECRET.value(1970)
    assert "mail" not in values
    assert values["carrier"] == "AA"


def test_the_entity_is_hashed_where_its_feature_is() -> None:
    sample = sample_of(body_of(tailnum="N14228"), SECRET)
    assert sample.entity == SECRET.entity("N14228")


def test_a_value_under_an_alias_and_null_are_told_as_ever() -> None:
    assert sample_of(body_of(tail="N1"), SECRET).rows[0].values["tailnum"] == SECRET.value("N1")
    assert sample_of(body_of(tailnum=None), SECRET).rows[0].values["tailnum"] is None


def test_unknown_fields_are_hashed_with_the_key() -> None:
    assert sample_of(body_of(iban="DE89"), SECRET).rows[0].unknown == {"iban": SECRET.value("DE89")}


def test_without_a_key_personal_values_stay_here_and_that_they_came_is_told() -> None:
    sample = sample_of(body_of(tailnum="N14228", born=None, mail="a@b.c"), None)
    values = sample.rows[0].values
    assert (values["tailnum"], values["born"]) == (NO_KEY, None)
    assert sample.entity is None
    assert "tailnum" not in sample.slices
    assert b"N14228" not in sample.encode()


secrets = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=12, max_size=40)
values = secrets | st.integers(10**13, 10**17) | st.lists(secrets, min_size=1, max_size=3)


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(st.sampled_from(["tailnum", "tail", "born", "mail"]), values, min_size=1),
    st.sampled_from([SECRET, None]),
    st.booleans(),
)
def test_no_raw_value_of_a_personal_feature_is_anywhere_in_a_sample(
    row: dict[str, Any], secret: Secret | None, alone: bool
) -> None:
    body = json.dumps({"instances": [next(iter(row.values()))]}).encode() if alone else body_of(**row)
    encoded = sample_of(body, secret).encode()
    for value in row.values():
        for part in value if isinstance(value, list) else [value]:
            assert str(part).encode() not in encoded
            if isinstance(part, int):
                assert part.to_bytes(8, "big") not in encoded


class Taker:
    """Remembers the feedback that is handed on."""

    def __init__(self) -> None:
        self.taken: list[Feedback] = []

    def told(self, feedback: Sequence[Feedback]) -> bool:
        self.taken += feedback
        return True


def told(secret: Secret | None, **fields: Any) -> tuple[int, list[Feedback]]:
    """The status of an answer to feedback with these fields, and what was handed on."""
    taker = Taker()
    endpoint = parse_endpoint(PERSONAL)
    desk = FeedbackDesk(lambda _: endpoint, taker, secret)
    content = json.dumps({"endpoint": "flight-delay", "label": 1} | fields).encode()
    answering = desk.answering(FEEDBACK_PATH, Body(content, "application/json"))
    next(answering)
    with pytest.raises(StopIteration) as end:
        next(answering)
    return end.value.value.status, taker.taken


def test_feedback_that_names_an_entity_leaves_with_its_hash() -> None:
    status, (feedback,) = told(SECRET, entity="N14228", predicted_at=1_700_000_000)
    assert (status, feedback.entity) == (202, SECRET.entity("N14228"))
    status, (feedback,) = told(SECRET, entity=SECRET.entity("N14228"), predicted_at=1_700_000_000)
    assert (status, feedback.entity) == (202, SECRET.entity("N14228")), "who names it by its hash means the same"


def test_without_a_key_feedback_must_name_its_prediction() -> None:
    assert told(None, entity="N14228", predicted_at=1_700_000_000) == (422, [])
    status, (feedback,) = told(None, entity="N14228", prediction_id="p-1")
    assert (status, feedback.entity) == (202, None)
