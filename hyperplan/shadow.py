"""A shadow sample: what a shadow answered to the copy of a request, as it travels from a sidecar to control.

A shadow's answer goes to nobody. It is seen where the copy is sent, apart from the request itself and perhaps after its end, so it is an
observation of its own, and the prediction id leads to the sample of the request. Copies of sampled requests only are sampled, with
the inclusion probability of the request: of a pair either both halves are sent or none.
"""

from typing import Any, ClassVar

import msgspec

from hyperplan.encoding import LARGEST, packed, unpacked


class ShadowSample(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one shadow to the copy of one request.

    `time` is when the copy was sent to the shadow, in nanoseconds since 1970; `latency`, in seconds, is from then until its
    answer was there. `status` is the HTTP status of the answer, None when there was none. `failure` says what is wrong with an
    answer that a client would not have been given; None for a good one, whose predictions may be missing all the same (a
    stream, say). `inclusion` is the probability with which the request was sampled.
    """

    EVENT_NAME: ClassVar[str] = "hyperplan.shadow"
    """The OTLP event name of the log records that carry shadow samples."""

    prediction_id: str
    time: int
    endpoint: str
    revision: int
    model: str
    inclusion: float
    status: int | None = None
    latency: float | None = None
    predictions: list[Any] = []
    failure: str | None = None

    def encode(self) -> bytes:
        """The shadow sample as msgpack. One that would be larger than `LARGEST` leaves out the predictions."""
        data = packed(self)
        return data if len(data) <= LARGEST else packed(msgspec.structs.replace(self, predictions=[]))

    @staticmethod
    def decode(data: bytes) -> "ShadowSample":
        """Read a shadow sample that `encode` wrote.

        Raises:
            ValueError: it is no shadow sample.
        """
        return unpacked(data, ShadowSample, "shadow sample")
