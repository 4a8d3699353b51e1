"""The types of the endpoint document: what clients call, what a row is, which models stand behind it and how one is chosen.

The types are the document: one file, one HTTP body and one row of the registry all hold an `Endpoint`. What a field may hold stands at its type
where a type can say it; what makes sense beside the other fields is in `checks`.
"""

import re
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from hyperplan.experiments.design import Experiment
from hyperplan.exploration.block import Exploration
from hyperplan.lineage import Lineage
from hyperplan.schema import Masking, Schema, masking_of
from hyperplan.thresholds.block import Thresholds

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
