"""The registry: every revision of every endpoint, and the plan that follows from the newest ones."""

from control.registry.registry import Entry, NoSuchEndpoint, NoSuchRevision, Registry, Stale, Write
from control.registry.tables import Change

__all__ = ["Change", "Entry", "NoSuchEndpoint", "NoSuchRevision", "Registry", "Stale", "Write"]
