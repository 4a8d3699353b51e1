"""Field blocks that stand alone, and Huffman codes, against the hpack library.

An input is a series of blocks, each behind a byte that is its length; read one after the other, as of one connection.
What was remembered of the blocks before may change nothing, and what the library reads, ours reads as well.
"""

import contextlib
from collections.abc import Iterator
from unittest import mock

import hpack
from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman

from extproc.transports.h2 import fields, header_blocks, huffman
from extproc.transports.h2.errors import ConnectionFailure
from extproc.transports.h2.header_blocks import Fields, HeaderBlocks, TooLarge
from extproc.transports.h2.requests import LARGEST_LIST, Request, kind_of, list_size

LARGEST_HERE = 600
TOO_LONG = "an integer is too long"
"""We read integers of 28 bits, the library longer ones."""


@contextlib.contextmanager
def low_bounds() -> Iterator[None]:
    """Every bound so low that a few hundred bytes reach it."""
    with (
        mock.patch.object(header_blocks, "MOST_KNOWN", 3),
        mock.patch.object(fields, "_MOST_NAMES", 4),
        mock.patch.object(header_blocks, "LARGEST_LIST", LARGEST_HERE),
    ):
        yield


def once(data: bytes) -> None:
    """Judge one input."""
    _compare_huffman(data)
    remembering = _reader()
    for block in _blocks(data):
        known = _request(remembering, block)
        fresh = _request(_reader(), block)
        assert known == fresh
        _compare_fields(block)
        if isinstance(known, str):
            return  # the connection has ended


def _blocks(data: bytes) -> Iterator[bytes]:
    while data:
        end = 1 + data[0]
        yield data[1:end]
        data = data[end:]


def _reader() -> HeaderBlocks:
    """One whose blocks stand alone."""
    reader = HeaderBlocks()
    reader.acknowledged()
    reader.fields(b"\x20")
    assert reader._decoder is None
    return reader


def _request(reader: HeaderBlocks, block: bytes) -> object:
    """All that is made of a block; a string, if it cannot be decoded."""
    try:
        request = reader.request(block)
    except ConnectionFailure as failure:
        return str(failure)
    except TooLarge:
        return None
    return _said(request), request.kind.flaw is None, request.kind.content_length


def _said(request: Request) -> dict[bytes, bytes]:
    return {**request.kind.fields, **dict(request.own)}


def _compare_fields(block: bytes) -> None:
    expected = _by_the_library(block)
    ours = _ours(block)
    if isinstance(ours, list):
        assert ours == expected
        assert list_size(ours) <= LARGEST_HERE
        # The fields of trailers and those of a request are read by one rule, and judged by it.
        request = _request(_reader(), block)
        assert isinstance(request, tuple)
        assert request[1] == (kind_of(ours).flaw is None)
    elif ours is None:
        assert expected is None or list_size(expected) > LARGEST_HERE
    else:
        assert expected is None or ours == TOO_LONG


def _ours(block: bytes) -> Fields | str | None:
    """The fields of a block; None if they are too many, and a string if it cannot be decoded."""
    try:
        return _reader().fields(block)
    except TooLarge:
        return None
    except ConnectionFailure as failure:
        return str(failure)


def _by_the_library(block: bytes) -> Fields | None:
    decoder = hpack.Decoder(max_header_list_size=LARGEST_LIST)
    decoder.header_table_size = decoder.max_allowed_table_size = 0
    try:
        return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]
    except hpack.HPACKError:
        return None


def _compare_huffman(coded: bytes) -> None:
    try:
        expected: bytes | None = bytes(decode_huffman(coded))
    except HPACKDecodingError:
        expected = None
    try:
        ours: bytes | None = huffman.decode(coded)
    except HPACKDecodingError:
        ours = None
    assert ours == expected
