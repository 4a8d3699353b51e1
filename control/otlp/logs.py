"""The samples in an OTLP logs request."""

from collections.abc import Iterator
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from control.stores.samples import storable
from hyperplan.sample import Sample


class Logs(NamedTuple):
    """What a request holds: samples, how many records that should be samples are none (and why the first is none), and how
    many records are something else."""

    samples: list[Sample]
    rejected: int
    reason: str
    ignored: int


def read_logs(request: ExportLogsServiceRequest) -> Logs:
    """Read the samples. Records with another event name than a sample's are ignored: a Collector may send us all it has."""
    samples: list[Sample] = []
    reasons: list[str] = []
    ignored = 0
    for record in _records(request):
        if record.event_name != Sample.EVENT_NAME:
            ignored += 1
            continue
        try:
            samples.append(_sample(record))
        except ValueError as error:
            reasons.append(str(error))
    return Logs(samples, len(reasons), reasons[0] if reasons else "", ignored)


def _records(request: ExportLogsServiceRequest) -> Iterator[LogRecord]:
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            yield from scope.log_records


def _sample(record: LogRecord) -> Sample:
    if not record.body.HasField("bytes_value"):
        raise ValueError("not a sample: the body of the record must be bytes")
    sample = Sample.decode(record.body.bytes_value)
    if not storable(sample):
        raise ValueError("not a sample: a number in it is out of range")
    return sample
