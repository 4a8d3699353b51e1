"""The `thresholds:` block of an endpoint document: what it may say, and what is said of what it may not."""

import msgspec
import pytest

from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.problems import Invalid
from hyperplan.thresholds.block import Learnt, Objective, kept

BEFORE = """
name: flight-delay
match: { path: "/v1/models/flight-delay:predict" }
protocol: tfserving
task: binary
schema: { features: { dep_delay: { type: float } } }
models: { gbm@1: { url: "http://127.0.0.1:9001/v1/models/gbm:predict", protocol: tfserving } }
routing: { split: { gbm@1: 1 } }
thresholds:
"""


def endpoint(block: str, *replacements: tuple[str, str]) -> Endpoint:
    text = BEFORE
    for old, new in replacements:
        text = text.replace(old, new)
    return parse_endpoint(text + "".join(f"  {line}\n" for line in block.splitlines()))


WHOLE = """objective: { costs: { late: { on-time: 5 }, on-time: { late: 1 } } }
decisions: { positive: late, negative: on-time }
field: decision
pinned: { gbm@1: 0.4 }
learnt: { gbm@1: { value: 0.37, origin: labels, objective: { f_beta: 1 }, labels: 2000, interval: [0.3, 0.4] } }"""


def test_a_whole_block_is_read_and_written_alike() -> None:
    found = endpoint(WHOLE)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Endpoint) == found
    assert found.thresholds is not None
    assert found.thresholds.setting("gbm@1") == 0.4


@pytest.mark.parametrize(
    ("block", "place", "said"),
    [
        ("objective: {}", "/thresholds/objective", "must be one of f_beta, costs, precision"),
        ("objective: { f_beta: 1, recall: 0.5 }", "/thresholds/objective", "must be one of"),
        ("objective: { f_beta: 1 }\ndecisions: { positive: 'a,b' }", "/thresholds/decisions/positive", "header"),
        ("objective: { f_beta: 1 }\ndecisions: { positive: negative }", "/thresholds/decisions", "differently"),
        ("objective: { f_beta: 1 }\nfield: predictions", "/thresholds/field", "means something in answers"),
        ("objective: { f_beta: 1 }\nfield: '1 2'", "/thresholds/field", "must be a name"),
        ("objective: { f_beta: 1 }\npinned: { gbm@2: 0.4 }", "/thresholds/pinned/gbm@2", "is no model"),
        ("objective: { f_beta: 1 }\npinned: { gbm@1: { a: 1 } }", "/thresholds/pinned/gbm@1", "must be a number"),
        ("objective: { costs: { late: { negative: 1 } } }", "/thresholds/objective/costs/late", "is no decision"),
        ("objective: { costs: { positive: { negative: 1 } } }", "/thresholds/objective/costs", "must cost more"),
    ],
)
def test_what_is_wrong_with_a_block_is_said_where_it_is(block: str, place: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        endpoint(block)
    assert any(problem.pointer == place and said in problem.detail for problem in raised.value.problems)


def test_a_regression_has_nothing_to_decide() -> None:
    with pytest.raises(Invalid, match="no classes to decide on"):
        endpoint("objective: { f_beta: 1 }", ("task: binary", "task: regression"))


def test_several_classes_have_weights_and_no_rate() -> None:
    several = ("task: binary", "task: multiclass")
    assert endpoint("objective: { f_beta: 1 }\npinned: { gbm@1: { '0': 2 } }", several)
    with pytest.raises(Invalid, match="f_beta or costs can be wanted"):
        endpoint("objective: { positive_rate: 0.1 }", several)
    with pytest.raises(Invalid, match="weights above 0"):
        endpoint("objective: { f_beta: 1 }\npinned: { gbm@1: 0.5 }", several)


def test_a_file_without_what_was_learnt_keeps_it_for_the_models_that_stay() -> None:
    one = Learnt(value=0.3, origin="labels", objective=Objective(f_beta=1))
    written = endpoint("objective: { f_beta: 1 }").thresholds
    assert written is not None
    before = msgspec.structs.replace(written, learnt={"gbm@1": one, "gbm@0": one})
    after = kept(before, written, {"gbm@1": None})
    assert after is not None
    assert after.learnt == {"gbm@1": one}
    assert kept(before, None, {}) is None
    assert kept(None, written, {}) is written
