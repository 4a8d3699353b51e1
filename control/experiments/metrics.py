"""What Prometheus is told of experiments, read from the database when it is asked for, so that every replica says the same."""

import logging
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.exc import SQLAlchemyError

from control.experiments.book import ExperimentBook
from control.registry import Registry
from hyperplan.experiments.look import Look

log = logging.getLogger("hyperplan.control")


def measured(registry: Registry, book: ExperimentBook) -> Sequence[Metric]:
    """The experiments that run; nothing while the database cannot be read."""
    try:
        designs = {entry.name: entry.endpoint.experiment for entry in registry.entries() if entry.endpoint}
        looks = book.newest()
    except SQLAlchemyError as error:
        log.warning("experiments cannot be measured: %s", error)
        return []
    return list(families({name: each for name, each in looks.items() if designs.get(name) == each.running.design}))


def families(looks: Mapping[str, Look]) -> Iterator[Metric]:
    """Looks, by endpoint, as metrics."""
    verdicts = GaugeMetricFamily(
        "hyperplan_experiment_verdict",
        "The verdict on a treatment, as the labels of a series that is 1: ship, stop, go on or broken, and the state that says so.",
        labels=["endpoint", "treatment", "decision", "state"],
    )
    units = GaugeMetricFamily(
        "hyperplan_experiment_units", "Units that count in an experiment.", labels=["endpoint", "arm"]
    )
    effects = GaugeMetricFamily(
        "hyperplan_experiment_effect",
        "The effect of a treatment: its estimate, and the bounds that hold at all times. What has no bound is left out.",
        labels=["endpoint", "treatment", "measure"],
    )
    judged = GaugeMetricFamily(
        "hyperplan_experiment_judged_timestamp_seconds", "When an experiment was last looked at.", labels=["endpoint"]
    )
    for endpoint, look in looks.items():
        judged.add_metric([endpoint], look.at / 1e9)
        for arm, count in look.units.items():
            units.add_metric([endpoint, arm], count)
        for arm, standing in look.standings.items():
            verdicts.add_metric([endpoint, arm, standing.verdict.decision, standing.verdict.state], 1)
            effect = standing.effect
            for measure, value in (("estimate", effect.estimate), ("low", effect.low), ("high", effect.high)):
                if value is not None:
                    effects.add_metric([endpoint, arm, measure], value)
    yield from (verdicts, units, effects, judged)
