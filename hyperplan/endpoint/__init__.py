"""The endpoint document, in three parts: `document` is its types, `reading` the way from text to them, `checks` what must hold between their fields."""

from hyperplan.endpoint.checks import problems_of
from hyperplan.endpoint.document import (
    ENDPOINT_NAME,
    WITHHELD_HEADERS,
    Answer,
    Endpoint,
    Entity,
    Match,
    Model,
    OnFailure,
    Paths,
    Protocol,
    Routing,
    Sampling,
    Task,
)
from hyperplan.endpoint.reading import parse_endpoint, read_endpoint

__all__ = [
    "ENDPOINT_NAME",
    "WITHHELD_HEADERS",
    "Answer",
    "Endpoint",
    "Entity",
    "Match",
    "Model",
    "OnFailure",
    "Paths",
    "Protocol",
    "Routing",
    "Sampling",
    "Task",
    "parse_endpoint",
    "problems_of",
    "read_endpoint",
]
