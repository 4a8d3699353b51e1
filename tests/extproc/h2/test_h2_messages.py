"""gRPC messages out of data that is cut as it comes, and what is none."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.transports.h2.messages import PREFIX, MessageReader
from extproc.transports.h2.status import Code, Status

COMPRESSED = Status(Code.UNIMPLEMENTED, "compressed")
LARGEST = 1000


def framed(message: bytes, *, flag: int = 0) -> bytes:
    return PREFIX.pack(flag, len(message)) + message


def reader() -> MessageReader:
    return MessageReader(LARGEST, COMPRESSED)


@given(messages=st.lists(st.binary(max_size=30)), cuts=st.lists(st.integers(0, 200)))
def test_messages_come_out_as_they_went_in_however_they_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(map(framed, messages))
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    subject, found = reader(), []
    for start, end in itertools.pairwise(edges):
        found += subject.receive(whole[start:end])
    assert (found, subject.held, subject.flaw) == (messages, 0, None)


def test_what_is_held_is_counted() -> None:
    subject = reader()
    assert subject.receive(framed(b"whole") + framed(b"cut off")[:-1]) == [b"whole"]
    assert subject.held == len(framed(b"cut off")) - 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (framed(b"x", flag=1), Code.UNIMPLEMENTED),
        (framed(b"x", flag=2), Code.INTERNAL),
        (framed(bytes(LARGEST + 1)), Code.RESOURCE_EXHAUSTED),
        (PREFIX.pack(0, 0xFFFF_FFFF), Code.RESOURCE_EXHAUSTED),
    ],
)
def test_the_first_flaw_ends_it_after_the_messages_before(data: bytes, code: Code) -> None:
    subject = reader()
    assert subject.receive(framed(b"fine") + data + framed(b"never read")) == [b"fine"]
    assert subject.flaw is not None
    assert subject.flaw.code == code
    assert subject.held == 0


def test_the_largest_message_fits() -> None:
    assert reader().receive(framed(bytes(LARGEST))) == [bytes(LARGEST)]
