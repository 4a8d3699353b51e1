"""An endpoint with a canary in its list of models, and what its rollouts see."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.rollouts import Counts, Rollout, Seen, Terms, start

DOCUMENT = """
name: flight-delay
match: { path: /predict }
protocol: tfserving
task: binary
schema: { features: { distance: { type: float } } }
models:
  gbm@1: { url: "http://127.0.0.1:9001/predict", protocol: tfserving }
  gbm@2: { url: "http://127.0.0.1:9002/predict", protocol: tfserving }
  logit@1: { url: "http://127.0.0.1:9003/predict", protocol: tfserving }
routing: { split: { gbm@1: 90, logit@1: 10 }, fallback: [gbm@1, logit@1] }
"""

SECOND = 10**9
T0 = 1_700_000_000 * SECOND


@pytest.fixture
def endpoint() -> Endpoint:
    return parse_endpoint(DOCUMENT)


@pytest.fixture
def begun(endpoint: Endpoint) -> Callable[..., Rollout]:
    """Starts a rollout at T0."""

    def begin(**terms: Any) -> Rollout:
        wanted = {"canary": "gbm@2", "hold": 100.0, "requests": 10, **terms}
        return start(endpoint, Terms(**wanted), "r-1", T0, "ada")

    return begin


@pytest.fixture
def sees() -> Callable[..., Seen]:
    """What is seen while nobody edits the routing."""

    def see(rollout: Rollout, requests: int = 100, hits: int = 1, **fields: Any) -> Seen:
        counts = Counts(hits, requests, 100, 10_000)
        return Seen(**{"routing": rollout.routing, "totals": {("errors", rollout.revision): counts}, **fields})

    return see
