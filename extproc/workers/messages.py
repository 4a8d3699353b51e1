"""What a supervisor and its workers say to one another, as msgpack."""

import msgspec

from extproc.stages import Role
from extproc.stages.observer import Decision, Trace
from extproc.telemetry.told import Increments, Told


class Begin(msgspec.Struct, tag=True, frozen=True):
    """The first message: the key that personal values are hashed with (`Secret.to_bytes`), if there is one."""

    secret: bytes | None


class Prepare(msgspec.Struct, tag=True, frozen=True):
    """Be ready for requests that another worker has decided by this plan, given as its document. Answered with `Prepared`."""

    plan: bytes


class Adopt(msgspec.Struct, tag=True, frozen=True):
    """Decide by the plan that was prepared last. Answered with `Adopted`."""


class Shed(msgspec.Struct, tag=True, frozen=True):
    """Ask the peer of one connection for a stage to open another, which may find a worker with less to do."""

    role: Role


class Stop(msgspec.Struct, tag=True, frozen=True):
    """Take no new streams, give the open ones `grace` seconds to end, report, and exit."""

    grace: float


class Prepared(msgspec.Struct, tag=True, frozen=True):
    """Requests that were decided by the plan of this number can be adapted."""

    number: int


class Adopted(msgspec.Struct, tag=True, frozen=True):
    """Requests are decided by the plan of this number."""

    number: int


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A `Decision`, whose ids are too large for integers of msgpack."""

    trace_id: bytes
    span_id: bytes
    start: int
    end: int
    endpoint: str
    arm: str | None
    revision: int
    violations: int
    prediction_id: str

    @staticmethod
    def of(decision: Decision) -> "Span":
        """Pack a decision, whose trace is recorded."""
        trace_id, span_id = decision.trace.ids
        return Span(trace_id, span_id, *decision[1:])

    def decision(self) -> Decision:
        """The decision that was packed."""
        trace_id, span_id, *fields = msgspec.structs.astuple(self)
        return Decision(Trace.of_ids(trace_id, span_id, recorded=True), *fields)


class Report(msgspec.Struct, tag=True, frozen=True):
    """What the stages told since the report before; for each of them, how many connections are open now and how many were ever handed over.

    `samples` are encoded `SampleFrame`s; `dropped` of them, and of spans, were lost because nobody took the reports.
    """

    connections: list[int]
    taken: list[int]
    counts: Increments
    samples: list[bytes]
    spans: list[Span]
    dropped: int
    dropped_spans: int

    def told(self) -> Told:
        """The report as telemetry takes it."""
        decisions = [span.decision() for span in self.spans]
        return Told(self.counts, self.samples, decisions, self.dropped, self.dropped_spans)


class Logged(msgspec.Struct, tag=True, frozen=True):
    """A line of the worker's log: its level and logger as `logging` has them, and what it says."""

    level: int
    logger: str
    text: str


ToWorker = Begin | Prepare | Adopt | Shed | Stop
ToSupervisor = Prepared | Adopted | Report | Logged
