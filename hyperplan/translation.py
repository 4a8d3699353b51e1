"""From what an endpoint's clients say to what one of its models understands, and back.

Everything goes through rows and predictions: a request is read in the protocol of the clients, its rows are put into the
form that the model was promised, and written in the protocol of the model; its answer comes back the same way. So a
protocol needs to know no other, and N of them need no N squared translators.

On the way names are cured: an alias becomes the feature's own name, fields that the model does not take are dropped, and
an integer that came as 5.0 is written as one. Everything else about a row is as the client sent it. It may break the
schema, if the endpoint lets it pass; then the model is told so, unless its protocol has no words for it.

Pure, and made once for each model of an endpoint; the same translation serves any number of requests at once.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from hyperplan.endpoint import Endpoint
from hyperplan.protocols import (
    PLAIN,
    PROTOCOLS,
    Body,
    Form,
    Protocol,
    Speaker,
    Unanswerable,
    Unreadable,
    Unwritable,
    detail_of,
)
from hyperplan.schema import Int

UNTRANSLATABLE = 422
"""The status of a request that cannot be said to the model."""


class Untranslatable(ValueError):
    """A request that cannot be said to this model, or asks it for what it does not answer; the message says which row and feature, and why."""


class Asked(NamedTuple):
    """What has to be remembered of a request until its answer comes: how many rows it had, and how it was put."""

    rows: int
    form: Form


class Translated(NamedTuple):
    """A request as the model understands it."""

    body: Body
    asked: Asked


class Answered(NamedTuple):
    """An answer as the client understands it, and the predictions in it."""

    body: Body
    predictions: list[Any]


def client_of(endpoint: Endpoint) -> Protocol:
    """The protocol of an endpoint's clients."""
    rows, predictions = endpoint.paths.keys() if endpoint.paths else ((), ())
    return PROTOCOLS[endpoint.protocol](Speaker(endpoint.schema.features, endpoint.name, rows, predictions))


def server_of(endpoint: Endpoint, name: str) -> Protocol:
    """The protocol of one of an endpoint's models. A rule speaks what the clients speak."""
    model = endpoint.models[name]
    if model.protocol is None:
        return client_of(endpoint)
    features = endpoint.schema.features
    rows, predictions = model.paths.keys() if model.paths else ((), ())
    speaker = Speaker(
        # In the order of the schema, whatever the order in which they are named.
        {key: feature for key, feature in features.items() if model.features is None or key in model.features},
        name,
        rows,
        predictions,
        model.signature,
        model.answer.output if model.answer else None,
    )
    return PROTOCOLS[model.protocol](speaker)


class Translation:
    """Translates between an endpoint's clients and one of its models.

    `identical` says that there is nothing to do: bodies pass as they are, both ways.
    """

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        answer = endpoint.models[name].answer
        self.identical = endpoint.identical(name)
        self._client = client_of(endpoint)
        self._server = server_of(endpoint, name)
        self._component = answer.component if answer else None
        self._cures = _Cures(self._server)
        self._kin = self._client.name == self._server.name

    def request(self, body: Body) -> Translated:
        """A client's request as the model understands it.

        Raises:
            Untranslatable: it cannot be read, or not be said to this model.
        """
        try:
            message = self._client.loaded(body)
            rows = self._client.rows(message)
            asked = Asked(len(rows), self._client.form(message))
            cured = [self._cures.cured(index, row) for index, row in enumerate(rows)]
            return Translated(self._server.request(cured, asked.form if self._kin else PLAIN), asked)
        except Untranslatable:
            raise
        except UnicodeDecodeError as error:
            raise Untranslatable(f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
        except RecursionError:
            raise Untranslatable("the body nests too deep") from None
        except Unreadable as error:
            raise Untranslatable(f"not a {self._client.name} request: {error}") from None
        except Unwritable as error:
            raise Untranslatable(f"cannot be said in {self._server.name}: {error}") from None
        except ValueError as error:
            raise Untranslatable(f"the body is not JSON: {error}") from None

    def answer(self, body: Body, asked: Asked) -> Answered:
        """A model's answer as the client understands it.

        Raises:
            Unreadable: it is no answer of the model's protocol to what it was asked. The model has failed.
            Untranslatable: the client asked for what this model does not answer. It has not failed.
        """
        found = self._server.read_predictions(body)
        if len(found) != asked.rows:
            raise Unreadable(f"{len(found)} predictions for {asked.rows} rows")
        predictions = found if self._component is None else _components(found, self._component)
        try:
            return Answered(self._client.answer(predictions, asked.form), predictions)
        except Unanswerable as error:
            raise Untranslatable(str(error)) from None
        except Unwritable as error:
            raise Unreadable(f"cannot be said in {self._client.name}: {error}") from None

    def verify(self, body: Body) -> list[Any]:
        """The predictions of an answer that is in the clients' protocol already.

        Raises:
            Unreadable: it is none.
        """
        return self._client.read_predictions(body)

    def error(self, status: int, body: Body) -> Body:
        """A model's error (a status of 400 or more) in the form of the clients' protocol."""
        if self.identical:
            return body
        return self._client.error(status, detail_of(body) or f"the model answered {status}")

    def refusal(self, detail: str) -> Body:
        """The answer to a request that is untranslatable, in the form of the clients' protocol."""
        return self._client.error(UNTRANSLATABLE, detail)


class _Cures:
    """Puts rows into the form that a model was promised. It runs for each row of each attempt, so good rows come first."""

    def __init__(self, server: Protocol) -> None:
        features = server.speaker.features
        self._names = tuple(features)
        self._aliases = tuple((name, feature.aliases) for name, feature in features.items() if feature.aliases)
        self._integers = tuple(name for name, feature in features.items() if isinstance(feature, Int))

    def cured(self, index: int, row: Any) -> dict[str, Any]:
        if not isinstance(row, dict):
            raise Untranslatable(f"row {index} is no object with a key for each feature")
        found = {name: row[name] for name in self._names if name in row}
        if len(found) < len(self._names):
            found = self._renamed(row, found)
        for name in self._integers:
            value = found.get(name)
            if type(value) is float and value.is_integer():
                found[name] = int(value)
        for name, value in found.items():
            kind = type(value)
            if kind is float:
                if value - value != 0:  # so it is with NaN and the infinities alone
                    raise Untranslatable(f"row {index}: {name}: JSON has no number that is not finite")
            elif (kind is list or kind is dict) and not _is_finite(value):
                raise Untranslatable(f"row {index}: {name}: JSON has no number that is not finite")
        return found

    def _renamed(self, row: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        """What was found of a row, and what stands there under an alias; in the order of the schema."""
        others = {
            name: next(row[alias] for alias in aliases if alias in row)
            for name, aliases in self._aliases
            if name not in found and any(alias in row for alias in aliases)
        }
        both = found | others
        return {name: both[name] for name in self._names if name in both} if others else found


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return all(map(_is_finite, value.values())) if isinstance(value, dict) else True


def _components(predictions: Sequence[Any], component: int) -> list[Any]:
    """One component of predictions that are vectors."""
    for index, prediction in enumerate(predictions):
        if not isinstance(prediction, list) or len(prediction) <= component:
            raise Unreadable(f"prediction {index} has no component {component}")
    return [prediction[component] for prediction in predictions]
