"""Header blocks: what they say does not depend on how, when and after which others they are read."""

import os

import hpack
import pytest
from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from extproc.transports.h2 import header_blocks, huffman
from extproc.transports.h2.errors import ConnectionFailure, ErrorCode
from extproc.transports.h2.header_blocks import HeaderBlocks
from extproc.transports.h2.requests import Request
from tests.extproc.h2.peer import GRPC, Fields, block

NAMES = st.sampled_from(
    [b":path", b":authority", b"te", b"traceparent", b"tracestate", b"x-own", b"content-length", b"Bad", b"host"]
)
FIELDS = st.lists(
    st.tuples(NAMES, st.sampled_from([b"", b"a", b"b", b"0", b"trailers", b" a"]) | st.binary(max_size=9))
)


def reader() -> HeaderBlocks:
    """One whose blocks stand alone."""
    blocks = HeaderBlocks()
    blocks.acknowledged()
    blocks.request(b"\x20" + block(GRPC))
    return blocks


def said(request: Request) -> dict[bytes, bytes]:
    return {**request.kind.fields, **dict(request.own)}


def traced(value: bytes) -> Fields:
    return [*GRPC, (b"traceparent", value), (b"tracestate", b""), (b"x-forwarded-for", b"192.0.2.2")]


def test_until_settings_are_acknowledged_blocks_may_use_the_dynamic_table() -> None:
    blocks, encoder = HeaderBlocks(), hpack.Encoder()
    for number in range(3):
        fields = [*GRPC, (b"x-mine", b"%d" % number)]
        assert said(blocks.request(encoder.encode(fields))) == dict(fields)
    encoder.header_table_size = 0
    blocks.acknowledged()
    for number in range(3):
        fields = [*GRPC, (b"x-mine", b"%d" % number)]
        assert said(blocks.request(encoder.encode(fields))) == dict(fields)


def test_the_first_block_after_the_acknowledgement_must_shrink_the_table() -> None:
    blocks = HeaderBlocks()
    blocks.acknowledged()
    with pytest.raises(ConnectionFailure) as failure:
        blocks.request(block(GRPC))
    assert failure.value.code == ErrorCode.COMPRESSION_ERROR


@pytest.mark.parametrize(
    "malformed", [b"\x00\x05ab", b"\x05\xff\xff\xff", b"\xff\xff\xff\xff\xff\xff\xff", b"\x40\x81\xff"]
)
def test_a_block_that_cannot_be_decoded_is_no_look_into_the_process(malformed: bytes) -> None:
    with pytest.raises(ConnectionFailure) as failure:
        HeaderBlocks().request(malformed)
    assert failure.value.code == ErrorCode.COMPRESSION_ERROR
    assert str(failure.value) == "a field block that cannot be decoded"


def test_requests_that_differ_in_what_no_rule_looks_at_are_of_one_kind() -> None:
    blocks = reader()
    values = [b"00-" + os.urandom(16).hex().encode() + b"-00f067aa0ba902b7-01" for _ in range(6)]
    requests = [blocks.request(block(traced(value), huffman=True)) for value in values]
    assert [said(request) for request in requests] == [dict(traced(value)) for value in values]
    assert len({id(request.kind) for request in requests[2:]}) == 1


def test_a_block_that_came_before_is_the_same_request() -> None:
    blocks = reader()
    assert blocks.request(block(GRPC)) is blocks.request(block(GRPC))


def test_a_field_that_differs_is_judged_each_time() -> None:
    blocks = reader()
    for value in (b"a", b"b", b"c"):
        assert blocks.request(block(traced(value))).kind.flaw is None
    assert blocks.request(block(traced(b"\n"))).kind.flaw is not None
    assert blocks.request(block(traced(b"d"))).kind.flaw is None


def test_what_a_rule_looks_at_is_never_taken_for_a_detail() -> None:
    blocks = reader()
    for value in (b"1", b"2", b"3"):
        request = blocks.request(block([*GRPC, (b"content-length", value), (b"x", b"y")]))
        assert (request.kind.content_length, request.own) == (int(value), ())
    assert blocks.request(block([*GRPC, (b"content-length", b"x"), (b"x", b"y")])).kind.flaw is not None


def test_a_template_keeps_the_limit_of_size() -> None:
    blocks = reader()
    for value in (b"a", b"b", b"c"):
        blocks.request(block(traced(value)))
    with pytest.raises(header_blocks.TooLarge):
        blocks.request(block(traced(b"d" * 16_000)))


def test_what_is_remembered_is_bounded() -> None:
    blocks = reader()
    for number in range(500):
        blocks.request(block([*GRPC, (b"content-length", b"%d" % number)]))
        assert len(blocks._known) <= header_blocks.MOST_KNOWN


@given(lists=st.lists(FIELDS, min_size=1, max_size=6), whole=st.booleans(), coded=st.booleans())
def test_what_is_remembered_changes_no_verdict(lists: list[Fields], whole: bool, coded: bool) -> None:
    blocks = reader()
    for fields in [*lists, *lists]:
        fields = [*GRPC, *fields] if whole else fields
        encoded = block(fields, huffman=coded)
        remembering, fresh = blocks.request(encoded), reader().request(encoded)
        assert (remembering.kind.flaw is None) == (fresh.kind.flaw is None)
        assert remembering.kind.content_length == fresh.kind.content_length
        assert said(remembering) == said(fresh)


@given(st.binary(max_size=40) | st.binary(max_size=6).map(lambda tail: block(GRPC) + tail))
def test_any_bytes_mean_what_the_library_says(encoded: bytes) -> None:
    library = hpack.Decoder()
    library.header_table_size = library.max_allowed_table_size = 0
    try:
        expected = [(bytes(name), bytes(value)) for name, value in library.decode(encoded, raw=True)]
    except hpack.HPACKError:
        with pytest.raises(ConnectionFailure):
            reader().fields(encoded)
    else:
        assert reader().fields(encoded) == expected


@given(st.binary(max_size=40))
def test_huffman_codes_mean_what_the_library_says(coded: bytes) -> None:
    try:
        expected = decode_huffman(coded)
    except HPACKDecodingError:
        with pytest.raises(HPACKDecodingError):
            huffman.decode(coded)
    else:
        assert huffman.decode(coded) == expected


@given(st.binary(max_size=200))
def test_huffman_codes_are_read_back(plain: bytes) -> None:
    [(_, value)] = reader().fields(block([(b"x", plain)], huffman=True))
    assert value == plain
