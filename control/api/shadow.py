"""Shadows: what they answered, beside what the clients of the same requests got."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from control.api.periods import as_date, read_period
from control.problems import bad_parameter
from control.registry import NoSuchRevision, Registry
from control.stores import Store
from control.stores.shadows import Shadowed
from hyperplan.comparison import THRESHOLD, Comparison, Pair, compare
from hyperplan.endpoint import Endpoint, Task

MOST_COMPARED = 10_000
"""Answers of one shadow that are compared: the newest."""
MOST_FAILURES = 5
"""Ways to fail that are named: the commonest."""


class FailureReport(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of a shadow that no client would have been given, by what was wrong with them: the status, null for none,
    and what was said about it."""

    status: int | None
    failure: str | None
    answers: int


class ComparisonReport(Comparison, frozen=True, kw_only=True):
    """A shadow beside one of the models that answered clients, null for the requests that nobody answered."""

    model: str | None


class ShadowedModel(msgspec.Struct, frozen=True, kw_only=True):
    """One shadow, and how it compares with whom clients were answered by.

    `answers` are those that were reported. `older` ones of the period are not compared, since there are enough newer ones;
    `alone` ones are not, since the sample of their request did not come, or not yet. `unanswered` counts the sampled requests that
    were copied to the shadow and of which no answer was reported: a shadow that is down, or reports that are on their way.
    """

    model: str
    answers: int
    failures: list[FailureReport]
    older: int
    alone: int
    unanswered: int
    against: list[ComparisonReport]


class ShadowReport(msgspec.Struct, frozen=True, kw_only=True):
    """The shadows of an endpoint in a period.

    Each sampled request counts for 1 / its inclusion probability in whatever is a rate, a mean or a quantile. `threshold` is
    the score from which on a prediction counts as the class 1, null for tasks that have none.
    """

    endpoint: str
    since: datetime
    until: datetime
    task: Task
    threshold: float | None
    shadows: list[ShadowedModel]


@get("/v1/endpoints/{name:str}/shadow", sync_to_thread=True)
def get_shadow(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    model: FromQuery[str | None] = None,
    threshold: Annotated[float | None, QueryParameter(ge=-1e9, le=1e9)] = None,
) -> ShadowReport:
    """Compare what the shadows of an endpoint answered with what clients got for the same requests.

    All shadows are compared that there are or that answered in the period, or the one that `model` names. `threshold` says from
    which score on a prediction of a binary task counts as the class 1; it is 0.5 if left out.
    """
    _, endpoint = registry.get(name)
    if threshold is not None and endpoint.task != "binary":
        raise bad_parameter("threshold", f"means nothing to a task that is {endpoint.task}; leave it out")
    period = read_period(since, until, None, store.bucket_seconds)
    answers = store.shadows.answers(name, period.since, period.until)
    cut = THRESHOLD if threshold is None else threshold
    asked = [Shadowed(name, shadow, period.since, period.until) for shadow in shadows_of(endpoint, answers, model)]
    return ShadowReport(
        endpoint=name,
        since=as_date(period.since),
        until=as_date(period.until),
        task=endpoint.task,
        threshold=cut if endpoint.task == "binary" else None,
        shadows=[_shadowed(store, registry, endpoint.task, cut, each, answers.get(each.model, 0)) for each in asked],
    )


def shadows_of(endpoint: Endpoint, answered: Iterable[str], model: str | None) -> list[str]:
    """Which shadows are asked for: those of the document, then others that answered, or the one that is named.

    Raises:
        HttpProblem: 422, the parameter names no model.
    """
    found = list(dict.fromkeys([*endpoint.routing.shadow, *answered]))
    if model is None:
        return found
    known = list(dict.fromkeys([*endpoint.models, *found]))
    if model not in known:
        raise bad_parameter("model", f"names no model of this endpoint; known: {', '.join(known)}")
    return [model]


def _shadowed(
    store: Store, registry: Registry, task: Task, threshold: float, asked: Shadowed, answers: int
) -> ShadowedModel:
    newest = store.shadows.newest(asked, MOST_COMPARED)
    groups: defaultdict[str | None, list[Pair]] = defaultdict(list)
    for by, pair in store.shadows.pairs(newest):
        groups[by].append(pair)
    looked_at = store.shadows.answers(newest.endpoint, newest.since, newest.until).get(newest.model, 0)
    return ShadowedModel(
        model=asked.model,
        answers=answers,
        failures=[FailureReport(**found._asdict()) for found in store.shadows.failures(asked, MOST_FAILURES)],
        older=answers - looked_at,
        alone=looked_at - sum(map(len, groups.values())),
        unanswered=_unanswered(store, registry, asked),
        against=[
            ComparisonReport(model=by, **msgspec.structs.asdict(compare(task, pairs, threshold)))
            for by, pairs in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0] or ""))
        ],
    )


def _unanswered(store: Store, registry: Registry, asked: Shadowed) -> int:
    """Sampled requests without an answer, of the revisions at which the endpoint copied its requests to the shadow."""
    counts = store.shadows.unanswered(asked)
    return sum(count for revision, count in counts.items() if _is_shadow(registry, asked, revision))


def _is_shadow(registry: Registry, asked: Shadowed, revision: int) -> bool:
    try:
        _, endpoint = registry.revision(asked.endpoint, revision)
    except NoSuchRevision:
        return False
    return asked.model in endpoint.routing.shadow


handlers: list[Any] = [get_shadow]
