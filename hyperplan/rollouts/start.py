"""Starting a rollout, or saying all that speaks against it."""

from collections.abc import Iterator

import msgspec

from hyperplan.endpoint import Endpoint, problems_of
from hyperplan.plan import adapted
from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.rollouts import weights
from hyperplan.rollouts.evidence import Evidence
from hyperplan.rollouts.rollout import Happening, Rollout, State, Terms


def start(endpoint: Endpoint, terms: Terms, identity: str, now: int, by: str) -> Rollout:
    """The rollout that starts now, whose `routing` is that of its first step.

    Raises:
        Invalid: it cannot be; says everything that is wrong, with pointers into the terms.
    """
    problems = list(_problems(endpoint, terms))
    if problems:
        raise Invalid(problems)
    before = endpoint.routing
    routing = weights.at(before, terms.canary, terms.steps[0], before)
    problems = list(_refused(endpoint, terms))
    if problems:
        raise Invalid(problems)
    why = f"{by} started it: {terms.canary} takes {terms.steps[0]:g} % of the traffic"
    return Rollout(
        id=identity,
        endpoint=endpoint.name,
        terms=terms,
        control=_control(endpoint, terms),
        before=before,
        routing=routing,
        started=now,
        since=now,
        evidence={name: Evidence() for name in terms.guardrails},
        happenings=(Happening(now, State.RUNNING, terms.steps[0], why),),
    )


def _control(endpoint: Endpoint, terms: Terms) -> str:
    others = {arm: weight for arm, weight in endpoint.routing.split.items() if arm != terms.canary}
    return terms.control or max(others, key=lambda arm: others[arm])


def _problems(endpoint: Endpoint, terms: Terms) -> Iterator[Problem]:
    split, models = endpoint.routing.split, endpoint.models
    if terms.canary not in models:
        yield Problem("/canary", f"{terms.canary!r} is no model of {endpoint.name!r}; there are: {', '.join(models)}")
    others = [arm for arm, weight in split.items() if weight > 0 and arm != terms.canary]
    if not others:
        yield Problem("/canary", f"{terms.canary!r} takes all the traffic already; there is nothing to roll out")
    elif terms.control is not None and terms.control not in others:
        yield Problem("/control", f"must be an arm that takes traffic: {', '.join(others)}")
    if endpoint.exploration is not None:
        yield Problem(
            "", f"the weights of {endpoint.name!r} follow its exploration; take that out of the document first"
        )
    if not terms.steps:
        yield Problem("/steps", "must name one share at least, in percent; leave it out for 1, 5, 25, 50, 100")
    if any(later <= sooner for sooner, later in zip(terms.steps, terms.steps[1:], strict=False)):
        yield Problem("/steps", "must grow from each to the next, like 1, 5, 25, 50, 100")
    for name, guardrail in terms.guardrails.items():
        if (name == "latency") != (guardrail.slower is not None):
            wanted = "is missing; say from how many seconds on a request is slow"
            yield Problem(pointer("guardrails", name, "slower"), wanted if name == "latency" else "is for latency only")


def _refused(endpoint: Endpoint, terms: Terms) -> Iterator[Problem]:
    """What stands against one of the steps."""
    for index, share in enumerate(terms.steps):
        routing = weights.at(endpoint.routing, terms.canary, share, endpoint.routing)
        then = msgspec.structs.replace(endpoint, routing=routing)
        for problem in problems_of(then):
            yield Problem(
                pointer("steps", index), f"the endpoint would not be valid: {problem.pointer} {problem.detail}"
            )
        if terms.guardrails and share < 100 and not adapted(then, terms.canary):
            detail = (
                f"nobody counts what fails at {terms.canary}: its answers do not pass the sidecar. Give the endpoint a fallback "
                f"(`hyperplan route {endpoint.name} --fallback {_control(endpoint, terms)}`), which also keeps failures from clients"
            )
            yield Problem("/guardrails", detail)
            return
