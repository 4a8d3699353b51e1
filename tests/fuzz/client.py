"""What a client may expect of a server's frames, whatever it said itself: an oracle that shares no code with the server.

hyperframe parses the frames and hpack the field blocks; the windows are reckoned anew, from what was said and heard.
"""

import struct
from collections import defaultdict
from typing import NamedTuple

import hpack
from hyperframe import frame as hyperframe

DEFAULT_WINDOW = 65_535
LARGEST_WINDOW = (1 << 31) - 1
GOAWAY_ALONE = "GOAWAY is the last that is sent"


class Said(NamedTuple):
    """A frame as it was said: perhaps cut off, perhaps nonsense."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes
    raw: bytes


def frames_in(data: bytes) -> list[Said]:
    """Bytes as frames; the last one may be cut off."""
    found = []
    while data:
        end = 9 + int.from_bytes(data[:3], "big")
        raw = data[:end]
        head = raw[:9].ljust(9, b"\0")
        found.append(Said(head[3], head[4], int.from_bytes(head[5:9], "big") & LARGEST_WINDOW, raw[9:], raw))
        data = data[end:]
    return found


class Client:
    """Tell it what was said and heard, in turn. It fails when something was heard that may not be."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder()
        self._decoder.max_allowed_table_size = 4096
        self._initial = DEFAULT_WINDOW
        self._longest = 1 << 14
        self._window = DEFAULT_WINDOW
        self._windows: defaultdict[int, int] = defaultdict(int)  # without the initial one
        self._begun: set[int] = set()  # streams on which headers were heard
        self._ended: set[int] = set()  # streams on which nothing but RST_STREAM may be heard
        self._opened = 0
        self._unacknowledged = 0
        self._pings = 0
        self.failed = False

    def says(self, said: Said) -> None:
        """Take note of what the next frame allows the server."""
        if said.kind == 0x1:
            self._opened = max(self._opened, said.stream_id)
        elif said.kind == 0x4 and not said.flags & 1 and len(said.payload) % 6 == 0:
            self._unacknowledged += 1
            for number, value in struct.iter_unpack(">HL", said.payload):
                if number == 4:
                    self._initial = value
                elif number == 5:
                    self._longest = max(value, 1 << 14)  # less is an error
        elif said.kind == 0x6:
            self._pings += 1
        elif said.kind == 0x8 and len(said.payload) == 4:
            increment = int.from_bytes(said.payload, "big") & LARGEST_WINDOW
            if said.stream_id:
                self._windows[said.stream_id] += increment
            else:
                self._window += increment

    def hears(self, data: bytes) -> None:
        """Check what was heard."""
        while data:
            assert len(data) >= 9, "a frame's header is cut off"
            heard, length = hyperframe.Frame.parse_frame_header(memoryview(data)[:9], strict=True)
            assert len(data) >= 9 + length, "a frame is cut off"
            heard.parse_body(memoryview(data)[9 : 9 + length])
            assert length <= self._longest, "a frame above the client's SETTINGS_MAX_FRAME_SIZE"
            self._hears(heard)
            data = data[9 + length :]

    def _hears(self, heard: hyperframe.Frame) -> None:
        assert not self.failed, GOAWAY_ALONE
        stream_id = heard.stream_id
        if isinstance(heard, hyperframe.HeadersFrame):
            self._hears_fields(stream_id, heard)
        elif isinstance(heard, hyperframe.DataFrame):
            self._hears_data(stream_id, len(heard.data))
        elif isinstance(heard, hyperframe.RstStreamFrame):
            self._known(stream_id)
            self._ended.add(stream_id)
        elif isinstance(heard, hyperframe.WindowUpdateFrame):
            assert heard.window_increment > 0
            assert stream_id not in self._ended, "a window of a stream that has ended"
        elif isinstance(heard, hyperframe.SettingsFrame):
            self._unacknowledged -= "ACK" in heard.flags
            assert self._unacknowledged >= 0, "an acknowledgement of nothing"
        elif isinstance(heard, hyperframe.PingFrame):
            self._pings -= "ACK" in heard.flags
            assert self._pings >= 0, "an answer to no PING"
        else:
            assert isinstance(heard, hyperframe.GoAwayFrame)
            self.failed = heard.error_code != 0

    def _hears_fields(self, stream_id: int, heard: hyperframe.HeadersFrame) -> None:
        self._known(stream_id)
        assert "END_HEADERS" in heard.flags
        names = [name for name, _ in self._decoder.decode(heard.data, raw=True)]
        assert (names[:1] == [b":status"]) == (stream_id not in self._begun), "headers come once, and first"
        self._begun.add(stream_id)
        if "END_STREAM" in heard.flags:
            assert b"grpc-status" in names or names == [b":status"]
            self._ended.add(stream_id)
        else:
            assert names == [b":status", b"content-type"]

    def _hears_data(self, stream_id: int, size: int) -> None:
        self._known(stream_id)
        assert stream_id in self._begun, "DATA before HEADERS"
        self._window -= size
        self._windows[stream_id] -= size
        assert self._window >= 0, "more DATA than the client's window"
        assert self._initial + self._windows[stream_id] >= 0, "more DATA than the client's window of the stream"

    def _known(self, stream_id: int) -> None:
        assert stream_id & 1, "a stream that no client opens"
        assert stream_id <= self._opened, "a stream that was never opened"
