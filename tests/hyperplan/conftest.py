"""What the tests of the domain share: one complete endpoint document, as plain data."""

from typing import Any

import pytest


@pytest.fixture
def plain() -> dict[str, Any]:
    """An endpoint document that is valid and names every field that is served, but the experiment; each test may change its own."""
    return {
        "name": "flight-delay",
        "match": {"path": "/v1/models/flight-delay:predict", "host": "models.example.org"},
        "protocol": "tfserving",
        "task": "binary",
        "entity": {"feature": "tailnum"},
        "schema": {
            "on_violation": "reject",
            "on_unknown": "ignore",
            "explain": False,
            "features": {
                "dep_delay": {"type": "float", "unit": "min", "min": -60, "max": 1500, "nullable": True},
                "carrier": {"type": "category", "values": ["AA", "NO"], "on_unseen": "warn"},
                "distance": {"type": "float", "min": 0, "aliases": ["dist"], "source": "ops-feed"},
                "hour": {"type": "int", "min": 0, "max": 23},
                "night": {"type": "bool", "description": "after 22:00"},
                "route": {"type": "list", "length": 3, "min": -1, "max": 1},
                "tailnum": {"type": "string", "required": False, "pii": False},
            },
        },
        "models": {
            "gbm@1": {
                "url": "http://127.0.0.1:9001/v1/models/gbm:predict",
                "protocol": "tfserving",
                "health": "/v1/models/gbm",
                "lineage": {"run": {"id": "r-17"}, "trained_at": "2024-01-01", "parameters": {"depth": 6, "rate": 0.1}},
            },
            "logit@1": {"url": "https://logit.example.org/v1/models/logit:predict", "protocol": "tfserving"},
            "deep@1": {
                "url": "http://deep.example.org/v1/models/deep:predict",
                "protocol": "tfserving",
                "features": ["dep_delay", "carrier"],
                "signature": "scores",
                "answer": {"output": "probabilities", "component": 1},
                "timeout": 1.5,
            },
        },
        "routing": {
            "split": {"gbm@1": 90, "logit@1": 10},
            "sticky": True,
            "fallback": ["logit@1"],
            "shadow": ["logit@1"],
            "default": "gbm@1",
        },
        "sampling": {"rate": 0.5, "max_per_second": 50},
        "slices": ["carrier", "header:x-platform"],
        "on_failure": "open",
        "timeout": 3,
        "max_body": 65536,
    }


@pytest.fixture
def compared(plain: dict[str, Any]) -> dict[str, Any]:
    """The same with an experiment, which wants its arms and a split that is sticky."""
    return plain | {
        "experiment": {
            "arms": ["gbm@1", "logit@1"],
            "control": "gbm@1",
            "metric": {"of": "label", "fold": "any", "better": "lower"},
            "minimum_effect": {"relative": 0.05},
            "unit": "entity",
            "window": 3600,
            "wait": 60,
            "before": 86400,
            "alpha": 0.1,
            "power": 0.9,
            "limit": 10000,
            "guardrails": {"errors": {"margin": 1.5, "alpha": 0.02}, "latency": {"slower": 0.3}},
        }
    }
