"""Transports: how Envoy's messages reach a stage. They know gRPC and nothing of what a stage does."""

from collections.abc import Callable, Mapping
from pathlib import Path

from extproc.stages import Stage
from extproc.transports.base import Transport
from extproc.transports.grpcio import GrpcioTransport
from extproc.transports.h2 import H2Transport

__all__ = ["TRANSPORTS", "GrpcioTransport", "H2Transport", "Transport"]

TRANSPORTS: Mapping[str, Callable[[Stage, Path], Transport]] = {"h2": H2Transport, "grpcio": GrpcioTransport}
"""By the names that users choose them by."""
