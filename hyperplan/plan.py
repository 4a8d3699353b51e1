"""The plan: everything a sidecar needs to run, as one number and one document, and compiled.

Control (or a folder of documents) makes a `Plan`; a sidecar compiles it once and then only looks things up. Both are
immutable: a change is another plan, and a request that began under one ends under it.
"""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from hyperplan.endpoint import Endpoint, problems_of
from hyperplan.inspection import Inspector
from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.routing import Choice, Split
from hyperplan.thresholds.decider import Decider
from hyperplan.translation import Translation, client_of


class PlannedEndpoint(msgspec.Struct, frozen=True):
    """An endpoint at one of its revisions."""

    revision: int
    endpoint: Endpoint


class Plan(msgspec.Struct, frozen=True):
    """All endpoints at one moment. `number` grows with every change; 0 is the plan before any."""

    number: int
    endpoints: tuple[PlannedEndpoint, ...] = ()

    def encode(self) -> bytes:
        """The document, as JSON."""
        return msgspec.json.encode(self)

    @staticmethod
    def decode(document: bytes) -> "Plan":
        """Read a document that `encode` wrote.

        Raises:
            Invalid: it is no plan, or one that this version cannot serve.
        """
        try:
            plan = msgspec.json.decode(document, type=Plan)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Invalid([Problem("", f"not a plan: {error}")]) from None
        problems = list(problems_of_plan(plan))
        if problems:
            raise Invalid(problems)
        return plan


def problems_of_plan(plan: Plan) -> Iterator[Problem]:
    """What is wrong with each endpoint, and with them together; pointers start with the endpoint's name."""
    for planned in plan.endpoints:
        for problem in problems_of(planned.endpoint):
            yield Problem(pointer(planned.endpoint.name) + problem.pointer, problem.detail)
    yield from conflicts(planned.endpoint for planned in plan.endpoints)


def conflicts(endpoints: Iterable[Endpoint]) -> Iterator[Problem]:
    """Endpoints that claim the same name, or the same path and host."""
    names: set[str] = set()
    matches: dict[tuple[str | None, str], str] = {}
    for endpoint in endpoints:
        if endpoint.name in names:
            yield Problem(pointer(endpoint.name, "name"), "another endpoint has this name")
        names.add(endpoint.name)
        key = (endpoint.match.host, endpoint.match.path)
        if key in matches:
            yield Problem(pointer(endpoint.name, "match"), f"the endpoint {matches[key]!r} has the same path and host")
        matches.setdefault(key, endpoint.name)


class CompiledEndpoint:
    """An endpoint ready to serve: bodies can be inspected and arms chosen without looking anything up."""

    def __init__(self, planned: PlannedEndpoint) -> None:
        endpoint = planned.endpoint
        self.document = endpoint
        self.name = endpoint.name
        self.revision = planned.revision
        self.schema = endpoint.schema
        self.schema_version = endpoint.schema.version()
        self.protocol = client_of(endpoint)
        self.binary = self.protocol.binary
        self.inspector = Inspector(endpoint.schema, self.protocol)
        self.split = Split(endpoint.routing.split, salt=endpoint.name)
        self.arms = {arm: arm_cluster(endpoint, arm) for arm in endpoint.routing.split}
        self.force_header = endpoint.routing.force_header
        self.forced = {arm.encode(): Choice(arm, 1.0, forced=True) for arm in endpoint.routing.split}
        """The choice that each value of that header stands for."""
        self.adapted = frozenset(arm for arm in self.arms if adapted(endpoint, arm))
        self.decider = Decider(endpoint.task, endpoint.thresholds) if endpoint.thresholds is not None else None
        self._translations: dict[str, Translation] = {}

    def translation(self, model: str) -> Translation:
        """Translates between the clients and a model; made when it is first asked for.

        Raises:
            KeyError: the endpoint has no such model.
        """
        found = self._translations.get(model)
        if found is None:
            found = self._translations[model] = Translation(self.document, model)
        return found


class CompiledPlan:
    """A plan ready to serve. Endpoints that did not change are taken over from the plan before, not compiled again."""

    def __init__(self, plan: Plan, before: "CompiledPlan | None" = None) -> None:
        known = before.by_name if before else {}
        self.number = plan.number
        self.by_name: dict[str, CompiledEndpoint] = {}
        self._by_path: dict[str, dict[str | None, CompiledEndpoint]] = {}
        for planned in plan.endpoints:
            old = known.get(planned.endpoint.name)
            unchanged = old and old.revision == planned.revision and old.document == planned.endpoint
            compiled = old if old and unchanged else CompiledEndpoint(planned)
            self.by_name[compiled.name] = compiled
            match = compiled.document.match
            self._by_path.setdefault(match.path, {})[match.host] = compiled

    def find(self, host: str, path: str) -> CompiledEndpoint | None:
        """The endpoint that answers at a path (without its query), as Envoy's routes find it.

        `host` is that of the request, with or without a port, in any case: one that is named with the port comes before
        one that is named without, and that before one that names no host.
        """
        found = self._by_path.get(path)
        if found is None:
            return None
        if len(found) == 1 and None in found:
            return found[None]
        name = host.lower()
        return found.get(name) or found.get(_without_port(name)) or found.get(None)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


EMPTY = CompiledPlan(Plan(0))
"""The plan of a sidecar that has none yet: no path is an endpoint."""


FEEDBACK_PATH = "/hyperplan/feedback"
"""Where the sidecar takes feedback, on every host of Envoy's listener."""
ROUTING_HEADER = "x-hyperplan-arm"
"""The request header by which a sidecar names the cluster of the arm that is to answer."""


def arm_cluster(endpoint: Endpoint, arm: str) -> str:
    """The name of Envoy's cluster for an arm: its model, then its fallbacks. The routing header holds it.

    Clusters reach Envoy before requests are decided by their plan, so a name that both plans have must mean the same in both.
    It ends in a fingerprint of what could differ: who is in the chain, and whether requests meet the adapt stage there.
    """
    chain = [_standing(endpoint, model) for model in endpoint.routing.chain(arm)]
    return f"arm/{endpoint.name}/{arm}/{_fingerprint((adapted(endpoint, arm), chain))}"


def model_cluster(endpoint: Endpoint, model: str) -> str:
    """The name of Envoy's cluster for one model. A model that moves, or speaks in another way than before, is another cluster."""
    return f"model/{_standing(endpoint, model)}"


def spare_cluster(endpoint: Endpoint, model: str) -> str:
    """The name of Envoy's cluster for a model that is asked although it was marked."""
    return f"spare/{_standing(endpoint, model)}"


def shadow_cluster(endpoint: Endpoint, model: str) -> str:
    """The name of Envoy's cluster for a model that sees copies of requests."""
    return f"shadow/{_standing(endpoint, model)}"


def _standing(endpoint: Endpoint, model: str) -> str:
    """A model of an endpoint as it stands: where it is, and how it is spoken to."""
    found = endpoint.models[model]
    speech = (found.url, found.protocol, found.features, found.signature, found.paths, found.answer)
    return f"{endpoint.name}/{model}/{_fingerprint(speech)}"


def _fingerprint(parts: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=4).hexdigest()


LARGEST_ANSWER = 16 << 20
"""Bytes of a model's answer that are held and read, whatever the endpoint allows for a request."""


def longest_answer(endpoint: Endpoint) -> int:
    """Bytes of an answer that are held and read where one is adapted. Larger ones pass unread, or fail if they must be translated."""
    return max(endpoint.max_body, LARGEST_ANSWER)


def rule_path(endpoint: str, model: str) -> str:
    """The path of a rule on the server of rules."""
    return f"/rules/{endpoint}/{model}"


def adapted(endpoint: Endpoint, arm: str) -> bool:
    """Whether the requests of an arm meet the adapt stage.

    They need it if a model of its chain does not speak as clients do, and if there is more than one model: an answer that
    cannot be understood then fails over. And where thresholds make decisions of answers, since it is there that answers are read. Arms between
    which requests are split all meet it if one does: the stage counts how each does, and costs all alike.
    """
    if endpoint.thresholds is not None:
        return True
    split = endpoint.routing.split
    beside = [other for other, weight in split.items() if weight > 0] if split.get(arm, 0) > 0 else []
    return any(_chain_adapted(endpoint, each) for each in (arm, *beside))


def _chain_adapted(endpoint: Endpoint, arm: str) -> bool:
    chain = endpoint.routing.chain(arm)
    return len(chain) > 1 or not all(endpoint.identical(model) for model in chain)
