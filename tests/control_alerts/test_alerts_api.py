"""Alerts over HTTP: read, acknowledged, silenced, pictured, measured."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.alerts.alerting import Alerting
from control.app import create_app
from control.jobs.lease import Lease
from control.plans import PlanFeed
from control.registry import Registry
from control.stores import Store
from hyperplan.alerts import Found, Observation, Policy
from hyperplan.endpoint import Endpoint
from hyperplan.profile import Profile, Reference
from hyperplan.sample import Sample, observe_rows
from hyperplan.skew.finding import Finding

MINUTE = 60 * 10**9
MakeFinding = Callable[..., Finding]
Client = TestClient[Litestar]
SVG = "{http://www.w3.org/2000/svg}"


class Control:
    """The API over a registry and a store, and steps that the test takes itself."""

    def __init__(self, registry: Registry, store: Store, endpoint: Endpoint) -> None:
        self.alerting = Alerting(registry, store)
        self.lease = Lease(registry.engine, "alerts")
        self.lease.claim()
        self.endpoint, self.store = endpoint, store
        self.app = create_app(registry, store, PlanFeed(registry), self.alerting)
        self.looks = 0

    def found(self, *findings: Finding) -> None:
        """A look finds these."""
        self.looks += 1
        now = time.time_ns()
        looked = {"gbm@1": now - 10 * MINUTE + self.looks * 1000}
        found = [Found("gbm@1", each) for each in findings]
        silences = self.alerting.book.silences(now)
        seen = Observation("flight-delay", self.endpoint.schema, {"gbm@1"}, looked, found, (), silences)
        self.alerting.book.take_step(seen, now, Policy(), lease=self.lease, webhooks=["hook"], body=lambda _: b"{}")

    def served(self) -> None:
        """There is a reference in minutes, and traffic in seconds."""
        rows = [{"dep_delay": float(minutes), "taxi_out": 10.0, "carrier": "AA"} for minutes in range(50)]
        series = [Profile.of_rows(self.endpoint.schema, rows)]
        reference = Reference(endpoint="flight-delay", model="gbm@1", made_at=1.0, rows=50, series=series)
        self.store.references.put(reference)
        rows = [row | {"dep_delay": 60 * float(str(row["dep_delay"]))} for row in rows]
        sample = Sample(
            prediction_id="p-1",
            time=time.time_ns(),
            endpoint="flight-delay",
            plan=1,
            revision=1,
            schema_version="",
            chosen="gbm@1",
            answered="gbm@1",
            inclusion=1.0,
            rows=observe_rows(self.endpoint.schema, rows),
        )
        self.store.ingest([sample])


@pytest.fixture
def control(registry: Registry, store: Store, endpoint: Endpoint) -> Control:
    return Control(registry, store, endpoint)


@pytest.fixture
def client(control: Control) -> Iterator[Client]:
    with TestClient(control.app) as client:
        yield client


def alerts(client: Client, **parameters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/alerts", params=parameters).json()
    return found


def detail(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: str = answer.json()["detail"] + "".join(
        each["pointer"] + each["detail"] for each in answer.json().get("errors", [])
    )
    return found


def test_without_alerts_the_list_is_empty(client: Client) -> None:
    assert alerts(client) == []


def test_an_alert_is_listed_and_shown_with_what_was_sent_of_it(
    client: Client, control: Control, finding: MakeFinding
) -> None:
    control.found(finding(details={"factor": 60.0}))
    (listed,) = alerts(client)
    assert (listed["state"], listed["source"], listed["silenced"], listed["acknowledged"]) == (
        "open",
        "ops-feed",
        False,
        None,
    )
    assert listed["findings"][0]["details"] == {"factor": 60.0}
    shown = client.get(listed["links"]["alert"]).json()
    assert {name: shown[name] for name in listed} == listed
    (delivery,) = shown["deliveries"]
    assert (delivery["message"], delivery["state"], delivery["attempts"]) == (f"msg_{listed['id']}-1", "waiting", 0)


def test_alerts_are_filtered_by_state_and_endpoint(client: Client, control: Control, finding: MakeFinding) -> None:
    control.found(finding(evidence=12.0))
    assert [len(alerts(client, state=state)) for state in ("pending", "open", "resolved")] == [1, 0, 0]
    control.found(finding(evidence=12.0))
    assert [len(alerts(client, state=state)) for state in ("pending", "open", "resolved")] == [0, 1, 0]
    for _ in range(5):
        control.found()
    assert [len(alerts(client, state=state)) for state in ("pending", "open", "resolved")] == [0, 0, 1]
    assert [len(alerts(client, endpoint=name)) for name in ("flight-delay", "other")] == [1, 0]
    assert "?state" in detail(client.get("/v1/alerts?state=closed"), 422)


def test_an_alert_that_is_not_there_is_said_so(client: Client) -> None:
    for path in ("/v1/alerts/x", "/v1/endpoints/flight-delay/alerts/x/picture.svg"):
        assert "there is no alert 'x'" in detail(client.get(path), 404)
    assert "no alert 'x'" in detail(client.post("/v1/alerts/x/acknowledge", json={"author": "ada"}), 404)


def test_who_has_seen_an_alert_is_kept_with_it(client: Client, control: Control, finding: MakeFinding) -> None:
    control.found(finding())
    path = alerts(client)[0]["links"]["alert"]
    answer = client.post(f"{path}/acknowledge", json={"author": "ada", "note": "called the airport"})
    seen = answer.json()["acknowledged"]
    assert (seen["author"], seen["note"]) == ("ada", "called the airport")
    assert client.get(path).json()["acknowledged"] == seen
    assert "/author" in detail(client.post(f"{path}/acknowledge", json={"author": ""}), 422)
    assert "/who" in detail(client.post(f"{path}/acknowledge", json={"author": "ada", "who": "me"}), 422)


def test_a_silence_is_made_listed_and_ended(client: Client, control: Control, finding: MakeFinding) -> None:
    answer = client.post("/v1/silences", json={"until": "+2h", "author": "ada", "note": "known", "source": "ops-feed"})
    assert answer.status_code == 201
    silence = answer.json()
    assert (silence["source"], silence["feature"]) == ("ops-feed", None)
    path = f"/v1/silences/{silence['id']}"
    assert client.get(path).json() == silence
    assert client.get("/v1/silences").json() == [silence]
    control.found(finding())
    assert alerts(client)[0]["silenced"]
    assert client.get(alerts(client)[0]["links"]["alert"]).json()["deliveries"] == []
    assert client.delete(path).json() == silence
    assert "no silence" in detail(client.get(path), 404)
    assert not alerts(client)[0]["silenced"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"until": "+2h", "author": "ada"}, "would silence everything"),
        ({"until": "tomorrow", "author": "ada", "feature": "x"}, "ahead like +2h"),
        ({"until": "-2h", "author": "ada", "feature": "x"}, "is over"),
        ({"until": "2020-01-01T00:00:00Z", "author": "ada", "feature": "x"}, "is over"),
        ({"until": "+2h", "feature": "x"}, "author"),
        ({"until": "+2h", "author": "ada", "kind": "colour"}, "/kind"),
    ],
)
def test_a_silence_that_means_nothing_is_refused(client: Client, body: dict[str, str], said: str) -> None:
    assert said in detail(client.post("/v1/silences", json=body), 422)


def test_a_silence_of_an_alert_names_one_that_is_there(client: Client) -> None:
    assert "no alert 'x'" in detail(
        client.post("/v1/silences", json={"until": "+2h", "author": "a", "alert": "x"}), 404
    )


# Pictures.


def drawn(answer: Any) -> ElementTree.Element:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in answer.headers["content-security-policy"]
    return ElementTree.fromstring(answer.text)


def test_an_alert_has_the_picture_of_what_explains_most(client: Client, control: Control, finding: MakeFinding) -> None:
    control.served()
    since = time.time_ns() - MINUTE
    control.found(finding(since=since), finding("taxi_out", "shift", since=since))
    path = alerts(client)[0]["links"]["picture"]
    title = drawn(client.get(path)).findtext(f"{SVG}title") or ""
    assert title.startswith("dep_delay in min: training and served since ")
    assert (drawn(client.get(f"{path}?feature=taxi_out")).findtext(f"{SVG}title") or "").startswith("taxi_out in min")
    assert "no finding about 'carrier'" in detail(client.get(f"{path}?feature=carrier"), 404)
    assert "is of the endpoint 'flight-delay'" in detail(client.get(path.replace("flight-delay", "other")), 404)


def test_every_feature_has_a_picture(client: Client, control: Control) -> None:
    control.served()
    picture = drawn(client.get("/v1/endpoints/flight-delay/skew/dep_delay.svg?since=-1h"))
    assert picture.findtext(f"{SVG}title") == "dep_delay in min: training and served"
    description = picture.findtext(f"{SVG}desc") or ""
    assert "Training: 50 rows, median 23.81," in description
    assert "Served: 50 rows, median 1,437," in description
    carriers = drawn(client.get("/v1/endpoints/flight-delay/skew/carrier.svg"))
    assert "AA" in {each.text for each in carriers.iter(f"{SVG}text")}


def test_what_cannot_be_drawn_is_said_so(client: Client, control: Control) -> None:
    path = "/v1/endpoints/flight-delay/skew"
    assert "has no reference yet" in detail(client.get(f"{path}/dep_delay.svg"), 404)
    control.served()
    assert "nothing is known of 'speed'" in detail(client.get(f"{path}/speed.svg"), 404)
    assert "dep_delay.svg" in detail(client.get(f"{path}/dep_delay"), 404)


# Metrics.


def test_prometheus_is_told_of_alerts_and_findings(client: Client, control: Control, finding: MakeFinding) -> None:
    control.found(finding())
    text = client.get("/metrics").text
    labels = 'endpoint="flight-delay",finding="unit",kind="feature"'
    found = 'against="training",endpoint="flight-delay",feature="dep_delay",finding="unit",model="gbm@1"'

    def value(name: str, of: str) -> float:
        lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name}{{")]
        wanted = set(of.split(","))
        (value,) = (
            float(line.rpartition(" ")[2])
            for line in lines
            if set(line[len(name) + 1 : line.index("}")].split(",")) == wanted
        )
        return value

    assert value("hyperplan_alerts", f'{labels},state="open"') == 1
    assert value("hyperplan_skew_evidence", found) == 50
    assert value("hyperplan_skew_effect", found) == 60
    assert "hyperplan_webhook_messages_waiting 1.0" in text
    assert "hyperplan_evaluation_seconds_count 0.0" in text
    client.post(f"{alerts(client)[0]['links']['alert']}/acknowledge", json={"author": "ada"})
    assert value("hyperplan_alerts", f'{labels},state="acknowledged"') == 1
    client.post("/v1/silences", json={"until": "+2h", "author": "ada", "finding": "unit"})
    assert value("hyperplan_alerts", f'{labels},state="silenced"') == 1


def test_the_api_describes_its_parameters(client: Client) -> None:
    document = client.get("/schema/openapi.json").json()
    listing = document["paths"]["/v1/alerts"]["get"]
    assert [parameter["name"] for parameter in listing["parameters"]] == ["state", "endpoint", "limit"]
    assert listing["parameters"][0]["schema"]["enum"] == ["pending", "open", "resolved"]
    assert "Silencing" in document["components"]["schemas"]
