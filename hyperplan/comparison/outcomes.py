"""How requests ended with one of two models: how many failed, and how long the others took."""

from collections.abc import Sequence

import msgspec

from hyperplan.comparison.pairs import Half, Pair
from hyperplan.comparison.quantiles import quantile
from hyperplan.comparison.rate import Rate


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Failed requests of one model, and the latencies (seconds) that half, 95 % and 99 % of the others stayed below.

    `failures` are counted, `error_rate` is estimated. The latencies are of requests that both models answered; each is null
    where these are too few to tell.
    """

    failures: int
    error_rate: Rate | None
    p50: float | None
    p95: float | None
    p99: float | None


def outcomes(pairs: Sequence[Pair]) -> tuple[Outcome, Outcome]:
    """The outcome of the primaries and that of the shadows, over the same requests."""
    weights = [pair.weight for pair in pairs]
    timed = [pair for pair in pairs if _is_timed(pair.primary) and _is_timed(pair.shadow)]
    timed_weights = [pair.weight for pair in timed]

    def outcome(halves: Sequence[Half], timed: Sequence[Half]) -> Outcome:
        failed = [half.failed for half in halves]
        latencies = [half.latency for half in timed if half.latency is not None]
        return Outcome(
            failures=sum(failed),
            error_rate=Rate.of([weight * fails for weight, fails in zip(weights, failed, strict=True)], weights),
            p50=quantile(latencies, timed_weights, 0.5),
            p95=quantile(latencies, timed_weights, 0.95),
            p99=quantile(latencies, timed_weights, 0.99),
        )

    return (
        outcome([pair.primary for pair in pairs], [pair.primary for pair in timed]),
        outcome([pair.shadow for pair in pairs], [pair.shadow for pair in timed]),
    )


def _is_timed(half: Half) -> bool:
    return not half.failed and half.latency is not None
