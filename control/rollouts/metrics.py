"""What Prometheus is told of rollouts. Counters are of this process; where rollouts stand is read from the database, so that every replica says the same."""

import logging
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.exc import SQLAlchemyError

from control.rollouts.book import RolloutBook
from hyperplan.rollouts import State
from hyperplan.rollouts.rollout import LIVE

log = logging.getLogger("hyperplan.control")


class RolloutMetrics:
    """Counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.steps = Counter(
            "hyperplan_rollout_steps",
            "Changes of rollouts that control made by itself, by the state after them.",
            ["state"],
            registry=self.registry,
        )
        self.failures = Counter(
            "hyperplan_rollout_failures", "Looks at a rollout that ended in an error.", registry=self.registry
        )


def measured(book: RolloutBook) -> Sequence[Metric]:
    """Where the newest rollout of each endpoint stands; nothing while the database cannot be read."""
    try:
        rollouts = book.all_newest()
    except SQLAlchemyError as error:
        log.warning("rollouts cannot be measured: %s", error)
        return []
    state = GaugeMetricFamily(
        "hyperplan_rollout_state",
        "The state of the newest rollout of an endpoint: 1 for the one that it is in.",
        labels=["endpoint", "canary", "state"],
    )
    share = GaugeMetricFamily(
        "hyperplan_rollout_share",
        "The share of the traffic that a canary takes, 0 to 1, while its rollout is not over.",
        labels=["endpoint", "canary"],
    )
    evidence = GaugeMetricFamily(
        "hyperplan_rollout_evidence",
        "The most evidence there was that a canary breaks a guardrail, as the natural logarithm of an e-value.",
        labels=["endpoint", "canary", "guardrail"],
    )
    for rollout in rollouts:
        labels = [rollout.endpoint, rollout.terms.canary]
        for each in State:
            state.add_metric([*labels, each.value], float(rollout.state is each))
        if rollout.state in LIVE:
            share.add_metric(labels, rollout.share / 100)
            for name, held in rollout.evidence.items():
                evidence.add_metric([*labels, name], held.peak)
    return [state, share, evidence]
