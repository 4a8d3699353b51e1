"""The traffic API: counters of everything, and what samples say."""

from collections.abc import Callable

from litestar import Litestar
from litestar.testing import TestClient

from control.stores import Store
from control.stores.counters import CumulativeSum, Series
from hyperplan.sample import Sample

MakeSample = Callable[..., Sample]
Api = TestClient[Litestar]
TRAFFIC = "/v1/endpoints/flight-delay/traffic"
RANGE = {"since": "1800000000", "until": "1800000120", "window": "60"}


def test_counters_are_shown_by_window_and_in_total(api: Api, store: Store, t0: int) -> None:
    def sums(at: int, factor: int) -> list[CumulativeSum]:
        series = {
            Series("hyperplan.requests", "flight-delay", "routed"): 10,
            Series("hyperplan.requests", "flight-delay", "rejected"): 1,
            Series("hyperplan.requests", "other", "routed"): 100,
            Series("hyperplan.choices", "flight-delay", "gbm@1"): 9,
            Series("hyperplan.forced", "flight-delay", "gbm@2"): 2,
            Series("hyperplan.violations", "flight-delay", "distance", "missing"): 2,
            Series("hyperplan.violations", "flight-delay", "distance", "range"): 3,
            Series("hyperplan.flaws", "flight-delay", "not_json"): 4,
            Series("hyperplan.attempts", "flight-delay", "gbm@1", "reset"): 5,
            Series("hyperplan.attempts", "flight-delay", "logit@1", "ok"): 6,
        }
        return [CumulativeSum(each, "a", 0, t0 + at, count * factor) for each, count in series.items()]

    store.count(sums(0, 1))
    store.count(sums(60 * 10**9, 3))
    report = api.get(TRAFFIC, params=RANGE).json()
    first, second = report["windows"]
    assert first["requests"] == {"rejected": 1, "routed": 10}
    assert first["violations"] == {"distance": {"missing": 2, "range": 3}}
    assert second["requests"] == {"rejected": 2, "routed": 20}
    assert second["flaws"] == {"not_json": 8}
    assert second["attempts"] == {"gbm@1": {"reset": 10}, "logit@1": {"ok": 12}}
    assert report["total"]["choices"] == {"gbm@1": 27}
    assert report["total"]["forced"] == {"gbm@2": 6}


def test_samples_tell_who_answered_how_fast_and_after_a_failover(
    api: Api, store: Store, make_sample: MakeSample
) -> None:
    store.ingest([make_sample(f"g-{index}", latency=index / 100) for index in range(101)])
    store.ingest(
        [
            make_sample("f", answered="logit@1", latency=2.0),
            make_sample("n", answered=None, status=503, latency=None),
            make_sample("r", chosen=None, answered=None, status=422, latency=None, rejected=True),
            make_sample("gone", answered=None, status=None, latency=None),
        ]
    )
    sampled = api.get(TRAFFIC, params=RANGE).json()["sampled"]
    answered = {report["model"]: report for report in sampled["answered"]}
    assert sampled["requests"] == 105
    assert sampled["failovers"] == 1
    assert sampled["statuses"] == {"200": 102, "422": 1, "503": 1, "none": 1}
    assert (answered["gbm@1"]["requests"], answered["gbm@1"]["share"]) == (101, 101 / 105)
    assert [round(answered["gbm@1"][name], 9) for name in ("p50", "p95", "p99")] == [0.5, 0.95, 0.99]
    assert answered[None]["requests"] == 3
    assert answered[None]["p50"] is None


def test_no_traffic_is_no_error(api: Api) -> None:
    report = api.get(TRAFFIC).json()
    assert report["sampled"] == {"requests": 0, "answered": [], "statuses": {}, "failovers": 0}
    assert report["total"]["requests"] == {}


def test_a_bad_window_and_an_unknown_endpoint_are_refused(api: Api) -> None:
    assert api.get(TRAFFIC, params={"window": "7"}).json()["errors"][0]["pointer"] == "?window"
    assert api.get("/v1/endpoints/gone/traffic").status_code == 404
