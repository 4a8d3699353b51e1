"""The server of rules: Envoy calls it as it calls any model."""

from extproc.rules.server import RuleServer

__all__ = ["RuleServer"]
