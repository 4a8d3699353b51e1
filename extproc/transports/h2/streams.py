"""Streams (RFC 9113, section 5.1): those that are open, and what must be known of those that were.

Our side of a stream stays open as long as it is in the connection's table: it leaves with our END_STREAM, or a reset.
"""

KEPT = 1000


class Stream:
    """An open stream, or one that the peer has ended ("half-closed (remote)")."""

    __slots__ = ("answered", "awaited", "id", "pending", "receive_window", "receiving", "send_window", "trailers")

    def __init__(
        self, stream_id: int, receiving: bool, awaited: int | None, send_window: int, receive_window: int
    ) -> None:
        self.id = stream_id
        self.receiving = receiving
        self.awaited = awaited  # bytes of content-length that are still to come, None if it was not said
        self.send_window = send_window
        self.receive_window = receive_window
        self.answered = False
        self.pending: bytearray | None = None  # data that the windows do not let through yet
        self.trailers: bytes | None = None


class ClosedStreams:
    """The streams that were closed last: which were reset by us, so that the peer may not know yet.

    Of older ones nothing is known, and what comes on them is taken for late. Two generations of a thousand make
    forgetting cheap.
    """

    __slots__ = ("_forgotten", "_old", "_young")

    def __init__(self) -> None:
        self._young: dict[int, bool] = {}
        self._old: dict[int, bool] = {}
        self._forgotten = 0

    def add(self, stream_id: int, *, by_us: bool) -> None:
        """A stream was closed; `by_us`: before the peer had ended its side."""
        self._young[stream_id] = by_us
        if len(self._young) >= KEPT:
            self._forgotten = max(self._forgotten, max(self._old, default=0))
            self._old, self._young = self._young, {}

    def __contains__(self, stream_id: int) -> bool:
        """Whether a stream was closed, or may have been."""
        return stream_id in self._young or stream_id in self._old or stream_id <= self._forgotten

    def may_still_send(self, stream_id: int) -> bool:
        """Whether frames of the peer's may be on their way (section 5.1, "closed")."""
        if stream_id in self._young:
            return self._young[stream_id]
        return self._old.get(stream_id, True)
