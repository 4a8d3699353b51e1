"""The endpoint document: what clients call, what a row is, which models stand behind it and how one is chosen.

The types here are the document. One file, one HTTP body and one row of the registry all hold an `Endpoint`, and
`parse_endpoint` is the only way from text to one, so wherever a bad document comes from it gets the same list of
everything that is wrong with it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from hyperplan.documents import Document, located, parse, readable
from hyperplan.experiments.design import Experiment
from hyperplan.exploration.block import Exploration
from hyperplan.lineage import Lineage, problems_of_lineage
from hyperplan.problems import Invalid, Problem, pointer
from hyperplan.protocols import PROTOCOLS
from hyperplan.rules import problems_of_rule
from hyperplan.schema import Masking, NumberList, Schema, masking_of
from hyperplan.thresholds.block import Thresholds, problems_of_thresholds

Protocol = Literal["tfserving", "kserve", "oip", "mlflow", "json"]
Task = Literal["binary", "multiclass", "regression"]
OnFailure = Literal["open", "closed"]

ENDPOINT_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
MODEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61})?@[A-Za-z0-9]([A-Za-z0-9._-]{0,61})?")
OWN_PATHS = "/hyperplan/"
"""Where no endpoint can be: the sidecar takes feedback there."""
PATH = re.compile(r"/[!\"$-~]*")
"""A path, and perhaps a query, as they stand in a request line: printable ASCII, the rest escaped with %."""
HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")

WITHHELD_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that Envoy keeps from the sidecar: credentials are none of its business."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of the document: immutable, with no room for fields that nobody reads."""


class Match(_Part, frozen=True, kw_only=True):
    """What clients call: an exact path, and a host if several endpoints share one."""

    path: str
    host: str | None = None


class Entity(_Part, frozen=True, kw_only=True):
    """Where a request says whom its prediction is about: in a feature of its first row, or in a header.

    `pii` says how it is masked before it leaves the sidecar; left out, as the feature is.
    """

    feature: str | None = None
    header: str | None = None
    pii: bool | Masking | None = None


class Paths(_Part, frozen=True, kw_only=True):
    """Where plain JSON keeps things: the keys that lead to them, with dots between, like `data.rows`."""

    rows: str | None = None
    predictions: str | None = None

    def keys(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The keys that lead to the rows of a request and to the predictions of an answer; none lead to the body itself."""
        return _keys(self.rows), _keys(self.predictions)


def _keys(path: str | None) -> tuple[str, ...]:
    return () if path is None else tuple(path.split("."))


class Answer(_Part, frozen=True, kw_only=True):
    """What of a model's answer is the prediction: one of several named outputs, one component of a vector, or both."""

    output: str | None = None
    component: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Model(_Part, frozen=True, kw_only=True):
    """Where a model is and what it speaks. `health` is the path that answers 200 while it lives.

    A model is served at a `url`, or it is a `rule`: an expression over the features, which speaks what clients speak. It
    takes all features, or those that it names. `signature` is what to ask of TensorFlow Serving, `timeout` is in seconds,
    for one try.
    """

    url: str | None = None
    protocol: Protocol | None = None
    health: str | None = None
    rule: str | None = None
    features: tuple[str, ...] | None = None
    signature: str | None = None
    paths: Paths | None = None
    answer: Answer | None = None
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    lineage: Lineage | None = None

    def address(self) -> SplitResult:
        """The parts of the URL of a model that has one."""
        return urlsplit(self.url or "")

    def port(self) -> int:
        """The port of the URL, or that of its scheme."""
        address = self.address()
        scheme_port = 443 if address.scheme == "https" else 80
        return scheme_port if address.port is None else address.port

    def path(self) -> str:
        """Path and query of the URL, as they stand in a request line."""
        address = self.address()
        return (address.path or "/") + (f"?{address.query}" if address.query else "")


class Routing(_Part, frozen=True, kw_only=True):
    """How an endpoint chooses.

    `split` gives the relative weight of each arm. `fallback` answers, in its order, when the chosen arm cannot.
    `shadow` models each see a copy of each request, and what they answer goes to nobody but the samples.
    `default` answers when there is no sidecar to choose, unless the endpoint is closed then. `force_header` is the header with which a request names the arm that is to
    answer it, one of weight 0 too; left out, no request can.
    """

    split: dict[str, Annotated[float, msgspec.Meta(ge=0)]]
    sticky: bool = False
    fallback: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    default: str | None = None
    force_header: str | None = None

    def default_model(self) -> str:
        """Who answers when the sidecar cannot decide: as declared, or the heaviest arm (the first of equals)."""
        return self.default or max(self.split, key=self.split.__getitem__)

    def chain(self, arm: str) -> tuple[str, ...]:
        """Who answers for an arm: its model, then the fallbacks that are not it."""
        return tuple(dict.fromkeys((arm, *self.fallback)))


class Sampling(_Part, frozen=True, kw_only=True):
    """Which requests are observed: a share of all, and no more than so many in a second.

    `keep` names a header: requests that have it, because they will get a label, are all observed, up to as many in a second for themselves.
    """

    rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    max_per_second: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 200
    keep: str | None = None


class Endpoint(_Part, frozen=True, kw_only=True):
    """One endpoint. `timeout` is in seconds, for the whole request with its failovers; `max_body` in bytes."""

    name: str
    match: Match
    protocol: Protocol
    paths: Paths | None = None
    task: Task
    entity: Entity | None = None
    schema: Schema
    models: dict[str, Model]
    routing: Routing
    sampling: Sampling = Sampling()
    thresholds: Thresholds | None = None
    experiment: Experiment | None = None
    exploration: Exploration | None = None
    slices: tuple[str, ...] = ()
    on_failure: OnFailure = "open"
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 15.0
    max_body: Annotated[int, msgspec.Meta(ge=1, le=64 << 20)] = 4 << 20

    def entity_masking(self) -> Masking | None:
        """How the entity is masked before it leaves the sidecar: as it says, or as its feature is."""
        if self.entity is None:
            return None
        if self.entity.pii is not None:
            return masking_of(self.entity.pii)
        feature = self.schema.features.get(self.entity.feature or "")
        return feature.masking if feature else None

    def identical(self, name: str) -> bool:
        """Whether a model takes what clients send and answers what they read, so that bodies pass as they are."""
        model = self.models[name]
        if model.rule is not None:
            return True
        return (
            model.protocol == self.protocol
            and (model.features is None or self.schema.features.keys() <= set(model.features))
            and model.signature is None
            and (model.paths or Paths()) == (self.paths or Paths())
            and model.answer is None
        )


def parse_endpoint(text: str) -> Endpoint:
    """Read an endpoint document, YAML or JSON.

    Raises:
        Invalid: with everything that is wrong with it.
    """
    return read_endpoint(parse(text))


def read_endpoint(document: Document) -> Endpoint:
    """Read an endpoint from plain data, as `parse_endpoint` does from text.

    Checks of what the document means run on all that could be read of it, whatever else is wrong. What they say counts
    unless it may only follow from something that could not be read.
    """
    reading = readable(Endpoint, document)
    problems = list(reading.problems)
    if reading.value is not None:
        found = [problem for problem in problems_of(reading.value) if not reading.in_doubt(problem.pointer)]
        problems += [problem for problem in found if not _follows(problem.pointer, reading.lost)]
    if problems or reading.value is None:
        raise Invalid(located(problems, document.lines))
    return reading.value


_FOLLOWS = (
    (r"/routing/(split|fallback|shadow)/.+|/routing/default", r"/models"),
    (r"/models/[^/]+/(protocol|signature|paths(/.+)?)|/paths(/.+)?|/routing/default", r"/protocol"),
    (r"/models/[^/]+/timeout", r"/timeout"),
    (r"/routing/default", r"/routing/split(/.+)?|/paths(/.+)?|/schema(/features)?|/models/.+|/on_failure"),
    (r"/models/[^/]+/rule", r"/schema(/.+)?|/task"),
    (r"/models/[^/]+/(protocol|features/.+)", r"/schema(/features(/.+)?)?"),
    (r"/routing/shadow/.+", r"/routing/split(/.+)?"),
    (r"/routing/sticky", r"/entity(/.+)?"),
    (r"/entity/feature|/slices/.+", r"/schema(/features)?"),
    (r"/thresholds(/.+)?", r"/task|/protocol|/models|/paths(/.+)?|/thresholds/.+"),
    (r"/experiment/(arms/.+|unit|metric/of)", r"/(models|routing|task)(/.+)?"),
    (r"/experiment/(arms|control)", r"/experiment/arms(/.+)?"),
    (r"/experiment/before", r"/experiment/unit"),
    (r"/exploration(/.+)?", r"/task|/routing(/.+)?|/experiment(/.+)?|/exploration/.+"),
)
"""Where a check may fail, by its pointer, only because something elsewhere was lost."""


def _follows(place: str, lost: frozenset[str]) -> bool:
    return any(
        re.fullmatch(wrong, place) and any(re.fullmatch(cause, other) for other in lost) for wrong, cause in _FOLLOWS
    )


def problems_of(endpoint: Endpoint) -> Iterator[Problem]:
    """What is wrong with an endpoint whose fields each have the right type: names that lead nowhere, contradictions."""
    if not ENDPOINT_NAME.fullmatch(endpoint.name):
        yield Problem("/name", "must be 1 to 63 lower-case letters, digits, '.', '_' or '-', like flight-delay")
    yield from _problems_of_match(endpoint.match)
    yield from _problems_of_paths(endpoint.paths, endpoint.protocol, "/paths")
    yield from (Problem("/schema" + problem.pointer, problem.detail) for problem in endpoint.schema.problems())
    yield from _problems_of_entity(endpoint)
    yield from _problems_of_models(endpoint)
    yield from _problems_of_rules(endpoint)
    yield from _problems_of_routing(endpoint)
    if endpoint.sampling.keep is not None:
        yield from _problems_of_header(endpoint.sampling.keep, "/sampling/keep")
    if endpoint.thresholds is not None:
        predictions = endpoint.paths.keys()[1] if endpoint.paths else ()
        yield from problems_of_thresholds(
            endpoint.thresholds, endpoint.task, endpoint.models, endpoint.protocol, predictions
        )
    if endpoint.experiment is not None:
        routing = endpoint.routing
        found = endpoint.experiment.problems(
            routing.split, endpoint.models, sticky=routing.sticky, multiclass=endpoint.task == "multiclass"
        )
        yield from (Problem("/experiment" + problem.pointer, problem.detail) for problem in found)
    if endpoint.exploration is not None:
        for problem in endpoint.exploration.problems(endpoint.routing.split, endpoint.task):
            yield Problem("/exploration" + problem.pointer, problem.detail)
        if endpoint.experiment is not None:
            detail = (
                "moves the weights that the experiment compares at; an endpoint has one or the other, so leave one out"
            )
            yield Problem("/exploration", detail)
    for index, part in enumerate(endpoint.slices):
        header = part.removeprefix("header:")
        if header != part:
            yield from _problems_of_header(header, pointer("slices", index))
        elif part not in endpoint.schema.features:
            yield Problem(
                pointer("slices", index), f"{part!r} is no feature of the schema; a header is 'header:{part}'"
            )
    yield from _problems_of_privacy(endpoint)


def _problems_of_match(match: Match) -> Iterator[Problem]:
    if not PATH.fullmatch(match.path) or "?" in match.path:
        yield Problem("/match/path", "must be the path of a URL, starting with '/', without query or fragment")
    elif match.path.startswith(OWN_PATHS):
        yield Problem("/match/path", f"paths under {OWN_PATHS} are Hyperplan's own; choose another")
    if match.host is not None and not re.fullmatch(r"[a-z0-9.-]+(:[0-9]+)?", match.host):
        yield Problem("/match/host", "must be a host name in lower case, like models.example.org")


def _problems_of_header(name: str, place: str) -> Iterator[Problem]:
    if not HEADER_NAME.fullmatch(name):
        yield Problem(place, f"{name!r} is no header name in lower case")
    elif name in WITHHELD_HEADERS:
        yield Problem(place, f"{name!r} holds credentials, which never reach the sidecar; name another header")
    elif name.startswith("x-hyperplan-"):
        yield Problem(place, "x-hyperplan- headers of clients are removed; name another header")


def _problems_of_entity(endpoint: Endpoint) -> Iterator[Problem]:
    entity = endpoint.entity
    if entity is None:
        if endpoint.routing.sticky:
            yield Problem("/routing/sticky", "needs to know by what: name the entity, as a feature or as a header")
        return
    if (entity.feature is None) == (entity.header is None):
        yield Problem("/entity", "must name a feature or a header, one of the two")
    elif entity.feature is not None and entity.feature not in endpoint.schema.features:
        yield Problem("/entity/feature", f"{entity.feature!r} is no feature of the schema")
    elif entity.feature is not None and isinstance(endpoint.schema.features[entity.feature], NumberList):
        yield Problem("/entity/feature", f"{entity.feature!r} is a list, which names nobody; use a string or an int")
    elif entity.header is not None:
        yield from _problems_of_header(entity.header, "/entity/header")


def _problems_of_models(endpoint: Endpoint) -> Iterator[Problem]:
    if not endpoint.models:
        yield Problem("/models", "is empty; name at least one model")
    for name, model in endpoint.models.items():
        if not MODEL_NAME.fullmatch(name):
            yield Problem(pointer("models", name), "a model's name is name@version, like gbm@1")
        if (model.url is None) == (model.rule is None):
            yield Problem(pointer("models", name), "must have a url or a rule, one of the two")
        elif model.url is not None:
            yield from _problems_of_url(model, name)
            if model.protocol is None:
                yield Problem(pointer("models", name, "protocol"), "is missing; say what the model at this url speaks")
            else:
                yield from _problems_of_speech(endpoint, name, model, model.protocol)
        else:
            yield from _problems_of_a_rules_fields(name, model)
        if model.timeout is not None and model.timeout > endpoint.timeout:
            detail = f"is longer than the {endpoint.timeout:g} seconds that the whole request may take"
            yield Problem(pointer("models", name, "timeout"), detail)
        if model.health is not None and not PATH.fullmatch(model.health):
            yield Problem(pointer("models", name, "health"), "must be the path of a URL, starting with '/'")
        for problem in problems_of_lineage(model.lineage) if model.lineage else ():
            yield Problem(pointer("models", name, "lineage") + problem.pointer, problem.detail)


def _problems_of_a_rules_fields(name: str, model: Model) -> Iterator[Problem]:
    """A rule is served by the sidecar: it takes and answers what clients do."""
    for field in ("protocol", "features", "signature", "paths", "answer", "health", "timeout"):
        if getattr(model, field) is not None:
            yield Problem(pointer("models", name, field), "says nothing of a rule, which speaks what clients speak")


def _problems_of_rules(endpoint: Endpoint) -> Iterator[Problem]:
    """Rules are held against the schema, which must be sound for that."""
    if next(endpoint.schema.problems(), None) is not None:
        return
    for name, model in endpoint.models.items():
        if model.rule is not None:
            for detail in problems_of_rule(model.rule, endpoint.schema, endpoint.task):
                yield Problem(pointer("models", name, "rule"), detail)


def _problems_of_speech(endpoint: Endpoint, name: str, model: Model, protocol: Protocol) -> Iterator[Problem]:
    """What a model takes and answers, held against the schema and what its protocol can say."""
    place = ("models", name)
    yield from _problems_of_paths(model.paths, protocol, pointer(*place, "paths"))
    if model.signature is not None and protocol != "tfserving":
        yield Problem(pointer(*place, "signature"), f"is TensorFlow Serving's; {protocol} has none")
    elif model.signature == "":
        yield Problem(pointer(*place, "signature"), "is empty; name the signature, or leave it out")
    if model.answer is not None and model.answer.output is None and model.answer.component is None:
        yield Problem(pointer(*place, "answer"), "is empty; name an output, a component, or both")
    elif model.answer is not None and model.answer.output == "":
        yield Problem(pointer(*place, "answer", "output"), "is empty; name the output, or leave it out")
    if model.features is not None:
        yield from _problems_of_features(endpoint.schema, model.features, pointer(*place, "features"))
    if not endpoint.identical(name):
        for feature, declared in endpoint.schema.features.items():
            if model.features is None or feature in model.features:
                reason = PROTOCOLS[protocol].unsayable(declared)
                if reason:
                    detail = f"{protocol} cannot say the feature {feature!r} to {name!r}: {reason}"
                    yield Problem(pointer(*place, "protocol"), f"{detail}; leave it out of the model's features")


def _problems_of_features(schema: Schema, features: tuple[str, ...], place: str) -> Iterator[Problem]:
    if not features:
        yield Problem(place, "is empty; name the features that the model takes, or leave it out for all of them")
    for index, feature in enumerate(features):
        if feature not in schema.features:
            yield Problem(f"{place}/{index}", f"{feature!r} is no feature of the schema")
    for feature in sorted(feature for feature, count in Counter(features).items() if count > 1):
        yield Problem(place, f"{feature!r} is listed twice")


def _problems_of_paths(paths: Paths | None, protocol: Protocol, place: str) -> Iterator[Problem]:
    if paths is None:
        return
    if protocol != "json":
        yield Problem(place, f"are for plain JSON; {protocol} says itself where things are")
    elif paths == Paths():
        yield Problem(place, "is empty; name the path of rows, of predictions, or of both")
    else:
        for field in ("rows", "predictions"):
            if not all(_keys(getattr(paths, field))):
                yield Problem(f"{place}/{field}", "must be keys with dots between them, like data.rows")


def _problems_of_url(model: Model, name: str) -> Iterator[Problem]:
    place = pointer("models", name, "url")
    try:
        address = model.address()
        port = model.port()
    except ValueError as error:
        yield Problem(place, f"is no URL: {error}")
        return
    if not re.fullmatch("[!-~]+", model.url or ""):
        yield Problem(place, "holds characters that a URL cannot hold; escape them with %")
    elif address.scheme not in ("http", "https") or not address.hostname:
        yield Problem(place, "must be a whole URL, like http://127.0.0.1:9001/v1/models/gbm:predict")
    elif not 0 < port < 65536:
        yield Problem(place, "its port must be from 1 to 65535")
    elif address.username is not None or address.fragment:
        yield Problem(place, "must hold neither credentials nor a fragment")


def _problems_of_routing(endpoint: Endpoint) -> Iterator[Problem]:
    routing, models = endpoint.routing, endpoint.models
    known = ", ".join(models) or "none"
    named = [(pointer("routing", "split", arm), arm) for arm in routing.split]
    for field in ("fallback", "shadow"):
        listed: tuple[str, ...] = getattr(routing, field)
        named += [(pointer("routing", field, index), name) for index, name in enumerate(listed)]
        for name in sorted(name for name, count in Counter(listed).items() if count > 1):
            yield Problem(pointer("routing", field), f"{name!r} is listed twice")
    if routing.default is not None:
        named.append(("/routing/default", routing.default))
    for place, name in named:
        if name not in models:
            yield Problem(place, f"{name!r} is no model of this endpoint; known: {known}")
    if routing.force_header is not None:
        yield from _problems_of_header(routing.force_header, "/routing/force_header")
    if not any(weight > 0 for weight in routing.split.values()):
        yield Problem("/routing/split", "gives no arm a weight above 0")
    elif not all(weight == 0 or 1e-9 <= weight <= 1e9 for weight in routing.split.values()):
        yield Problem("/routing/split", "weights must be 0, or from 1e-9 to 1e9")
    else:
        yield from _problems_of_default(endpoint)
        yield from _problems_of_shadows(routing)


def _problems_of_default(endpoint: Endpoint) -> Iterator[Problem]:
    """Without a sidecar nothing translates, so a default that then answers must take what clients send and answer what they read."""
    name = endpoint.routing.default_model()
    model = endpoint.models.get(name)
    if endpoint.on_failure == "closed":
        return  # nobody answers
    if model is None or (model.protocol is None and model.rule is None):
        return  # reported already
    if model.rule is not None:
        detail = f"{name!r} is a rule, which the sidecar serves, so it cannot answer when the sidecar is away; "
        cure = "name a model with a url"
    elif model.protocol != endpoint.protocol:
        detail = f"{name!r} answers when the sidecar cannot, so it must speak {endpoint.protocol}; it speaks {model.protocol}; "
        cure = "name a model that does"
    elif not endpoint.identical(name):
        detail = f"{name!r} answers when the sidecar cannot, so it must take and answer what clients send and read: "
        cure = "all features, no signature and no answer of its own, the same paths; name a model that does"
    else:
        return
    yield Problem("/routing/default", f"{detail}{cure}, or say on_failure: closed (503 then)")


def _problems_of_shadows(routing: Routing) -> Iterator[Problem]:
    """A shadow may be an arm too: it is compared with the others, on the requests that they answer."""
    answering = [arm for arm, weight in routing.split.items() if weight > 0]
    for index, name in enumerate(routing.shadow):
        if answering == [name]:
            detail = f"{name!r} is chosen for every request, so there is nothing to compare it with"
            yield Problem(pointer("routing", "shadow", index), f"{detail}; take it out, or give another arm a weight")


def _problems_of_privacy(endpoint: Endpoint) -> Iterator[Problem]:
    """Marks that contradict each other: what is masked in one place would leave in the clear by another."""
    entity, features = endpoint.entity, endpoint.schema.features
    if entity is not None and entity.feature in features:
        of_feature = features[entity.feature].masking
        if entity.pii is not None and masking_of(entity.pii) is None and of_feature is not None:
            detail = f"would show the feature {entity.feature!r}, which is personal; leave it out, or say hash or drop"
            yield Problem("/entity/pii", detail)
    for index, part in enumerate(endpoint.slices):
        if part in features and features[part].masking == "drop":
            detail = f"{part!r} is dropped before it leaves the sidecar, so nothing can be sliced by it; say pii: hash"
            yield Problem(pointer("slices", index), detail)
