"""From what sidecars counted of arms to what guardrails are held to."""

from control.stores import Store
from control.stores.arms import guarded_counters
from control.stores.counters import CumulativeSum, Series
from hyperplan.experiments.design import Guarded, Guardrail

MINUTE = 60 * 10**9
GUARDRAILS: dict[Guarded, Guardrail] = {
    "errors": Guardrail(),
    "latency": Guardrail(slower=0.1),
    "violations": Guardrail(),
    "predictions": Guardrail(margin=2.0),
}


def counted(metric: str, kind: str, value: int, *, arm: str = "gbm@2", bucket: int = 1) -> CumulativeSum:
    series = Series(f"hyperplan.arm.{metric}", "flight-delay", arm, kind)
    return CumulativeSum(series, "a", 0, bucket * MINUTE + 5, value)


def test_ticks_are_revisions_in_buckets_and_the_same_for_all_arms(store: Store) -> None:
    store.counters.ingest(
        [
            counted("attempts", "3/ok", 10),
            counted("attempts", "3/failed", 2),
            counted("attempts", "3/passed_over", 3),
            counted("attempts", "4/client_error", 5),
            counted("attempts", "3/ok", 100, arm="gbm@1"),
            counted("attempts", "4/ok", 30, bucket=2, arm="gbm@1"),
        ]
    )
    of = guarded_counters(store.counters, "flight-delay", "binary", ["gbm@1", "gbm@2"], GUARDRAILS, 0, 9 * MINUTE)
    ours, theirs = of["errors"]["gbm@2"], of["errors"]["gbm@1"]
    assert (ours.hits.tolist(), ours.requests.tolist()) == ([5, 0, 0], [15, 5, 0])
    assert (theirs.hits.tolist(), theirs.requests.tolist()) == ([0, 0, 0], [100, 0, 30])


def test_slow_requests_violations_and_ranges_of_predictions_are_counted(store: Store) -> None:
    store.counters.ingest(
        [
            counted("attempts", "3/ok", 12),
            counted("latencies", "3/0.1", 7),
            counted("latencies", "3/0.125893", 3),
            counted("latencies", "3/inf", 2),
            counted("violations", "3", 4),
            counted("predictions", "3/0", 5),
            counted("predictions", "3/9", 6),
        ]
    )
    of = guarded_counters(store.counters, "flight-delay", "binary", ["gbm@2"], GUARDRAILS, 0, 9 * MINUTE)
    assert of["latency"]["gbm@2"].hits.tolist() == [5]
    assert of["latency"]["gbm@2"].requests.tolist() == [12]
    assert of["violations"]["gbm@2"].hits.tolist() == [4]
    assert of["predictions"]["gbm@2"].hits[:, 0].tolist() == [5, 0, 0, 0, 0, 0, 0, 0, 0, 6]
    assert of["predictions"]["gbm@2"].requests.tolist() == [11]
