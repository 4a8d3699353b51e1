"""What a protocol is to Hyperplan: where the rows of a request and the predictions of an answer are, and how to write either.

Everything a protocol knows about bodies is in one module of this package, registered by name. It is symmetric: what it
writes it reads again as the same rows and the same predictions, and so any protocol can be put before any other. A
protocol is an object for one speaker (an endpoint's clients, or a model), which knows the features it speaks of and what
is configured; it holds no state, and headers and paths of requests are somebody else's business.

A body is read in two steps: `loaded` makes plain JSON values of its bytes, and the others find their way in those.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec

from hyperplan.schema import AnyFeature, NumberList, RowType

DETAIL = 1000
"""Characters of somebody else's error message that are passed on."""


JSON_LENGTH_HEADER = "inference-header-content-length"
"""The Open Inference Protocol's header that says how many bytes of a body are JSON, where binary data follows."""


class Unreadable(ValueError):
    """A body that is not of the protocol; the message says what was expected and what is there."""


class Unwritable(ValueError):
    """Rows or predictions that the protocol has no words for; the message says which and why."""


class Unanswerable(ValueError):
    """Good predictions that are not what the client asked for; the message says what is missing. The model has not failed."""


class Body(NamedTuple):
    """A body with the headers that say how to read it.

    `json_length` is what `JSON_LENGTH_HEADER` says.
    """

    content: bytes
    content_type: str = "application/json"
    json_length: int | None = None


class Form(NamedTuple):
    """How a request was put, as far as others follow it.

    A `columnar` request is answered in columns, a `single` row with a single prediction. `members` are what the request
    has besides its rows, which a server of the same protocol is told too.
    """

    columnar: bool = False
    single: bool = False
    members: Mapping[str, Any] = {}


PLAIN = Form()
"""How a request is put when nobody says how."""


class Speaker(NamedTuple):
    """Who speaks a protocol: what is configured of it.

    `features` are those that its rows have, in their order. `name` is what its answers call the model. `rows` and
    `predictions` are the keys that lead to them in plain JSON. `signature` is the one that is asked of TensorFlow Serving,
    `output` the one of several named outputs that is the prediction.
    """

    features: Mapping[str, AnyFeature]
    name: str = ""
    rows: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    signature: str | None = None
    output: str | None = None


SPARSE = 100_000
"""Cells of absent features that rows made of columns may have at most: a decoded row has room for each, sent or not."""


MOST_ROWS = 100_000
"""Rows of a request at most. A row may cost a body two bytes and takes two hundred in memory, whatever it holds."""


class Protocol:
    """Reads and writes the bodies of one wire format."""

    name: ClassVar[str]
    binary: ClassVar[bool] = False
    """Whether there may be binary data behind the JSON."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker

    @classmethod
    def unsayable(cls, feature: AnyFeature) -> str | None:  # noqa: ARG003 - most can say all
        """Why rows with such a feature cannot all be written in this protocol; None when they can."""
        return None

    # Requests.

    def body_type(self, row: RowType) -> Any:
        """The msgspec type of a request whose rows are all good.

        It covers the protocol's common form. A good request in another form merely takes the slow way.
        """
        raise NotImplementedError

    def decoded_rows(self, body: Any) -> Sequence[Any]:
        """The rows of a request decoded as `body_type`, as structs of its row type; empty when it has none.

        Raises:
            ValidationError: a row is not good after all.
        """
        raise NotImplementedError

    def loaded(self, body: Body) -> Any:
        """A body as plain JSON values, NaN and infinities included.

        Raises:
            UnicodeDecodeError: it is not UTF-8.
            RecursionError: it nests too deep.
            Unreadable: it is not put together as its headers say.
            ValueError: it is not JSON.
        """
        return read_json(body.content)

    def rows(self, message: Any) -> list[Any]:
        """The rows of a loaded request, whatever those rows may be.

        Raises:
            Unreadable: there are no rows where this protocol keeps them, or more than `MOST_ROWS`.
        """
        raise NotImplementedError

    def form(self, message: Any) -> Form:
        """How a loaded request is put, once its rows were found."""
        raise NotImplementedError

    def request(self, rows: Sequence[Mapping[str, Any]], form: Form = PLAIN) -> Body:
        """A request with these rows, each with some of the speaker's features.

        Raises:
            Unwritable: the protocol cannot say one of them.
        """
        raise NotImplementedError

    # Answers.

    def predictions(self, message: Any) -> list[Any]:
        """The predictions of a loaded answer, one for each row.

        Raises:
            Unreadable: there are no predictions where this protocol keeps them.
        """
        raise NotImplementedError

    def answer(self, predictions: Sequence[Any], form: Form = PLAIN) -> Body:
        """An answer with these predictions to a request that was put in this form.

        Raises:
            Unwritable: the protocol cannot say one of them.
            Unanswerable: the request asked for something that they have not.
        """
        raise NotImplementedError

    def error_members(self, status: int, detail: str) -> dict[str, Any]:  # noqa: ARG002 - some have codes
        """The members by which an error is known to clients of this protocol."""
        return {"error": detail}

    def error(self, status: int, detail: str) -> Body:
        """An error in the protocol's own form. Of what the detail quotes, half a surrogate pair becomes a question mark."""
        return written(self.error_members(status, detail.encode("utf-8", "replace").decode()))

    # What is the same in every protocol.

    def read_predictions(self, body: Body) -> list[Any]:
        """The predictions of an answer, out of the output that is configured.

        What is no number (NaN, an infinity), which JSON could not hold, is None.

        Raises:
            Unreadable: it is no answer of this protocol.
        """
        try:
            found: list[Any] = without_nan(self.predictions(self.loaded(body)))
            return found if self.speaker.output is None else [_output(item, self.speaker.output) for item in found]
        except Unreadable:
            raise
        except UnicodeDecodeError as error:
            raise Unreadable(f"the answer is not UTF-8: {error.reason} at byte {error.start}") from None
        except RecursionError:
            raise Unreadable("the answer nests too deep") from None
        except ValueError as error:
            raise Unreadable(f"the answer is not JSON: {error}") from None


def _output(prediction: Any, name: str) -> Any:
    if not isinstance(prediction, dict) or name not in prediction:
        raise Unreadable(f"there is no output {name!r}")
    return prediction[name]


def read_json(content: bytes) -> Any:
    """Bytes as plain JSON values; what is JSON only to Python (NaN, half a surrogate pair) is read too."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(content.decode(), parse_int=_integer)


def _integer(digits: str) -> int | float:
    """An integer of a body. Python reads none of more than 4300 digits; one so long is as good as infinite."""
    return int(digits) if len(digits) < 4300 else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def written(message: Any) -> Body:
    """Plain values as a JSON body.

    Raises:
        Unwritable: there is half a surrogate pair in it, which is no text, or it nests too deep.
    """
    try:
        return Body(msgspec.json.encode(message))
    except UnicodeEncodeError:
        raise Unwritable("half a surrogate pair is no text") from None
    except RecursionError:
        raise Unwritable("it nests too deep") from None


def without_nan(value: Any) -> Any:
    """A JSON value with None for every number that JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return value if _all_finite(value) else [without_nan(item) for item in value]
    return {key: without_nan(item) for key, item in value.items()} if isinstance(value, dict) else value


def _all_finite(values: list[Any]) -> bool:
    """Whether a list holds nothing but finite numbers, as most long ones do. C sees that in a quarter of the time."""
    try:
        return all(map(math.isfinite, values))
    except (TypeError, OverflowError):  # something else, or an integer beyond all floats
        return False


def detail_of(body: Body) -> str:
    """What an error of any server says, in words; empty when it says nothing."""
    try:
        message = read_json(body.content)
    except (ValueError, RecursionError):
        message = body.content.decode("utf-8", "replace")
    if isinstance(message, dict):
        found = [message[key] for key in ("message", "error", "detail", "title") if isinstance(message.get(key), str)]
        message = found[0] if found else ""
    text = message if isinstance(message, str) else ""
    return text.strip()[:DETAIL].encode("utf-8", "replace").decode()


def member(body: Any, key: str) -> Any:
    """The member of a JSON object, or Unreadable."""
    if not isinstance(body, dict):
        raise Unreadable(f"expected an object with {key!r} in it")
    if key not in body:
        raise Unreadable(f"{key!r} is missing")
    return body[key]


def filled_list(value: Any, name: str) -> list[Any]:
    """A JSON array with at least one item, or Unreadable."""
    if not isinstance(value, list):
        raise Unreadable(f"{name!r} must be a list")
    if not value:
        raise Unreadable(f"{name!r} is empty; send at least one row")
    return value


def listed_rows(value: Any, name: str) -> list[Any]:
    """The rows of a request that stand in a list."""
    rows = filled_list(value, name)
    not_too_many(len(rows), name)
    return rows


def columnar_rows(columns: Any, name: str) -> list[dict[str, Any]]:
    """The rows of a request that stand in columns."""
    first = next(iter(columns.values()), None) if isinstance(columns, dict) else None
    if isinstance(first, list):
        not_too_many(len(first), name)
    return rows_of_columns(columns, name)


def not_too_many(count: int, name: str) -> None:
    """Unreadable if a request has so many rows that they must not be made."""
    if count > MOST_ROWS:
        raise Unreadable(f"{name!r} has {count} rows; send {MOST_ROWS} at most, and the others in another request")


def rows_of_columns(columns: Any, name: str) -> list[dict[str, Any]]:
    """Rows out of a columnar object: each key a feature, each value the list of its values, one for each row."""
    if not isinstance(columns, dict) or not columns:
        raise Unreadable(f"{name!r} must be an object with a list of values for each feature")
    lengths = {len(column) if isinstance(column, list) else None for column in columns.values()}
    if len(lengths) != 1 or None in lengths or 0 in lengths:
        raise Unreadable(f"the columns of {name!r} must be lists of one length, at least 1")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def columns_of_rows(rows: Sequence[Any]) -> dict[str, list[Any]] | None:
    """The columns of rows that are objects with the same keys; None if they are not."""
    if not rows or not all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows) or not rows[0]:
        return None
    return {key: [row[key] for row in rows] for key in rows[0]}


def named(rows: list[Any], features: Mapping[str, AnyFeature]) -> list[Any]:
    """Rows whose values stand without names, under the names of the features.

    A row that is no object is the value of the only feature; of several, a list as long as they are many is their
    values in the order of the schema. Anything else stays as it is.
    """
    if all(isinstance(row, dict) for row in rows):
        return rows
    names = list(features)
    only = features[names[0]] if len(names) == 1 else None
    return [_named(row, names, only) for row in rows]


def _named(row: Any, names: list[str], only: AnyFeature | None) -> Any:
    if isinstance(row, dict):
        return row
    if only is not None:
        alone = isinstance(row, list) and len(row) == 1 and not isinstance(only, NumberList)
        return {names[0]: row[0] if alone else row}
    if isinstance(row, list) and len(row) == len(names):
        return dict(zip(names, row, strict=True))
    return row
