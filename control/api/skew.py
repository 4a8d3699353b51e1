"""Skew: each feature of what was served, by windows of time, against what the model was trained on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from control.api.periods import Period, Window, as_date, read_period
from control.api.writable import writable
from control.cases import Traffic, case_of, comparable
from control.problems import bad_parameter
from control.registry import Registry
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.profile import FeatureProfile, Profile
from hyperplan.schema import Kind, Schema
from hyperplan.skew import FeatureSkew, compare
from hyperplan.skew.detect import detect
from hyperplan.skew.finding import Against, Finding, SkewKind
from hyperplan.windows import ALL, Bucket, by_look, condensed, profile_of


class FeatureReport(msgspec.Struct, frozen=True, kw_only=True):
    """One feature, or one output of the model, in one window.

    `violations` counts by kind what breaks the schema as it is now; `missing` and `null` count those that it allows too.
    `psi` and `jensen_shannon` are null without a reference, or with too few rows to tell.
    """

    rows: int
    missing: int
    null: int
    unseen: int
    violations: dict[Kind, int]
    psi: float | None
    jensen_shannon: float | None


class WindowReport(msgspec.Struct, frozen=True, kw_only=True):
    """The sampled rows that came in one window of time. `broken` counts what stood in place of a row but was none.

    Where rows were sampled with different probabilities, they are weighted to stand for all traffic, and counts are those of so many rows,
    drawn evenly, as say as much; `sampled` is how many there were in fact. `outputs` are those of the model that the report is about.
    """

    since: datetime
    until: datetime
    sampled: int
    rows: int
    broken: int
    features: dict[str, FeatureReport]
    outputs: dict[str, FeatureReport]


class FindingReport(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, called by its name: `hyperplan.skew.finding.Finding`, with its times as dates."""

    feature: str
    kind: SkewKind
    finding: str
    effect: float
    evidence: float
    sentence: str
    against: Against
    since: datetime | None
    until: datetime | None
    details: dict[str, Any]


class SkewReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was served, by window and in total.

    `model` is the one whose training data is the reference, `references` the models that have one. `unknown` counts the
    rows that held each field which the schema does not know. `window` is in seconds; it is wider than was asked for where buckets
    that old are. `arm` and `slice` say which rows are meant, null that all are; `slices` are those that can be asked for.
    `findings` say what is wrong at the end of the period, in the light of all of it.
    """

    endpoint: str
    model: str
    arm: str | None
    slice: str | None
    references: list[str]
    slices: list[str]
    since: datetime
    until: datetime
    window: float
    findings: list[FindingReport]
    total: WindowReport
    windows: list[WindowReport]
    unknown: dict[str, int]


@get("/v1/endpoints/{name:str}/skew", sync_to_thread=True)
def get_skew(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    window: FromQuery[str | None] = None,
    model: FromQuery[str | None] = None,
    arm: FromQuery[str | None] = None,
    slice: FromQuery[str | None] = None,  # noqa: A002 - the word of the design
) -> SkewReport:
    """Compare what an endpoint was served with the reference of a model, the default model's if none is named.

    The rows are those of all requests that were sampled, whoever answered them, and those that were rejected too; or those for which an
    arm was chosen, or those of a slice, like "origin=EWR".
    """
    _, endpoint = registry.get(name)
    named = endpoint.routing.default_model() if model is None else _known("model", endpoint, model)
    asked = read_period(since, until, window, store.bucket_seconds)
    chosen = None if arm is None else _known("arm", endpoint, arm)
    traffic = Traffic(name, asked.since, asked.until, chosen, slice or ALL)
    stored = traffic.buckets(store)
    period = _widened(asked, stored)
    buckets = _condensed(period, stored)
    reference = store.references.get(name, named)
    case = case_of(store, endpoint, named, reference, traffic, buckets)
    parts = [condensed(part) for part in _by_window(period, buckets)]
    whole = [bucket for part in parts for bucket in part]
    total = profile_of(whole, named)
    reporter = _Reporter(endpoint.schema, case.training)
    return SkewReport(
        endpoint=name,
        model=named,
        arm=chosen,
        slice=slice or None,
        references=store.references.models(name),
        slices=store.windows.slices(name, period.since, period.until),
        since=as_date(period.since),
        until=as_date(period.until),
        window=period.window / 1e9,
        findings=[_shown(finding) for finding in detect(case) if comparable(finding, traffic)] if reference else [],
        total=reporter.report(Window(period.since, period.until), whole, total),
        windows=[
            reporter.report(window, part, profile_of(part, named))
            for window, part in zip(period.windows(), parts, strict=True)
        ],
        unknown=dict(sorted(total.unknown.counts.items(), key=lambda item: (-item[1], item[0]))),
    )


def _known(parameter: str, endpoint: Endpoint, model: str) -> str:
    if model not in endpoint.models:
        raise bad_parameter(parameter, f"names no model of this endpoint; known: {', '.join(endpoint.models)}")
    return model


def _widened(period: Period, buckets: Sequence[Bucket]) -> Period:
    """The period, from where its oldest bucket begins, in windows that are no narrower than any bucket."""
    if not buckets:
        return period
    since = min(period.since, *(bucket.key.start for bucket in buckets))
    return Period(since, period.until, max(period.window, *(bucket.key.width for bucket in buckets)))


def _condensed(period: Period, buckets: Sequence[Bucket]) -> list[Bucket]:
    """The same rows in as few buckets as looks and windows can be made of; a month has so many that merging them is what an answer costs."""
    cells: defaultdict[tuple[int, int], list[Bucket]] = defaultdict(list)
    for number, look in enumerate(by_look(buckets)):
        for bucket in look:
            cells[number, period.position(bucket.key.start)].append(bucket)
    return [bucket for cell in cells.values() for bucket in condensed(cell)]


def _by_window(period: Period, buckets: Sequence[Bucket]) -> list[list[Bucket]]:
    parts: list[list[Bucket]] = [[] for _ in period.windows()]
    for bucket in buckets:
        parts[period.position(bucket.key.start)].append(bucket)
    return parts


def _shown(finding: Finding) -> FindingReport:
    fields: dict[str, Any] = writable(msgspec.to_builtins(finding))
    times = {name: None if fields[name] is None else as_date(fields[name]) for name in ("since", "until")}
    return FindingReport(**(fields | times))


class _Reporter:
    """Reports profiles against a schema and the training data of a model, as far as there is any."""

    def __init__(self, schema: Schema, training: Profile) -> None:
        self._schema = schema
        self._training = training

    def report(self, window: Window, buckets: Sequence[Bucket], profile: Profile) -> WindowReport:
        """The report of a window, from its buckets and their profile."""
        return WindowReport(
            since=as_date(window.start),
            until=as_date(window.end),
            sampled=sum(bucket.profile.rows for bucket in buckets),
            rows=profile.rows,
            broken=profile.broken,
            features={name: self._feature(name, profile.features) for name in self._schema.features},
            outputs={name: self._output(name, profile.outputs) for name in profile.outputs},
        )

    def _feature(self, name: str, served: Mapping[str, FeatureProfile]) -> FeatureReport:
        feature, profile = self._schema.features[name], served.get(name, FeatureProfile())
        violations = profile.violations(required=feature.required, nullable=feature.nullable)
        return _report(profile, self._training.features.get(name), violations)

    def _output(self, name: str, served: Mapping[str, FeatureProfile]) -> FeatureReport:
        return _report(served[name], self._training.outputs.get(name), {})


def _report(served: FeatureProfile, reference: FeatureProfile | None, violations: dict[Kind, int]) -> FeatureReport:
    skew = compare(reference, served) if reference else FeatureSkew()
    return FeatureReport(
        rows=served.rows,
        missing=served.missing,
        null=served.null,
        unseen=served.unseen,
        violations=violations,
        psi=skew.psi,
        jensen_shannon=skew.jensen_shannon,
    )


handlers: list[Any] = [get_skew]
