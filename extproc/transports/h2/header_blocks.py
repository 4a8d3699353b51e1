"""From the field blocks of a connection to its requests: correct from the first byte, and cheap once it can be.

SETTINGS announce a header table of size 0, but until the peer has acknowledged them its blocks may use the dynamic table
of the default size: the hpack library decodes those. The first block after the acknowledgement must shrink the table to
0 (RFC 9113, section 4.3.1), which the library checks too. From then on each block stands alone, and what it means can be
remembered by its bytes:

- a block that came before is a known request, found in one look-up;
- a block that has the same beginning and the same end as the last ones, and differs in fields that no rule looks at
  (`traceparent`), is read only where it differs;
- any other is read, and judged, in full.
"""

import hpack
from hpack.exceptions import HPACKError, OversizedHeaderListError

from extproc.transports.h2.errors import ConnectionFailure, ErrorCode
from extproc.transports.h2.fields import Field, read_field, read_string, skip_size_updates
from extproc.transports.h2.requests import (
    FIELD_OVERHEAD,
    LARGEST_LIST,
    Kind,
    Request,
    is_ruled,
    is_value,
    kind_of,
    list_size,
)

LARGEST_BLOCK = 16 << 10
"""Bytes of a field block, coded as it comes."""
MOST_KNOWN = 64
LARGEST_KNOWN = 1 << 10
"""How many blocks are remembered, and bytes of the largest of them."""

Fields = list[tuple[bytes, bytes]]


class TooLarge(Exception):
    """The fields are more than was announced. The connection is as it was: blocks that stand alone leave no trace."""


class _Template:
    """A block with a gap: what stands before and behind the fields that differ from request to request.

    Of each of those, `names` has the name, and the bytes that its representation has before the value.
    """

    __slots__ = ("head", "kind", "names", "room", "tail")

    def __init__(self, head: bytes, tail: bytes, names: list[tuple[bytes, bytes]], kind: Kind, room: int) -> None:
        self.head = head
        self.tail = tail
        self.names = names
        self.kind = kind
        self.room = room


class HeaderBlocks:
    """Reads the field blocks of one connection, which must all be given to it, in their order."""

    __slots__ = ("_decoder", "_known", "_last", "_shrinking", "_template")

    def __init__(self) -> None:
        self._decoder: hpack.Decoder | None = hpack.Decoder(max_header_list_size=4 * LARGEST_LIST)
        self._shrinking = False
        self._known: dict[bytes, Request] = {}
        self._last: list[tuple[bytes, Field]] = []
        self._template: _Template | None = None

    def acknowledged(self) -> None:
        """The peer knows that the table has size 0: its next block must say so."""
        if self._decoder is not None:
            self._decoder.max_allowed_table_size = 0
            self._shrinking = True

    def request(self, block: bytes) -> Request:
        """The request that a block is. One that is malformed has a flaw.

        Raises:
            ConnectionFailure: the block cannot be decoded, and so no later one.
            TooLarge: it has more fields than was announced.
        """
        if self._decoder is not None:
            return Request(kind_of(self._decode_in_full(block)), ())
        request = self._known.get(block)
        if request is not None:
            return request
        try:
            return self._differing(block) or self._new(block)
        except HPACKError as error:
            raise ConnectionFailure(ErrorCode.COMPRESSION_ERROR, str(error)) from None

    def fields(self, block: bytes) -> Fields:
        """The fields of a block that opens no request: trailers, or one for a stream that is gone.

        Raises:
            ConnectionFailure: as for `request`.
            TooLarge: as for `request`.
        """
        if self._decoder is not None:
            return self._decode_in_full(block)
        try:
            return [(field.name, field.value) for _, field in _read(block)]
        except HPACKError as error:
            raise ConnectionFailure(ErrorCode.COMPRESSION_ERROR, str(error)) from None

    def _decode_in_full(self, block: bytes) -> Fields:
        assert self._decoder is not None
        try:
            fields = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "fields that unfold without end") from None
        except HPACKError:  # the library's words may hold the addresses of objects, which are nobody's business
            raise ConnectionFailure(ErrorCode.COMPRESSION_ERROR, "a field block that cannot be decoded") from None
        if self._shrinking:
            self._decoder = None
        if list_size(fields) > LARGEST_LIST:
            raise TooLarge
        return fields

    def _differing(self, block: bytes) -> Request | None:
        """The request of a block that fills the gap of the template with fields of the same names."""
        template = self._template
        if template is None or not block.startswith(template.head) or not block.endswith(template.tail):
            return None
        position, end = len(template.head), len(block) - len(template.tail)
        room = template.room
        own = []
        for name, before in template.names:
            if not block.startswith(before, position):
                return None
            try:
                value, position = read_string(block, position + len(before))
            except IndexError:
                return None
            room -= len(value)
            if room < 0 or not is_value(value):
                return None
            own.append((name, value))
        return Request(template.kind, tuple(own)) if position == end else None

    def _new(self, block: bytes) -> Request:
        """Read and judge a block in full, and remember it."""
        read = _read(block)
        request = Request(kind_of([(field.name, field.value) for _, field in read]), ())
        if len(block) <= LARGEST_KNOWN and request.kind.flaw is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[block] = request
            self._learn(read)
        return request

    def _learn(self, read: list[tuple[bytes, Field]]) -> None:
        """Make a template of what this block has in common with the last one that was new."""
        last, self._last = self._last, read
        if len(last) != len(read):
            return
        differing = [index for index, (old, new) in enumerate(zip(last, read, strict=True)) if old[0] != new[0]]
        if not differing:
            return
        first, end = differing[0], differing[-1] + 1
        gap = read[first:end]
        common = [(field.name, field.value) for _, field in read[:first] + read[end:]]
        names = [(field.name, raw[: len(raw) - (field.end - field.string)]) for raw, field in gap]
        if any(not field.string or is_ruled(field.name) for _, field in gap):
            return
        if {name for name, _ in common}.intersection(name for name, _ in names):
            return
        self._template = _Template(
            head=b"".join(raw for raw, _ in read[:first]),
            tail=b"".join(raw for raw, _ in read[end:]),
            names=names,
            kind=kind_of(common),
            room=LARGEST_LIST - list_size(common) - sum(FIELD_OVERHEAD + len(name) for name, _ in names),
        )


def _read(block: bytes) -> list[tuple[bytes, Field]]:
    """The fields of a block that stands alone, each with its representation."""
    read = []
    position = skip_size_updates(block)
    room = LARGEST_LIST
    while position < len(block):
        field = read_field(block, position)
        room -= len(field.name) + len(field.value) + FIELD_OVERHEAD
        if room < 0:
            raise TooLarge
        read.append((block[position : field.end], field))
        position = field.end
    return read
