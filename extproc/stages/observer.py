"""What a stage tells the world, and the only way it does.

Stages count and report; what becomes of it (OTLP, a test's list, nothing) is the observer's business, and so is never
blocking: a stage calls these in the middle of a request.
"""

from typing import Literal, NamedTuple, Protocol

from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

_RECORDED = frozenset("13579bdf")
"""The last digit of flags whose lowest bit, "sampled", is set; it is the 55th character of the header."""


Outcome = Literal["ok", "client_error", "failed", "not_understood", "untranslatable", "reset"]
"""What became of one attempt at a model: it answered; it found the request wrong; it failed, and said so; it gave an answer that
nobody can use; it could not be asked, since the request cannot be said in its protocol; or there was no end of an answer."""


Attempt = tuple[str, str, Outcome, str, int, int, int, bool]
"""What there is to count of an attempt: endpoint, model and outcome; and, of the first attempt of a request whose arm was chosen at random, that
arm, the revision that chose it, the positions of its latency and of its first prediction in `hyperplan.ranges`, and whether its rows broke the schema. Of others the
arm is "". A plain tuple: it is made in the middle of a request, and it is the key under which it is counted."""


class Trace(NamedTuple):
    """Where a request stands in a trace (W3C Trace Context): ids as integers, and whether the trace is recorded."""

    trace_id: int
    span_id: int
    recorded: bool

    @property
    def ids(self) -> tuple[bytes, bytes]:
        """The ids of the trace and of the span, as 16 and 8 bytes."""
        return self.trace_id.to_bytes(16, "big"), self.span_id.to_bytes(8, "big")

    @staticmethod
    def of_ids(trace_id: bytes, span_id: bytes, *, recorded: bool) -> "Trace":
        """The place in a trace that has these ids."""
        return Trace(int.from_bytes(trace_id, "big"), int.from_bytes(span_id, "big"), recorded)

    @staticmethod
    def parse(traceparent: str | None) -> "Trace | None":
        """Read a `traceparent` header (W3C Trace Context, level 1, section 3.2); None for what is none."""
        parts = traceparent.split("-") if traceparent else []
        if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2]:
            return None
        try:
            trace_id, span_id, flags = int(parts[1], 16), int(parts[2], 16), int(parts[3], 16)
        except ValueError:
            return None
        return Trace(trace_id, span_id, bool(flags & 1)) if trace_id and span_id else None


def is_recorded(traceparent: str | None) -> bool:
    """Whether a `traceparent` header says that its trace is recorded, as far as can be told at a glance."""
    return traceparent is not None and traceparent[54:55] in _RECORDED


class Decision(NamedTuple):
    """A decision of a request whose trace is recorded: what its span says. Times in nanoseconds since 1970."""

    trace: Trace
    start: int
    end: int
    endpoint: str
    arm: str | None
    revision: int
    violations: int
    prediction_id: str


class Observer(Protocol):
    """Takes what the stages have to tell."""

    def routed(self, endpoint: str, arm: str) -> None:
        """A request was sent to an arm that was chosen for it."""

    def forced(self, endpoint: str, arm: str) -> None:
        """A request was sent to the arm that it named itself."""

    def rejected(self, endpoint: str) -> None:
        """A request was answered with an error by the sidecar itself."""

    def violated(self, endpoint: str, feature: str, kind: str) -> None:
        """A row broke the schema."""

    def flawed(self, endpoint: str, flaw: str) -> None:
        """A body had no rows that could be read."""

    def attempted(self, attempt: Attempt) -> None:
        """An attempt at a model that goes through the adapt stage has ended."""

    def failed(self, endpoint: str, model: str, why: str, prediction_id: str) -> None:
        """It ended without a good answer, and why."""

    def decided(self, decision: Decision) -> None:
        """A traced request was decided."""

    def sampled(self, sample: Sample, trace: Trace | None) -> None:
        """A sampled request has ended."""

    def shadowed(self, sample: ShadowSample, trace: Trace | None) -> None:
        """The copy of a sampled request was answered by a shadow, or will not be."""
