"""What Prometheus is told of alerts.

Counters and times are of this process. What there is (alerts, evidence, messages that wait) is read from the database when it is
asked for, so that every replica of control says the same.
"""

import time
from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from control.alerts.book import AlertBook, Question
from control.alerts.outbox import Outbox
from hyperplan.alerts import Alert, State, silenced
from hyperplan.alerts.sentence import by_weight

MOST_ALERTS = 1000
"""Alerts that are told of: each finding makes a series."""


class AlertMetrics:
    """Counters and times of evaluating and delivering, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.attempts = Counter(
            "hyperplan_webhook_attempts",
            "Attempts to deliver a message to a webhook: delivered, failed (to be tried again) or given_up.",
            ["outcome"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "hyperplan_evaluation_seconds",
            "How long it took to look for skew at one endpoint.",
            registry=self.registry,
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
        )
        self.failures = Counter(
            "hyperplan_evaluation_failures", "Looks for skew that ended in an error.", registry=self.registry
        )
        self.lag = Gauge(
            "hyperplan_evaluation_lag_seconds",
            "How long after the end of the newest traffic of an endpoint it was looked at for skew.",
            ["endpoint"],
            registry=self.registry,
        )


def families(book: AlertBook, outbox: Outbox) -> Iterator[Metric]:
    """What the database holds, as metrics."""
    now = time.time_ns()
    silences = book.silences(now)
    live = book.find(Question((State.PENDING, State.OPEN), limit=MOST_ALERTS))
    alerts = GaugeMetricFamily(
        "hyperplan_alerts",
        "Alerts that are not over, by what explains each best: open, acknowledged, silenced, or pending until another look.",
        labels=["endpoint", "kind", "finding", "state"],
    )
    for labels, count in sorted(Tally(_labels(alert, silenced(alert, silences, now)) for alert in live).items()):
        alerts.add_metric(labels, count)
    yield alerts
    yield from _findings(live)
    waiting = GaugeMetricFamily(
        "hyperplan_webhook_messages_waiting", "Messages that are still to be delivered to a webhook."
    )
    waiting.add_metric([], outbox.waiting())
    yield waiting


def _labels(alert: Alert, is_silenced: bool) -> tuple[str, str, str, str]:
    lead = by_weight(alert.sightings)[0].finding
    state = alert.state.value
    if alert.state is State.OPEN:
        state = "silenced" if is_silenced else "acknowledged" if alert.acknowledged else "open"
    return alert.endpoint, lead.kind, lead.finding, state


def _findings(alerts: list[Alert]) -> Iterator[Metric]:
    names = ["endpoint", "model", "feature", "finding", "against"]
    evidence = GaugeMetricFamily(
        "hyperplan_skew_evidence",
        "Evidence of what was last found, as the natural logarithm of an e-value.",
        labels=names,
    )
    effect = GaugeMetricFamily(
        "hyperplan_skew_effect", "Effect of what was last found, in the measure of its detector.", labels=names
    )
    for alert in alerts:
        for sighting in alert.sightings:
            found = sighting.finding
            labels = [alert.endpoint, sighting.model, found.feature, found.finding, found.against]
            evidence.add_metric(labels, found.evidence)
            effect.add_metric(labels, found.effect)
    yield evidence
    yield effect
