"""What control and the client saw of the replay, as numbers that can be judged and printed."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import httpx

from cli.failure import Failure
from demo.client import Answer
from demo.score import Choice, by_answering_model, edit_visible_after, fits_split, milliseconds, stickiness
from hyperplan.endpoint import Endpoint

PAGE = 1000
"""Samples in one answer of the API."""
WINDOW = 4.0
"""Seconds of the windows in which skew is looked at; a multiple of the demo's bucket."""
PATIENCE = 30.0
"""Seconds without anything new after which no more samples are waited for."""


class FeatureSkew(NamedTuple):
    """The skew of a feature against training: over the whole replay, and in its worst window.

    `violations` counts by kind the rows in which it broke the schema; of those that it allows, `missing` and `null` are here too.
    """

    feature: str
    psi: float | None
    worst_psi: float | None
    jensen_shannon: float | None
    worst_jensen_shannon: float | None
    missing: int
    null: int
    violations: Mapping[str, int]


class Named(NamedTuple):
    """What control said was wrong: an alert, with the features that it names and by which name, and its picture as SVG."""

    id: str
    state: str
    since: str
    sentence: str
    findings: Sequence[tuple[str, str]]
    picture: str


class Observed(NamedTuple):
    """The replay in numbers, and in control's words. `errors` describes the first client errors, if there are any; `violations` are counted of all traffic, by kind and then by feature."""

    requests: int
    client_errors: int
    errors: Sequence[str]
    rejected: int
    samples: int
    arms: Mapping[str, Mapping[str, Any]]
    violations: Mapping[str, Mapping[str, int]]
    skew: Sequence[FeatureSkew]
    alerts: Sequence[Named]
    checks: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        skew = {
            part.feature: {key: value for key, value in part._asdict().items() if key != "feature"}
            for part in self.skew
        }
        alerts = [{key: value for key, value in alert._asdict().items() if key != "picture"} for alert in self.alerts]
        return self._asdict() | {"skew": skew, "alerts": alerts}


async def observe(
    http: httpx.AsyncClient,
    endpoint: Endpoint,
    answers: Sequence[Answer],
    edited: float | None,
    new_split: Mapping[str, float],
) -> Observed:
    """Ask control about the replay, once everything has arrived there.

    Raises:
        Failure: control cannot say.
    """
    path = f"/v1/endpoints/{endpoint.name}"
    traffic = await _settled_traffic(http, path, len(answers))
    samples = await _samples(http, path)
    failed = [answer for answer in answers if answer.status != httpx.codes.OK]
    return Observed(
        requests=len(answers),
        client_errors=len(failed),
        errors=[f"flight {answer.turn}: {answer.error or f'status {answer.status}'}" for answer in failed[:5]],
        rejected=traffic["total"]["requests"].get("rejected", 0),
        samples=len(samples),
        arms=_arms(traffic, samples, answers),
        violations=_by_kind(traffic["total"]["violations"]),
        skew=await _skew(http, path),
        alerts=await _alerts(http, endpoint.name),
        checks=_checks(endpoint, samples, edited, new_split),
    )


async def _settled_traffic(http: httpx.AsyncClient, path: str, expected: int) -> Any:
    """The traffic, once control has counted and sampled every request, or nothing new has come for a while."""
    loop = asyncio.get_running_loop()
    seen, since = (-1, -1), loop.time()
    while True:
        traffic = await _get(http, f"{path}/traffic", since="-1d", window="86400")
        now = (sum(traffic["total"]["requests"].values()), traffic["sampled"]["requests"])
        if now == (expected, expected) or loop.time() - since > PATIENCE:
            return traffic
        if now != seen:
            seen, since = now, loop.time()
        await asyncio.sleep(0.3)


async def _samples(http: httpx.AsyncClient, path: str) -> list[Any]:
    """Every sample, page by page; pages overlap where samples share a moment."""
    found: dict[str, Any] = {}
    until: dict[str, str] = {}
    while True:
        page = await _get(http, f"{path}/samples", limit=str(PAGE), **until)
        new = [sample for sample in page if sample["prediction_id"] not in found]
        found.update((sample["prediction_id"], sample) for sample in new)
        if len(page) < PAGE or not new:
            return list(found.values())
        until = {"until": page[-1]["time"]}


async def _skew(http: httpx.AsyncClient, path: str) -> list[FeatureSkew]:
    report = await _get(http, f"{path}/skew", since="-30m", window=str(WINDOW))
    parts = [
        FeatureSkew(
            feature=feature,
            psi=total["psi"],
            worst_psi=_worst(report["windows"], feature, "psi"),
            jensen_shannon=total["jensen_shannon"],
            worst_jensen_shannon=_worst(report["windows"], feature, "jensen_shannon"),
            missing=total["missing"],
            null=total["null"],
            violations=total["violations"],
        )
        for feature, total in report["total"]["features"].items()
    ]
    return sorted(parts, key=lambda part: part.worst_psi or 0.0, reverse=True)


async def _alerts(http: httpx.AsyncClient, endpoint: str) -> list[Named]:
    """What control said was wrong, as it happened; whether it is over or not."""
    found = [alert for alert in await _get(http, "/v1/alerts", endpoint=endpoint) if alert["opened"]]
    return [
        Named(
            id=alert["id"],
            state=alert["state"],
            since=alert["since"],
            sentence=alert["sentence"],
            findings=sorted({(finding["feature"], finding["finding"]) for finding in alert["findings"]}),
            picture=(await _answer(http, alert["links"]["picture"])).text,
        )
        for alert in sorted(found, key=lambda alert: alert["opened"])
    ]


def _worst(windows: Sequence[Any], feature: str, measure: str) -> float | None:
    found = [value for window in windows if (value := window["features"][feature][measure]) is not None]
    return max(found, default=None)


def _arms(traffic: Any, samples: Sequence[Any], answers: Sequence[Answer]) -> dict[str, dict[str, Any]]:
    """Each arm: how often it was chosen, of all traffic, and as a model: how often it answered, and how fast."""
    choices = traffic["total"]["choices"]
    total = sum(choices.values())
    planes = Counter(arm for arm, _ in {(sample["chosen"], sample["entity"]) for sample in samples if sample["entity"]})
    answered = by_answering_model(answers)
    return {
        arm: {"chosen": count, "share": round(count / total, 4), "planes": planes[arm], **answered.get(arm, {})}
        for arm, count in sorted(choices.items())
    }


def _by_kind(violations: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for feature, kinds in violations.items():
        for kind, count in kinds.items():
            found.setdefault(kind, {})[feature] = count
    return found


def _checks(
    endpoint: Endpoint,
    samples: Sequence[Any],
    edited: float | None,
    new_split: Mapping[str, float],
) -> dict[str, Any]:
    choices = [
        Choice(
            sample["entity"], sample["chosen"], sample["revision"], datetime.fromisoformat(sample["time"]).timestamp()
        )
        for sample in samples
        if sample["entity"] is not None and sample["chosen"] is not None
    ]
    splits = dict(
        zip(sorted({choice.revision for choice in choices}), (endpoint.routing.split, new_split), strict=False)
    )
    found: dict[str, Any] = {
        "split_p_values": {
            revision: round(fits_split(choices, revision, split), 4) for revision, split in splits.items()
        },
        "failovers": sum(1 for sample in samples if sample["answered"] not in (None, sample["chosen"])),
    }
    if len(splits) == 2 and edited is not None:
        before, after = splits
        grown = max(new_split, key=lambda arm: new_split[arm] / sum(new_split.values()) - _share(endpoint, arm))
        found["planes"] = stickiness(choices, before, after, grown)._asdict()
        visible = edit_visible_after(choices, edited, before)
        found["edit_visible_ms"] = milliseconds(visible)
    return found


def _share(endpoint: Endpoint, arm: str) -> float:
    split = endpoint.routing.split
    return split.get(arm, 0.0) / sum(split.values())


async def _get(http: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    return (await _answer(http, path, **parameters)).json()


async def _answer(http: httpx.AsyncClient, path: str, **parameters: str) -> httpx.Response:
    response = await http.get(path, params=parameters)
    if response.is_error:
        raise Failure(f"control cannot say: {path}: {response.status_code} {response.text}")
    return response
