"""A sample, of a request or of a shadow's answer, or feedback, as it is kept and handed on: encoded, with what its log record needs besides.

It is what waits on disk, and what one process hands to another; so its bytes outlive a version. It is a msgpack array:
a later version may add fields at the end, which earlier ones pass over, and must give them defaults.
"""

import msgspec

from extproc.stages.observer import Trace
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

Sampled = tuple[Sample | ShadowSample | Feedback, Trace | None]
"""A sample as the stages report it, or feedback, not encoded yet. A plain tuple: it is made in the middle of a request."""


class SampleFrame(msgspec.Struct, frozen=True, array_like=True):
    """An encoded sample. `time` is in nanoseconds since 1970; ids are those of W3C Trace Context, empty without a trace.

    `event` is the name of the log record, which tells what is encoded.
    """

    endpoint: str
    time: int
    body: bytes
    trace_id: bytes = b""
    span_id: bytes = b""
    recorded: bool = False
    event: str = Sample.EVENT_NAME

    @staticmethod
    def of(item: "Sampled | SampleFrame") -> "SampleFrame":
        """Encode a sample. What is encoded already stays what it is."""
        if isinstance(item, SampleFrame):
            return item
        sample, trace = item
        ids = trace.ids if trace else (b"", b"")
        recorded = trace is not None and trace.recorded
        came = sample.received if isinstance(sample, Feedback) else sample.time
        return SampleFrame(sample.endpoint, came, sample.encode(), *ids, recorded, sample.EVENT_NAME)

    @property
    def trace(self) -> Trace | None:
        """Where the request stands in a trace."""
        if not self.trace_id:
            return None
        return Trace.of_ids(self.trace_id, self.span_id, recorded=self.recorded)

    def encode(self) -> bytes:
        """The frame as msgpack."""
        return msgspec.msgpack.encode(self)

    @staticmethod
    def decode(data: bytes) -> "SampleFrame":
        """Read what `encode` wrote.

        Raises:
            ValueError: it is no frame.
        """
        try:
            return _decode(data)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a sample's frame: {error}") from None


_decode = msgspec.msgpack.Decoder(SampleFrame).decode
