"""Skew: each feature of what was served, by windows of time, against what the model was trained on."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from control.api.periods import Period, Window, as_date, read_period
from control.problems import bad_parameter
from control.registry import Registry
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.profile import FeatureProfile, Profile
from hyperplan.schema import Kind, Schema
from hyperplan.skew import FeatureSkew, compare


class FeatureReport(msgspec.Struct, frozen=True, kw_only=True):
    """One feature in one window.

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
    """The sampled rows that came in one window of time. `broken` counts what stood in place of a row but was none."""

    since: datetime
    until: datetime
    rows: int
    broken: int
    features: dict[str, FeatureReport]


class SkewReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was served, by window and in total.

    `model` is the one whose training data is the reference, `references` the models that have one. `unknown` counts the
    rows that held each field which the schema does not know. `window` is in seconds.
    """

    endpoint: str
    model: str
    references: list[str]
    since: datetime
    until: datetime
    window: float
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
) -> SkewReport:
    """Compare what an endpoint was served with the reference of a model, the default model's if none is named.

    The rows are those of all requests that were sampled, whoever answered them, and those that were rejected too.
    """
    _, endpoint = registry.get(name)
    named = _model(endpoint, model)
    period = read_period(since, until, window, store.bucket_seconds)
    found = store.references.get(name, named)
    reporter = _Reporter(endpoint.schema, found.merged() if found else None)
    windows = list(period.windows())
    profiles = _profiles(store, name, period)
    total = Profile.merged(profiles)
    return SkewReport(
        endpoint=name,
        model=named,
        references=store.references.models(name),
        since=as_date(period.since),
        until=as_date(period.until),
        window=period.window / 1e9,
        total=reporter.report(Window(period.since, period.until), total),
        windows=[reporter.report(window, profile) for window, profile in zip(windows, profiles, strict=True)],
        unknown=dict(sorted(total.unknown.counts.items(), key=lambda item: (-item[1], item[0]))),
    )


def _model(endpoint: Endpoint, model: str | None) -> str:
    if model is None:
        return endpoint.routing.default_model()
    if model not in endpoint.models:
        raise bad_parameter("model", f"names no model of this endpoint; known: {', '.join(endpoint.models)}")
    return model


def _profiles(store: Store, name: str, period: Period) -> list[Profile]:
    """The profile of each window."""
    parts: list[list[Profile]] = [[] for _ in period.windows()]
    for bucket in store.windows.find(name, period.since, period.until):
        parts[period.position(bucket.key.start)].append(bucket.profile)
    return [Profile.merged(part) for part in parts]


class _Reporter:
    """Reports profiles against a schema and a reference, if there is one."""

    def __init__(self, schema: Schema, reference: Profile | None) -> None:
        self._schema = schema
        self._reference = reference.features if reference else {}

    def report(self, window: Window, profile: Profile) -> WindowReport:
        features = {
            name: self._feature(name, profile.features.get(name, FeatureProfile())) for name in self._schema.features
        }
        return WindowReport(
            since=as_date(window.start),
            until=as_date(window.end),
            rows=profile.rows,
            broken=profile.broken,
            features=features,
        )

    def _feature(self, name: str, served: FeatureProfile) -> FeatureReport:
        feature = self._schema.features[name]
        reference = self._reference.get(name)
        skew = compare(reference, served) if reference else FeatureSkew()
        return FeatureReport(
            rows=served.rows,
            missing=served.missing,
            null=served.null,
            unseen=served.unseen,
            violations=served.violations(required=feature.required, nullable=feature.nullable),
            psi=skew.psi,
            jensen_shannon=skew.jensen_shannon,
        )


handlers: list[Any] = [get_skew]
