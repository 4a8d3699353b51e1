"""Checks of what an endpoint document means: names that lead nowhere, and what contradicts something else in it.

Each looks at one part and says all that is wrong with it. A check that can fail only because another part could not be read is named in `reading`.
"""

import re
from collections import Counter
from collections.abc import Iterator

from hyperplan.endpoint.document import (
    ENDPOINT_NAME,
    HEADER_NAME,
    MODEL_NAME,
    OWN_PATHS,
    PATH,
    WITHHELD_HEADERS,
    Endpoint,
    Match,
    Model,
    Paths,
    Protocol,
    Routing,
)
from hyperplan.lineage import problems_of_lineage
from hyperplan.problems import Problem, pointer
from hyperplan.protocols import PROTOCOLS
from hyperplan.rules import problems_of_rule
from hyperplan.schema import NumberList, Schema, masking_of
from hyperplan.thresholds.block import problems_of_thresholds


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
        if endpoint.experiment.unit == "entity" and endpoint.entity_masking() == "drop":
            detail = "the entity is dropped before it leaves the sidecar, so nobody can tell which requests are of one; mask it with pii: hash"
            yield Problem("/experiment/unit", detail)
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
        for field, keys in zip(("rows", "predictions"), paths.keys(), strict=True):
            if not all(keys):
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
