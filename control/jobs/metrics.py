"""What Prometheus is told of jobs."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class JobMetrics:
    """Counters and times of this process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.held = Gauge(
            "hyperplan_job_held", "Whether this replica is the one that does a job.", ["job"], registry=self.registry
        )
        self.failures = Counter(
            "hyperplan_job_failures", "Rounds of a job that ended in an error.", ["job"], registry=self.registry
        )
        self.seconds = Histogram(
            "hyperplan_job_seconds",
            "How long a round of a job took.",
            ["job"],
            registry=self.registry,
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
        )
