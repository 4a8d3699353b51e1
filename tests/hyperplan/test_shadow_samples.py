"""A shadow sample travels as msgpack between versions, as a sample does."""

from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.encoding import LARGEST
from hyperplan.sample import Sample, bounded
from hyperplan.shadow import ShadowSample


def shadow_sample(**changes: Any) -> ShadowSample:
    required: dict[str, Any] = {"prediction_id": "p", "time": 1, "endpoint": "e", "revision": 3, "model": "logit@1"}
    return ShadowSample(**(required | {"inclusion": 0.1} | changes))


FULL = shadow_sample(status=200, latency=0.012, predictions=[0.25, [0.75, 0.25], "late"], failure="too late")


@given(st.lists(st.none() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()), max_size=4))
def test_any_predictions_survive_their_encoding(found: list[Any]) -> None:
    answer = shadow_sample(predictions=[bounded(prediction) for prediction in found], failure="\ud800")
    assert ShadowSample.decode(answer.encode()) == answer


def test_fields_of_a_later_version_are_passed_over() -> None:
    plain = msgpack.unpackb(FULL.encode())
    assert ShadowSample.decode(msgpack.packb(plain | {"colour": "red"})) == FULL


def test_fields_that_an_earlier_version_lacks_take_their_defaults() -> None:
    plain = msgpack.unpackb(shadow_sample().encode())
    required = {field.name for field in msgspec.structs.fields(ShadowSample) if field.required}
    assert ShadowSample.decode(msgpack.packb({key: plain[key] for key in required})) == shadow_sample()


@given(st.binary())
def test_any_bytes_are_a_shadow_sample_or_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a shadow sample"):
        ShadowSample.decode(data)


def test_a_sample_of_a_request_is_no_shadow_sample() -> None:
    sample = Sample(prediction_id="p", time=1, endpoint="e", plan=1, revision=1, schema_version="v", inclusion=1.0)
    with pytest.raises(ValueError, match=r"not a shadow sample: .*`model`"):
        ShadowSample.decode(sample.encode())


def test_predictions_that_are_too_large_are_left_out() -> None:
    data = shadow_sample(predictions=["x" * 256] * 5000, status=200).encode()
    assert ShadowSample.decode(data) == shadow_sample(status=200)
    assert len(data) < LARGEST
