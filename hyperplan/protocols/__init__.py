"""The wire formats of clients and models, by name."""

from hyperplan.protocols.base import (
    JSON_LENGTH_HEADER,
    MOST_ROWS,
    PLAIN,
    Body,
    Form,
    Protocol,
    Speaker,
    Unanswerable,
    Unreadable,
    Unwritable,
    detail_of,
)
from hyperplan.protocols.json import Json
from hyperplan.protocols.kserve import KServe
from hyperplan.protocols.mlflow import MLflow
from hyperplan.protocols.oip import OIP
from hyperplan.protocols.tfserving import TFServing

PROTOCOLS: dict[str, type[Protocol]] = {protocol.name: protocol for protocol in (TFServing, KServe, OIP, MLflow, Json)}
"""Every protocol that bodies can be read and written in. A new one is a module of its own and a line here."""

__all__ = [
    "JSON_LENGTH_HEADER",
    "MOST_ROWS",
    "PLAIN",
    "PROTOCOLS",
    "Body",
    "Form",
    "Protocol",
    "Speaker",
    "Unanswerable",
    "Unreadable",
    "Unwritable",
    "detail_of",
]
