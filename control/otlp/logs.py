"""The samples in an OTLP logs request, the shadows' answers, and feedback."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from control.stores.arrivals import Arrival, Arriving
from control.stores.samples import storable
from control.stores.shadows import storable_answer
from hyperplan.feedback import Feedback, storable_feedback
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample


class Logs(NamedTuple):
    """What a request holds: samples of both kinds and feedback as they were sent, how many records that should be samples are none (and why the first is
    none), and how many records are something else."""

    samples: list[Arrival]
    rejected: int
    reason: str
    ignored: int


def read_logs(request: ExportLogsServiceRequest) -> Logs:
    """Read the samples. Records with other event names are ignored: a Collector may send us all it has."""
    samples: list[Arrival] = []
    reasons: list[str] = []
    ignored = 0
    for record in _records(request):
        read = _READERS.get(record.event_name)
        if read is None:
            ignored += 1
            continue
        try:
            body = _body(record)
            samples.append(Arrival(read(body), body))
        except ValueError as error:
            reasons.append(str(error))
    return Logs(samples, len(reasons), reasons[0] if reasons else "", ignored)


def _records(request: ExportLogsServiceRequest) -> Iterator[LogRecord]:
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            yield from scope.log_records


def _body(record: LogRecord) -> bytes:
    if not record.body.HasField("bytes_value"):
        raise ValueError("not a sample: the body of the record must be bytes")
    return record.body.bytes_value


def _sample(body: bytes) -> Sample:
    sample = Sample.decode(body)
    if not storable(sample):
        raise ValueError("not a sample: a number in it is out of range")
    return sample


def _shadow_sample(body: bytes) -> ShadowSample:
    answer = ShadowSample.decode(body)
    if not storable_answer(answer):
        raise ValueError("not a shadow sample: a number in it is out of range")
    return answer


def _feedback(body: bytes) -> Feedback:
    feedback = Feedback.decode(body)
    if not storable_feedback(feedback):
        raise ValueError("not feedback: it names no prediction, or something in it is out of range")
    return feedback


_READERS: dict[str, Callable[[bytes], Arriving]] = {
    Sample.EVENT_NAME: _sample,
    ShadowSample.EVENT_NAME: _shadow_sample,
    Feedback.EVENT_NAME: _feedback,
}
