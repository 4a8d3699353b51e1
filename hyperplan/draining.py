"""Draining: taking a model out of everything that sends it requests, while it stays known to its endpoint.

The split loses the arm altogether, instead of giving it a weight of 0: a request that names its arm could still reach that one. An experiment that
compares it is over then.
"""

import msgspec

from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid, Problem, pointer


def drained(endpoint: Endpoint, model: str) -> Endpoint:
    """The endpoint as it is when a model of it gets no request: not by the split, as a fallback, shadow or default.

    Raises:
        Invalid: nobody else would take its traffic. Who is to do so is not for a drain to decide.
    """
    routing = endpoint.routing
    split = {arm: weight for arm, weight in routing.split.items() if arm != model}
    answering = [arm for arm, weight in split.items() if weight > 0]
    if not answering:
        raise Invalid([Problem(pointer("routing", "split", model), _cure(endpoint, model))])
    left = msgspec.structs.replace(
        routing,
        split=split,
        fallback=tuple(name for name in routing.fallback if name != model),
        # One that answers everything has nothing left that it could be compared with.
        shadow=tuple(name for name in routing.shadow if name != model and answering != [name]),
        default=None if routing.default == model else routing.default,
    )
    experiment = endpoint.experiment
    is_compared = experiment is not None and model in experiment.arms
    return msgspec.structs.replace(endpoint, routing=left, experiment=None if is_compared else experiment)


def _cure(endpoint: Endpoint, model: str) -> str:
    others = [name for name in endpoint.models if name != model]
    taken = f"{model!r} takes all the traffic, so nobody would be left to answer"
    if not others:
        return f"{taken}; add another model and give it a weight first"
    example = f"hyperplan route {endpoint.name} --split {others[0]}=1"
    return f"{taken}; give another model a weight first, like `{example}` (there are: {', '.join(others)})"
