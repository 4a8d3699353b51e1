"""The counters of a sidecar in an OTLP metrics request."""

from collections.abc import Iterable
from typing import NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, NumberDataPoint, Sum

from control.stores.counters import CumulativeSum, Series

ENDPOINT = "hyperplan.endpoint"
LABELS = {
    "hyperplan.requests": ("hyperplan.outcome",),
    "hyperplan.choices": ("hyperplan.arm",),
    "hyperplan.forced": ("hyperplan.arm",),
    "hyperplan.violations": ("hyperplan.feature", "hyperplan.kind"),
    "hyperplan.flaws": ("hyperplan.flaw",),
    "hyperplan.attempts": ("hyperplan.model", "hyperplan.outcome"),
    "hyperplan.arm.attempts": ("hyperplan.arm", "hyperplan.revision", "hyperplan.outcome"),
    "hyperplan.arm.latencies": ("hyperplan.arm", "hyperplan.revision", "hyperplan.up_to"),
    "hyperplan.arm.predictions": ("hyperplan.arm", "hyperplan.revision", "hyperplan.range"),
    "hyperplan.arm.violations": ("hyperplan.arm", "hyperplan.revision"),
    "hyperplan.samples.dropped": (),
}
"""The sums that are kept, and the attributes by which each is told apart, besides the endpoint. The first is the series' label, the others are its kind."""

_LARGEST = 1 << 62


class Metrics(NamedTuple):
    """What a request holds: sums, and how many data points of ours are no cumulative sums that only grow."""

    sums: list[CumulativeSum]
    rejected: int


def read_metrics(request: ExportMetricsServiceRequest) -> Metrics:
    """Read the sums that are kept. Other metrics are ignored: a Collector may send us all it has."""
    sums: list[CumulativeSum] = []
    rejected = 0
    for resource in request.resource_metrics:
        instance = _texts(resource.resource.attributes).get("service.instance.id", "")
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name not in LABELS:
                    continue
                points = metric.sum.data_points
                good = [_sum(metric.name, instance, point) for point in points if _countable(metric.sum, point)]
                sums += good
                rejected += len(points) - len(good) if points else _points_of_others(metric)
    return Metrics(sums, rejected)


def _countable(parent: Sum, point: NumberDataPoint) -> bool:
    cumulative = parent.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    bounded = max(point.start_time_unix_nano, point.time_unix_nano, point.as_int) < _LARGEST
    return cumulative and parent.is_monotonic and bounded and point.HasField("as_int") and point.as_int >= 0


def _points_of_others(metric: Metric) -> int:
    """Data points of a metric with the name of a sum that is none."""
    return len(metric.gauge.data_points) + len(metric.histogram.data_points)


def _sum(metric: str, instance: str, point: NumberDataPoint) -> CumulativeSum:
    attributes = _texts(point.attributes)
    label, *kinds = [attributes.get(name, "") for name in LABELS[metric]] or [""]
    series = Series(metric, attributes.get(ENDPOINT, ""), label, "/".join(kinds))
    return CumulativeSum(series, instance, point.start_time_unix_nano, point.time_unix_nano, point.as_int)


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {item.key: item.value.string_value for item in attributes}
