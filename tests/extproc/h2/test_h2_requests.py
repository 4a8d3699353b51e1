"""What is malformed in a request (RFC 9113, section 8), and what is not."""

import pytest

from extproc.transports.h2.errors import ErrorCode
from extproc.transports.h2.events import RequestReceived
from tests.extproc.h2.peer import GRPC, Fields, Peer, headers


def without(name: bytes) -> Fields:
    return [field for field in GRPC if field[0] != name]


def replaced(name: bytes, value: bytes) -> Fields:
    return [(known, value if known == name else old) for known, old in GRPC]


MALFORMED: dict[str, Fields] = {
    "no :method": without(b":method"),
    "no :scheme": without(b":scheme"),
    "no :path": without(b":path"),
    "an empty :path": replaced(b":path", b""),
    "a :path that is none": replaced(b":path", b"etc"),
    "* for POST": replaced(b":path", b"*"),
    "userinfo": replaced(b":authority", b"me@example.org"),
    "two :path": [(b":path", b"/"), *GRPC],
    "an unknown pseudo-header": [(b":protocol", b"websocket"), *GRPC],
    "a pseudo-header of responses": [(b":status", b"200"), *GRPC],
    "a pseudo-header behind a field": [(b"x", b"y"), *GRPC],
    "CONNECT with a path": replaced(b":method", b"CONNECT"),
    "CONNECT without authority": [(b":method", b"CONNECT")],
    "a name in upper case": [*GRPC, (b"X-Mine", b"y")],
    "an empty name": [*GRPC, (b"", b"y")],
    "a name with a space": [*GRPC, (b"x y", b"y")],
    "a name with a colon": [*GRPC, (b"x:y", b"y")],
    "a name beyond ASCII": [*GRPC, (b"x\xff", b"y")],
    "NUL in a value": [*GRPC, (b"x", b"a\0b")],
    "LF in a value": [*GRPC, (b"x", b"a\nb")],
    "CR in a value": [*GRPC, (b"x", b"a\rb")],
    "LF at the end of a value": [*GRPC, (b"x", b"a\n")],
    "a space before a value": [*GRPC, (b"x", b" a")],
    "a tab behind a value": [*GRPC, (b"x", b"a\t")],
    "connection": [*GRPC, (b"connection", b"close")],
    "keep-alive": [*GRPC, (b"keep-alive", b"1")],
    "proxy-connection": [*GRPC, (b"proxy-connection", b"close")],
    "transfer-encoding": [*GRPC, (b"transfer-encoding", b"chunked")],
    "upgrade": [*GRPC, (b"upgrade", b"h2c")],
    "te with something else": replaced(b"te", b"trailers, deflate"),
    "content-length that is no number": [*GRPC, (b"content-length", b"+1")],
    "an empty content-length": [*GRPC, (b"content-length", b"")],
    "content-lengths that differ": [*GRPC, (b"content-length", b"1"), (b"content-length", b"2")],
    "an endless content-length": [*GRPC, (b"content-length", b"1" * 30)],
    "another host": [*GRPC, (b"host", b"example.org")],
}

WELL_FORMED: dict[str, Fields] = {
    "gRPC": GRPC,
    "no :authority": without(b":authority"),
    "the same host": [*GRPC, (b"host", b"Hyperplan.extproc")],
    "CONNECT": [(b":method", b"CONNECT"), (b":authority", b"example.org:80")],
    "* for OPTIONS": [(b":method", b"OPTIONS"), (b":scheme", b"http"), (b":path", b"*")],
    "an unknown scheme": [(b":method", b"GET"), (b":scheme", b"gopher"), (b":path", b"anything")],
    "an empty value": [*GRPC, (b"tracestate", b"")],
    "a value beyond ASCII": [*GRPC, (b"x", b"\xff\x80")],
    "spaces inside": [*GRPC, (b"x", b"a  b\tc")],
    "content-length twice": [*GRPC, (b"content-length", b"0"), (b"content-length", b"0")],
}


@pytest.fixture(params=["in full", "standing alone"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """One whose blocks are decoded with the dynamic table, and one whose blocks stand alone."""
    peer = Peer.started()
    if request.param == "standing alone":
        peer.say(headers(1, first=True))
    peer.hear()
    return peer


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_is_refused_each_time(what: str, peer: Peer) -> None:
    for stream_id in (3, 5, 7):
        said = headers(stream_id, MALFORMED[what], first=True)
        assert peer.resets(said) == {stream_id: ErrorCode.PROTOCOL_ERROR}


@pytest.mark.parametrize("what", WELL_FORMED)
def test_a_well_formed_request_is_taken_each_time(what: str, peer: Peer) -> None:
    for stream_id in (3, 5, 7):
        [event] = peer.say(headers(stream_id, WELL_FORMED[what], first=True))
        assert isinstance(event, RequestReceived)
        assert event.request.kind.fields == dict(WELL_FORMED[what])
