"""Headers are found in the bytes as a parser finds them."""

from collections.abc import Callable

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from extproc.wire import HeaderMap, Headers, HeaderValue

NAMES = (":path", ":authority", "x-user", "content-length", "length", "h", "x-request-id")
names = st.sampled_from(NAMES)
# What HTTP lets into a value: anything but NUL, CR and LF. Pieces of other entries are the interesting ones.
values = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b"\x05:path\x1a\x01/",
            b"\x05:path\x1a\x02/x",
            b"content-length\x1a\x021",
            b":path",
            b"x" * 127,
            b"x" * 128,
            b"x" * 20_000,
            b"",
        ]
    ),
).map(lambda value: value.translate(None, b"\0\r\n"))


def encoded(headers: list[tuple[str, bytes]]) -> bytes:
    return HeaderMap(headers=[HeaderValue(key=name, raw_value=value) for name, value in headers]).SerializeToString()


def with_pseudo_headers_once(headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    pseudo = {name: value for name, value in headers if name.startswith(":")}
    return [*pseudo.items(), *((name, value) for name, value in headers if not name.startswith(":"))]


@pytest.mark.parametrize("read", [Headers, Headers.whole])
@given(headers=st.lists(st.tuples(names, values), max_size=12).map(with_pseudo_headers_once))
def test_each_header_has_the_value_that_a_parser_finds(
    read: Callable[[bytes], Headers], headers: list[tuple[str, bytes]]
) -> None:
    found = read(encoded(headers))
    assert {name: found.get(name) for name in NAMES} == {**dict.fromkeys(NAMES), **dict(headers)}


def test_a_value_that_is_a_string_is_found_too() -> None:
    headers = HeaderMap(headers=[HeaderValue(key="x-user", value=b"ada")])
    assert Headers(headers.SerializeToString()).get("x-user") == b"ada"


@pytest.mark.parametrize(
    ("headers", "target"), [([], ("", "")), ([(":path", b"/a?b"), (":authority", b"h")], ("h", "/a?b"))]
)
def test_a_request_has_a_host_and_a_path(headers: list[tuple[str, bytes]], target: tuple[str, str]) -> None:
    assert Headers(encoded(headers)).target() == target


def parsed(noise: bytes) -> object:
    try:
        return {header.key: header.raw_value or header.value for header in HeaderMap.FromString(noise).headers}
    except DecodeError:
        return DecodeError


@given(
    st.lists(st.tuples(names, values), max_size=4).map(with_pseudo_headers_once),
    st.integers(0, 200),
    st.binary(max_size=4),
)
def test_damaged_headers_are_read_as_a_parser_reads_them_or_not_at_all(
    headers: list[tuple[str, bytes]], place: int, damage: bytes
) -> None:
    whole = encoded(headers)
    noise = whole[:place] + damage + whole[place + len(damage) :]
    expected = parsed(noise)
    for name in NAMES:
        try:
            found = Headers(noise).get(name)
        except DecodeError:
            found = b"error"
        assert not isinstance(expected, dict) or name.startswith(":") or found in (expected.get(name), None)
