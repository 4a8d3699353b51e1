"""The flights of the benchmark: the demo's endpoint with its schema, and requests to it."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from demo import endpoint as demo_endpoint

PATH = "/v1/models/flight-delay:predict"
PLANES = 200
"""Distinct tail numbers, that is entities."""


def document(model: str, *, sampling: float, name: str = demo_endpoint.NAME, path: str = PATH) -> dict[str, Any]:
    """The demo's endpoint, both of whose models are at the URL `model`, with this rate of sampling."""
    yaml = YAML(typ="safe")
    found: dict[str, Any] = yaml.load(Path(demo_endpoint.__file__).with_name("endpoint.yaml"))
    for one in found["models"].values():
        one["url"] = model
        del one["health"]
    # An arm with fallbacks has the filter that translates; what that costs has rows of its own.
    del found["routing"]["fallback"]
    sampled = {"rate": sampling, "max_per_second": 100_000}
    # Closed, so that a request which the processor did not answer is an error, and not a fast answer.
    return {**found, "name": name, "match": {"path": path}, "sampling": sampled, "on_failure": "closed"}


def flight(source: random.Random) -> Mapping[str, Any]:
    """A flight that fits the schema, its features in the schema's order."""
    return {
        "dep_delay": float(source.randint(-20, 300)),
        "distance": float(source.randint(90, 4900)),
        "hour": source.randint(5, 23),
        "carrier": source.choice(["AA", "B6", "DL", "EV", "UA"]),
        "origin": source.choice(["EWR", "JFK", "LGA"]),
        "tailnum": f"N{source.randrange(PLANES) + 10000}",
        "temp": source.randint(100, 900) / 10,
        "wind_speed": source.randint(0, 300) / 10,
        "visib": 10.0,
        "precip": 0.0,
    }


def bodies(rows: int = 1, count: int = 100) -> list[bytes]:
    """Requests of so many rows each, as a client of TF Serving writes them. The same each time."""
    source = random.Random(2013)
    return [json.dumps({"instances": [flight(source) for _ in range(rows)]}).encode() for _ in range(count)]
