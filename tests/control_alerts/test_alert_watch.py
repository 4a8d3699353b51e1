"""From samples to webhooks: control looks at what was served, says what is wrong once, and says when it is over."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from standardwebhooks import Webhook

from control.alerts.alerting import Alerting
from control.alerts.book import AlertBook, Question
from control.alerts.metrics import AlertMetrics
from control.alerts.outbox import Outbox
from control.alerts.watch import Watch
from control.jobs import Jobs, Lease
from control.registry import Change, Registry, Write
from control.stores import Store, open_store
from hyperplan.alerts import State
from hyperplan.endpoint import Endpoint
from hyperplan.profile import Profile, Reference
from hyperplan.sample import Sample, observe_rows
from hyperplan.schema import Float, Schema
from hyperplan.skew.finding import Finding
from tests.support.waiting import eventually

BUCKET = 0.2
SECRET = b"0123456789abcdef0123456789abcdef"
MakeFinding = Callable[..., Finding]


class Site:
    """A control's alerting over a store that is served rows as fast as the test feeds it."""

    def __init__(self, registry: Registry, store: Store, endpoint: Endpoint, receiver: Any, detector: Any) -> None:
        self.registry, self.store, self.endpoint = registry, store, endpoint
        self.receiver, self.detector = receiver, detector
        self.samples = 0
        rows = [{"dep_delay": float(minutes), "taxi_out": 10.0, "carrier": "AA"} for minutes in range(-10, 40)]
        series = [Profile.of_rows(endpoint.schema, rows)] * 2
        store.references.put(Reference(endpoint="flight-delay", model="gbm@1", made_at=1.0, rows=100, series=series))

    def alerting(self) -> Alerting:
        return Alerting(self.registry, self.store, self.receiver.webhooks(), self.detector)

    def watch(self) -> tuple[Watch, Lease]:
        """The watch by itself, whose rounds the test takes; and the lease that it needs."""
        engine = self.registry.engine
        lease = Lease(engine, "alerts")
        book, hooks = AlertBook(engine), self.receiver.webhooks()
        return Watch(self.registry, self.store, book, lease, AlertMetrics(), hooks, self.detector), lease

    def serve(self) -> None:
        """Take in a sample of this moment."""
        self.store.ingest([self.sample(time.time_ns(), [{"dep_delay": 600.0, "taxi_out": 10.0, "carrier": "AA"}])])

    def sample(self, at: int, rows: list[dict[str, Any]]) -> Sample:
        """A sample of a moment."""
        self.samples += 1
        return Sample(
            prediction_id=f"p-{self.samples}",
            time=at,
            endpoint="flight-delay",
            plan=1,
            revision=1,
            schema_version=self.endpoint.schema.version(),
            chosen="gbm@1",
            answered="gbm@1",
            inclusion=1.0,
            rows=observe_rows(self.endpoint.schema, rows),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Alerting]:
        alerting = self.alerting()
        jobs = Jobs([alerting.watch])
        running = [asyncio.create_task(alerting.run()), asyncio.create_task(jobs.run())]
        try:
            yield alerting
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Serve until a condition holds."""

        def served() -> bool:
            self.serve()
            return condition()

        await eventually(served)

    def told(self) -> list[str]:
        return [json.loads(each.body)["type"] for each in self.receiver.received]


@pytest.fixture
def site(registry: Registry, store: Store, endpoint: Endpoint, receiver: Any, detector: Any) -> Site:
    return Site(registry, store, endpoint, receiver, detector)


async def test_one_alert_arrives_signed_and_its_end_too(site: Site, finding: MakeFinding) -> None:
    began = time.time_ns() - 3600 * 10**9
    site.detector.findings = [finding(since=began), finding("taxi_out", "shift", kind="distribution", since=began)]
    async with site.running() as alerting:
        await site.until(lambda: len(site.receiver.received) > 0)
        before = len(site.detector.cases)
        await site.until(lambda: len(site.detector.cases) > before + 3)
        assert site.told() == ["alert.opened"]
        site.detector.findings = []
        await site.until(lambda: len(site.receiver.received) > 1)
        assert alerting.book.find(Question((State.OPEN,))) == []
    assert site.told() == ["alert.opened", "alert.resolved"]
    opened, resolved = site.receiver.received
    for request in (opened, resolved):
        Webhook(SECRET).verify(request.body, request.headers)
    assert opened.headers["webhook-id"] != resolved.headers["webhook-id"]
    data = json.loads(opened.body)["data"]
    assert data["sentence"].startswith("ops-feed: dep_delay comes in seconds where training had minutes")
    assert data["sentence"].endswith("; both features of ops-feed moved with it")
    assert [(each["model"], each["feature"], each["finding"]) for each in data["findings"]] == [
        ("gbm@1", "dep_delay", "unit"),
        ("gbm@1", "taxi_out", "shift"),
    ]
    assert json.loads(resolved.body)["data"]["id"] == data["id"]


async def test_detectors_see_the_reference_and_the_closed_buckets_in_order(site: Site) -> None:
    async with site.running():
        await site.until(lambda: len(site.detector.cases) > 3)
    case = site.detector.cases[-1]
    assert case.training.rows == 100
    assert case.serving.features["dep_delay"].numbers.moments.mean == 600
    ends = [look.end for look in case.looks]
    assert ends == sorted(ends)
    assert ends[-1] <= time.time_ns()
    assert len({case.looks[-1].end for case in site.detector.cases}) == len(site.detector.cases), "each look once"


def test_without_traffic_nothing_is_looked_at(site: Site) -> None:
    watch, lease = site.watch()
    lease.claim()
    watch.round()
    assert site.detector.cases == []


def test_without_the_lease_nothing_is_looked_at(site: Site) -> None:
    watch, _ = site.watch()
    site.serve()
    watch.round()
    assert site.detector.cases == []


async def test_a_restart_loses_no_alert_and_tells_none_twice(site: Site, finding: MakeFinding) -> None:
    site.detector.findings = [finding()]
    async with site.running():
        await site.until(lambda: len(site.receiver.received) > 0)
    async with site.running():
        before = len(site.detector.cases)
        await site.until(lambda: len(site.detector.cases) > before + 3)
    assert site.told() == ["alert.opened"]


async def test_of_two_replicas_one_evaluates(site: Site, finding: MakeFinding) -> None:
    site.detector.findings = [finding()]
    async with site.running() as one, site.running() as other:
        await site.until(lambda: len(site.receiver.received) > 0)
        before = len(site.detector.cases)
        await site.until(lambda: len(site.detector.cases) > before + 3)
    assert site.told() == ["alert.opened"]
    assert len({case.looks[-1].end for case in site.detector.cases}) == len(site.detector.cases), "each look once"
    evaluated = [each.metrics.registry.get_sample_value("hyperplan_evaluation_seconds_count") for each in (one, other)]
    assert evaluated.count(0) == 1


async def test_a_detector_that_fails_is_counted_and_tried_again(
    site: Site, finding: MakeFinding, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Exception):
        pass

    def failing(_: object) -> list[Finding]:
        raise Broken

    detector, site.detector = site.detector, failing
    async with site.running() as alerting:
        failures = "hyperplan_evaluation_failures_total"
        await site.until(lambda: (alerting.metrics.registry.get_sample_value(failures) or 0) > 1)
    assert "could not be looked at for skew" in caplog.text
    site.detector = detector
    detector.findings = [finding()]
    async with site.running():
        await site.until(lambda: len(site.receiver.received) > 0)


async def test_what_was_found_of_an_endpoint_that_is_deleted_is_over(site: Site, finding: MakeFinding) -> None:
    site.detector.findings = [finding()]
    async with site.running():
        await site.until(lambda: len(site.receiver.received) > 0)
        site.registry.delete("flight-delay", Write())
        await eventually(lambda: len(site.receiver.received) > 1)
    assert site.told() == ["alert.opened", "alert.resolved"]


async def test_what_begins_with_a_release_is_told_with_it(site: Site, finding: MakeFinding) -> None:
    began = time.time_ns()
    site.registry.put(_released(site.endpoint), Change.MODEL, Write())
    site.detector.findings = [finding(since=began)]
    async with site.running():
        await site.until(lambda: len(site.receiver.received) > 0)
    data = json.loads(site.receiver.received[0].body)["data"]
    assert data["change"] == "gbm@1 released with revision 2"
    assert data["sentence"].startswith("after gbm@1 released with revision 2: dep_delay comes")


def _released(endpoint: Endpoint) -> Endpoint:
    model = msgspec.structs.replace(endpoint.models["gbm@1"], url="http://127.0.0.1:9009/predict")
    return msgspec.structs.replace(endpoint, models={"gbm@1": model})


class Feed:
    """Minutes of traffic that came lately, and rounds of a watch with the real detectors after each of them."""

    def __init__(self, site: Site, registry: Registry, store: Store, receiver: Any) -> None:
        self.random = np.random.default_rng(1)
        self.site, self.store, self.schema = site, store, site.endpoint.schema
        self.gates: tuple[float | None, ...] = ()
        """What a feature holds that comes with a later schema."""
        self.train()
        self.lease = Lease(registry.engine, "alerts")
        self.lease.claim()
        book, hooks = AlertBook(registry.engine), receiver.webhooks()
        self.watch = Watch(registry, store, book, self.lease, AlertMetrics(), hooks, clock=lambda: self.now)
        self.outbox = Outbox(registry.engine)
        bucket = round(BUCKET * 1e9)
        self.now = (time.time_ns() // bucket - 10_000) * bucket

    def put(self, endpoint: Endpoint) -> None:
        """A revision of the endpoint, and a reference for its schema."""
        self.site.registry.put(endpoint, Change.APPLY, Write())
        self.site.endpoint, self.schema = endpoint, endpoint.schema
        self.train()

    def train(self) -> None:
        series = [Profile.of_rows(self.schema, self.rows(500)) for _ in range(8)]
        reference = Reference(endpoint="flight-delay", model="gbm@1", made_at=1.0, rows=4000, series=series)
        self.store.references.put(reference)

    def rows(self, count: int, factor: float = 1.0) -> list[dict[str, Any]]:
        rows = self._rows(count, factor)
        for row in rows if self.gates else ():
            row["gate"] = self.gates[self.random.integers(len(self.gates))]
        return rows

    def _rows(self, count: int, factor: float) -> list[dict[str, Any]]:
        delays = np.round(self.random.gamma(2, 20, count), 3) * factor
        taxis = np.round(self.random.gamma(9, 2, count), 3) * factor
        carriers = self.random.choice(["AA", "DL"], count)
        columns = zip(delays.tolist(), taxis.tolist(), carriers.tolist(), strict=True)
        return [{"dep_delay": delay, "taxi_out": taxi, "carrier": carrier} for delay, taxi, carrier in columns]

    def serve(self, looks: int, factor: float = 1.0) -> list[str]:
        """What is told while so many buckets are served and looked at."""
        before = len(self.told())
        for _ in range(looks):
            rows = self.rows(200, factor)
            self.store.ingest([self.site.sample(self.now + at, rows[at : at + 50]) for at in range(0, 200, 50)])
            self.now += round(BUCKET * 1e9)
            self.watch.round()
        return self.told()[before:]

    def told(self) -> list[str]:
        due = self.outbox.due(1 << 62, 1000)
        return [f"{json.loads(each.body)['type']}: {json.loads(each.body)['data']['sentence']}" for each in due]


def test_seconds_for_minutes_are_told_once_and_so_is_their_end(
    site: Site, registry: Registry, store: Store, receiver: Any
) -> None:
    feed = Feed(site, registry, store, receiver)
    assert feed.serve(12) == []
    (opened,) = feed.serve(8, factor=60.0)
    assert opened.startswith("alert.opened: ops-feed: ")
    assert "seconds where training had minutes" in opened
    assert opened.endswith("; both features of ops-feed moved with it")
    (resolved,) = feed.serve(20)
    assert resolved == opened.replace("alert.opened", "alert.resolved")


@pytest.fixture
def feed(site: Site, registry: Registry, store: Store, receiver: Any) -> Feed:
    return Feed(site, registry, store, receiver)


DAY = 86_400 * 10**9


def test_rows_of_clocks_that_are_wrong_belong_to_their_own_time_and_hide_nothing(feed: Feed) -> None:
    feed.serve(12)
    for at in (0, feed.now - 400 * DAY, feed.now + DAY, feed.now + 10**9):
        feed.store.ingest([feed.site.sample(at, feed.rows(50, factor=60.0)) for _ in range(4)])
    assert feed.serve(3) == []  # the last of these wrong rows are not to be looked at for another second
    (opened,) = feed.serve(8, factor=60.0)
    assert "seconds where training had minutes" in opened


def test_looking_goes_on_when_the_clock_is_put_back(feed: Feed) -> None:
    feed.serve(12)
    feed.now += DAY
    assert feed.serve(6) == []
    feed.now -= DAY
    assert feed.serve(2) == []
    (opened,) = feed.serve(8, factor=60.0)
    assert opened.startswith("alert.opened")


def test_what_was_told_while_the_clock_was_ahead_ends_when_it_was_put_back(feed: Feed) -> None:
    feed.serve(12)
    feed.now += DAY
    (opened,) = feed.serve(8, factor=60.0)
    feed.now -= DAY
    feed.serve(6)
    assert sorted(feed.told()) == [opened, opened.replace("alert.opened", "alert.resolved")]


def test_a_feature_that_appears_in_mid_day_was_not_missing_before_and_is_looked_at_from_then_on(
    site: Site, registry: Registry, tmp_path: Path, receiver: Any
) -> None:
    (tmp_path / "store").mkdir()
    store = open_store(tmp_path / "store", BUCKET, lambda name: registry.get(name)[1])
    try:
        feed = Feed(site, registry, store, receiver)
        assert feed.serve(12) == []
        feed.gates = tuple(map(float, range(1, 41)))
        features = site.endpoint.schema.features | {"gate": Float(required=True)}
        feed.put(msgspec.structs.replace(site.endpoint, schema=Schema(features=features)))
        assert feed.serve(12) == []
        feed.gates = (*feed.gates, *[None] * 20)
        (opened,) = feed.serve(8)
        assert "gate" in opened
        assert "null" in opened
    finally:
        store.close()
