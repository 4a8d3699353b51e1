"""The rules of the plans that requests may come under, by the paths at which Envoy asks for them.

A rule is asked in the protocol of its endpoint's clients and answers in it, so its requests pass as they came. Many rows are
answered in steps, between which others get their turn: the process that serves rules decides about requests too.
"""

from collections.abc import Generator, Mapping
from typing import NamedTuple

from extproc.http.reply import Reply
from hyperplan.plan import CompiledEndpoint, CompiledPlan, rule_path
from hyperplan.protocols import Body, Protocol, Unanswerable, Unwritable
from hyperplan.protocols.base import written
from hyperplan.rules import Rule, RuleFailed

STEP = 200
"""Rows predicted in one step: one or two milliseconds."""


class Entry(NamedTuple):
    """A rule, and the endpoint whose clients ask it."""

    endpoint: CompiledEndpoint
    rule: Rule


class RuleBook:
    """The rules that are served."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def widen(self, plan: CompiledPlan) -> None:
        """Serve the rules of a plan too, in place of those with the same names."""
        self._entries = {**self._entries, **self._of(plan)}

    def retired(self, plan: CompiledPlan) -> Mapping[str, Entry]:
        """The rules that a plan does not have."""
        kept = {
            rule_path(endpoint.name, name)
            for endpoint in plan.by_name.values()
            for name, model in endpoint.document.models.items()
            if model.rule is not None
        }
        return {path: entry for path, entry in self._entries.items() if path not in kept}

    def drop(self, entries: Mapping[str, Entry]) -> None:
        """Serve rules no more, except those that came back since."""
        self._entries = {path: entry for path, entry in self._entries.items() if entries.get(path) is not entry}

    def _of(self, plan: CompiledPlan) -> Mapping[str, Entry]:
        """The rules of a plan, by path. Those of endpoints that did not change are not compiled again."""
        found = {}
        for endpoint in plan.by_name.values():
            for name, model in endpoint.document.models.items():
                if model.rule is not None:
                    path = rule_path(endpoint.name, name)
                    old = self._entries.get(path)
                    known = old is not None and old.endpoint is endpoint
                    rule = old.rule if old and known else Rule(model.rule, endpoint.schema, endpoint.document.task)
                    found[path] = Entry(endpoint, rule)
        return found

    def answering(self, path: str, body: Body) -> Generator[None, None, Reply]:
        """Answer a request, a step at a time; the reply is what the generator returns."""
        entry = self._entries.get(path)
        if entry is None:
            return Reply(404, written({"error": f"there is no rule at {path[:200]}"}))
        protocol = entry.endpoint.protocol
        try:
            message = protocol.loaded(body)
            rows = protocol.rows(message)
            form = protocol.form(message)
        except RecursionError:
            return _refused(protocol, 400, "the body nests too deep")
        except ValueError as error:
            return _refused(protocol, 400, f"not a {protocol.name} request: {error}")
        predictions = []
        try:
            for start in range(0, len(rows), STEP):
                if start:
                    yield
                predictions += entry.rule.predict(rows[start : start + STEP], start)
            return Reply(200, protocol.answer(predictions, form))
        except Unanswerable as error:
            return _refused(protocol, 400, str(error))
        except (RuleFailed, Unwritable) as error:
            # As a model that failed: the next of the chain is asked.
            return _refused(protocol, 503, str(error))


def _refused(protocol: Protocol, status: int, detail: str) -> Reply:
    return Reply(status, protocol.error(status, detail))
