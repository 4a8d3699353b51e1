"""In which order the models of an arm are asked, and how long each may take.

    the chain:   each model of it, once, but none that health checks or its own failures have marked
    its spares:  the models that could be marked, marked or not

Every model that failed hands over to the next. Where none is marked a model may be asked a second time, when all have failed.
"""

from collections.abc import Sequence

from hyperplan.endpoint import Endpoint
from hyperplan.plan import model_cluster, spare_cluster


def members(endpoint: Endpoint, arm: str) -> Sequence[str]:
    """The clusters of an arm, in the order in which they are asked."""
    chain = endpoint.routing.chain(arm)
    if len(chain) == 1:
        return [model_cluster(endpoint, arm)]
    spares = [spare_cluster(endpoint, model) for model in chain if has_spare(endpoint, model)]
    return [*(model_cluster(endpoint, model) for model in chain), *spares]


def has_spare(endpoint: Endpoint, model: str) -> bool:
    """Whether Envoy may pass a model over in some chain, so that it must come to it at the end."""
    server = endpoint.models[model]
    if server.health is None or server.rule is not None:
        return has_stand_ins(endpoint, model)
    return any(len(chain) > 1 and model in chain for chain in _chains(endpoint))


def has_stand_ins(endpoint: Endpoint, model: str) -> bool:
    """Whether another model answers when this one fails, in some arm. A rule is no server, and is passed over by nobody."""
    return endpoint.models[model].rule is None and any(model in chain[:-1] for chain in _chains(endpoint))


def most_tries(endpoint: Endpoint) -> int:
    """How often a request may be tried, in whichever arm."""
    return max(len(members(endpoint, arm)) for arm in endpoint.routing.split)


def longest_try(endpoint: Endpoint) -> float:
    """Seconds that a try may take, whichever model it goes to."""
    if most_tries(endpoint) == 1:
        return endpoint.timeout
    return max(_try(endpoint, model) for chain in _chains(endpoint) for model in chain)


def limit(endpoint: Endpoint, model: str) -> float | None:
    """Seconds that a try of a model may take, where they are fewer than for others; None where they are not."""
    own = _try(endpoint, model)
    return own if own < longest_try(endpoint) else None


def _try(endpoint: Endpoint, model: str) -> float:
    """What the document says, or an equal share of the time that the request has, so that a model that hangs leaves time for the others."""
    declared = endpoint.models[model].timeout
    if declared is not None:
        return declared
    return endpoint.timeout / max(map(len, _chains(endpoint)))


def _chains(endpoint: Endpoint) -> list[tuple[str, ...]]:
    return [endpoint.routing.chain(arm) for arm in endpoint.routing.split]
