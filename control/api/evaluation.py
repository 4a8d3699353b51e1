"""Evaluation: what another policy, or one model alone, would have earned on the traffic that there was."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from control.api.labelled import LOOKED_BACK, Counted, labelled_in
from control.api.periods import as_date, read_period
from control.problems import bad_parameter, invalid
from control.registry import Registry
from control.stores import Store
from hyperplan.endpoint import Endpoint
from hyperplan.evaluation.evaluate import Evaluation, evaluate
from hyperplan.evaluation.logged import Logging
from hyperplan.evaluation.policy import Policy, parse_policy
from hyperplan.exploration.block import Exploration, Reward
from hyperplan.outcomes import Outcomes
from hyperplan.problems import Invalid, Problem

MOST_POLICIES = 20
Of = Literal["reward", "label", "correct"]


class EvaluationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What policies would have earned on the predictions that an endpoint made in a period. `of` is what was earned.

    Those count that were made before `ripe_until`: later ones may have only the labels that come fast. `unripe` is how many rows of them there are.
    """

    endpoint: str
    since: datetime
    until: datetime
    ripe_until: datetime
    unripe: int
    of: Of
    policies: list[Evaluation]


@get("/v1/endpoints/{name:str}/evaluation", sync_to_thread=True)
def get_evaluation(
    store: NamedDependency[Store],
    registry: NamedDependency[Registry],
    name: FromPath[str],
    policy: Annotated[list[str], QueryParameter(min_items=1, max_items=MOST_POLICIES)],
    of: FromQuery[Of | None] = None,
    since: FromQuery[str] = LOOKED_BACK,
    until: FromQuery[str | None] = None,
    labels: FromQuery[Counted] = "ripe",
) -> EvaluationReport:
    """Estimate what other policies would have earned, each with intervals of 95 % and the effective sample size.

    A `policy` is `gbm@1=1` for one arm always, `gbm@1=70, logit@1=30` for weights, `gbm@1=1 if origin=EWR; logit@1=1` by slice; there may be several. `of` says what is earned: the
    `reward` or the `label` of feedback, or whether predictions were `correct`; left out, what the endpoint's exploration is after, or else the reward. Below an effective sample size of 50
    there are no estimates, and a sentence that says what is missing. Only predictions that are old enough to have their labels count, unless `labels` is `all`.
    """
    _, endpoint = registry.get(name)
    reward = _reward(endpoint, of)
    policies = _policies(policy, endpoint)
    period = read_period(since, until, None, store.bucket_seconds)
    told, _, ripe_until = labelled_in(store, name, period, labels)
    ripe = told.between(period.since, ripe_until)
    logging = _logging(registry, name, ripe)
    return EvaluationReport(
        endpoint=name,
        since=as_date(period.since),
        until=as_date(period.until),
        ripe_until=as_date(ripe_until),
        unripe=len(told) - len(ripe),
        of=reward.of,
        policies=[evaluate(ripe, logging, each, reward) for each in policies],
    )


handlers: list[Any] = [get_evaluation]


def _reward(endpoint: Endpoint, of: Of | None) -> Reward:
    declared = endpoint.exploration.reward if endpoint.exploration else Reward()
    reward = Reward(of=of) if of is not None else declared
    for problem in Exploration(policy="thompson", reward=reward).problems(endpoint.routing.split, endpoint.task):
        if problem.pointer == "/reward/of":
            raise bad_parameter("of", problem.detail)
    return reward


def _policies(texts: list[str], endpoint: Endpoint) -> list[Policy]:
    """The policies, checked.

    Raises:
        HttpProblem: with all that is wrong with each.
    """
    found, problems = [], []
    for index, text in enumerate(texts):
        try:
            policy = parse_policy(text)
            wrong = list(policy.problems(list(endpoint.models), endpoint.slices))
        except Invalid as error:
            wrong = list(error.problems)
        else:
            found.append(policy)
        problems += [Problem(f"?policy/{index}", problem.detail) for problem in wrong]
    if problems:
        raise invalid("the question", Invalid(problems))
    return found


def _logging(registry: Registry, name: str, outcomes: Outcomes) -> Logging:
    """How arms were weighted at the revisions of some outcomes, as the registry has it."""
    numbers = np.unique(outcomes.revision).tolist()
    if not numbers:
        return {}
    entries = registry.history(name, limit=numbers[-1] - numbers[0] + 1, before=numbers[-1] + 1)
    found = {}
    for entry in entries:
        if entry.endpoint is not None and entry.number in numbers:
            split = entry.endpoint.routing.split
            found[entry.number] = {arm: weight / sum(split.values()) for arm, weight in split.items()}
    return found
