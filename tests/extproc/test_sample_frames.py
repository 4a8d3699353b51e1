"""A sample on its way is the same sample at the other end, in this version and in others."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.stages.observer import Trace
from extproc.telemetry.frames import SampleFrame
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

traces = st.builds(Trace, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())


def a_sample(endpoint: str = "e", time: int = 1) -> Sample:
    return Sample(
        prediction_id="id-1", time=time, endpoint=endpoint, plan=1, revision=1, schema_version="v", inclusion=1.0
    )


@given(st.text(max_size=63), st.integers(0, 2**63 - 1), st.none() | traces)
def test_a_frame_holds_the_sample_and_where_it_stands_in_a_trace(endpoint: str, time: int, trace: Trace | None) -> None:
    sample = a_sample(endpoint, time)
    frame = SampleFrame.decode(SampleFrame.of((sample, trace)).encode())
    assert (frame.endpoint, frame.time, frame.trace) == (endpoint, time, trace)
    assert Sample.decode(frame.body) == sample


@given(st.none() | traces)
def test_a_frame_of_a_shadows_answer_says_that_it_is_one(trace: Trace | None) -> None:
    answer = ShadowSample(prediction_id="id-1", time=2, endpoint="e", revision=1, model="logit@1", inclusion=0.5)
    frame = SampleFrame.decode(SampleFrame.of((answer, trace)).encode())
    assert (frame.event, frame.endpoint, frame.time, frame.trace) == ("hyperplan.shadow", "e", 2, trace)
    assert ShadowSample.decode(frame.body) == answer


def test_a_frame_of_a_version_without_shadows_holds_a_sample() -> None:
    before = msgspec.msgpack.encode(["e", 1, b"body", b"", b"", False])
    assert SampleFrame.decode(before).event == "hyperplan.sample"


def test_what_is_a_frame_already_is_not_encoded_again() -> None:
    frame = SampleFrame("e", 1, b"body")
    assert SampleFrame.of(frame) is frame


def test_a_later_version_may_add_fields_at_the_end() -> None:
    later = msgspec.msgpack.encode(["e", 1, b"body", b"", b"", False, "hyperplan.sample", "a field of the future"])
    assert SampleFrame.decode(later) == SampleFrame("e", 1, b"body")


@pytest.mark.parametrize("data", [b"", b"\xc1", msgspec.msgpack.encode(["e", 1]), msgspec.msgpack.encode("frame")])
def test_bytes_that_are_no_frame_are_refused_as_such(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a sample's frame"):
        SampleFrame.decode(data)
