"""A sample: one observed request and its answer, as it travels from a sidecar to control.

It says who was chosen and who answered, with which probability each choice was made, and what the model was shown.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from hyperplan.encoding import LARGEST, packed, unpacked
from hyperplan.schema import Schema, Violation
from hyperplan.thresholds.block import Setting

LONGEST_TEXT = 256
"""Characters of a string that a sample keeps."""
NO_KEY = "no key"
"""Stands in samples for a personal value that there was no key to hash with. It was there: to leave it out would say that it was missing."""
MOST_ROWS = 100
"""Rows of one request that a sample keeps; `rows_seen` counts them all."""


class ObservedRow(msgspec.Struct, frozen=True):
    """One row as the sidecar saw it.

    `values` holds the schema's features under the names of the schema. `unknown` holds, for each unknown field, a hash
    of its value only: what nobody declared may be anybody's secret.
    """

    values: dict[str, Any] = {}
    unknown: dict[str, str] = {}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One observed request and its answer.

    `time` is when the request came, in nanoseconds since 1970. `latency` is in seconds, as the sidecar saw it. `status`
    is the HTTP status that the client got; None when the connection ended before there was one. `chosen` is None when the request
    was rejected. `answered` is None when no model answered. `propensity` is the probability with which `chosen` was
    chosen, `inclusion` that with which this request was sampled. `forced` says that the request itself named `chosen`: what is learnt from
    choices must leave it out. `decisions` are those that the endpoint's `threshold` of the model that answered (or the weights of its
    classes) made of the predictions, if it has any. `trace_id` is that of the request's trace (W3C Trace Context, 32 hex digits), which can be
    looked at if it was recorded.
    """

    EVENT_NAME: ClassVar[str] = "hyperplan.sample"
    """The OTLP event name of the log records that carry samples."""

    prediction_id: str
    time: int
    endpoint: str
    plan: int
    revision: int
    schema_version: str
    entity: str | None = None
    chosen: str | None = None
    answered: str | None = None
    attempts: int | None = None
    propensity: float | None = None
    forced: bool = False
    inclusion: float
    status: int | None = None
    latency: float | None = None
    slices: dict[str, str] = {}
    rows: list[ObservedRow] = []
    rows_seen: int = 0
    violations: list[Violation] = []
    flaw: str | None = None
    rejected: bool = False
    predictions: list[Any] = []
    decisions: list[str | None] = []
    threshold: Setting | None = None
    trace_id: str | None = None
    trace_recorded: bool = False

    def encode(self) -> bytes:
        """The sample as msgpack. One that would be larger than `LARGEST` leaves out what its rows and answer held."""
        data = packed(self)
        if len(data) <= LARGEST:
            return data
        return packed(
            msgspec.structs.replace(self, rows=[], predictions=[], decisions=[], violations=self.violations[:MOST_ROWS])
        )

    @staticmethod
    def decode(data: bytes) -> "Sample":
        """Read a sample that `encode` wrote.

        Raises:
            ValueError: it is no sample.
        """
        return unpacked(data, Sample, "sample")

    @staticmethod
    def predictions_in(data: bytes) -> list[Any]:
        """The predictions of an encoded sample: what `decode` would find, at a twentieth of its cost.

        Raises:
            ValueError: it is no sample.
        """
        try:
            return _predictions(data).predictions
        except (msgspec.DecodeError, UnicodeDecodeError):  # text that UTF-8 cannot hold, which only `decode` reads
            return Sample.decode(data).predictions


class _Predictions(msgspec.Struct):
    """A sample of which everything else is passed over."""

    predictions: list[Any] = []


_predictions = msgspec.msgpack.Decoder(_Predictions).decode


def observe_rows(schema: Schema, rows: Sequence[Any], keyed: Callable[[Any], str] | None = None) -> list[ObservedRow]:
    """What a sample keeps of the rows of a request.

    `keyed` is the keyed hash (`hyperplan.secret`) of personal values and of unknown fields. Without it `NO_KEY` stands for each personal
    value, and unknown fields are hashed without a key.
    """
    own = {name: name for name in schema.features}
    aliases = {alias: name for name, feature in schema.features.items() for alias in feature.aliases}
    masked = _no_key if keyed is None else keyed
    keepings = {
        name: bounded if feature.masking is None else masked
        for name, feature in schema.features.items()
        if feature.masking != "drop"
    }
    return [_observe_row(own, aliases, keepings, keyed or hashed, row) for row in rows[:MOST_ROWS]]


def _no_key(value: Any) -> str:  # noqa: ARG001 - in place of any
    return NO_KEY


def _observe_row(
    own: Mapping[str, str],
    aliases: Mapping[str, str],
    keepings: Mapping[str, Callable[[Any], Any]],
    hash_unknown: Callable[[Any], str],
    row: Any,
) -> ObservedRow:
    if not isinstance(row, dict):
        return ObservedRow()
    values: dict[str, Any] = {}
    unknown = {}
    for key, value in row.items():
        name = own.get(key) or aliases.get(key)
        if name is None:
            unknown[_text(key)] = hash_unknown(value)
        elif name in keepings and (key == name or (name not in row and name not in values)):
            values[name] = None if value is None else keepings[name](value)
    return ObservedRow(values, unknown)


def bounded(value: Any) -> Any:
    """A JSON value in a form that is small and that msgpack can hold.

    Long strings are cut, integers beyond 64 bits become floats, lists of numbers stay and other structures become a
    word: they are violations, and what kind of thing came is all that matters.
    """
    match value:
        case None | bool() | float():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else _as_float(value)
        case str():
            return _text(value)
        case list() if all(isinstance(item, int | float) for item in value):
            return [bounded(item) for item in value[:100_000]]
        case list():
            return "a list"
        case _:
            return "an object"


def _text(value: str) -> str:
    """A string cut short; half a surrogate pair, which nothing can store, becomes a question mark."""
    return value[:LONGEST_TEXT].encode("utf-8", "replace").decode()


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def hashed(value: Any, key: bytes = b"") -> str:
    """What a sample keeps of the value of an unknown field: 16 hex digits, equal for equal values and telling nobody what they are.

    Equal is meant as the schema means it: 5, 5.0 and 5e0 are one number. Whoever has values of his own, as a reference has, hashes them
    alike and sees whether they are the same. Earlier versions hashed 5.0 unlike 5, and everything else as here. With a key only those who have it can do so
    (`hyperplan.secret`); null is the same with every key, since it is no secret.

    >>> hashed(5.0) == hashed(5) != hashed("5")
    True
    """
    try:
        text = repr(_canonical(value))
    except RecursionError:
        text = "nests too deep"
    key = b"" if value is None else key
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).hexdigest()


def _canonical(value: Any) -> Any:
    """A value whose numbers without a fraction are all ints."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return [_canonical(item) for item in value] if isinstance(value, list) else value
