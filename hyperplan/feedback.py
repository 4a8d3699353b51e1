"""Feedback: the truth that arrives later for a prediction, as clients send it and as it travels to control.

It names its prediction by id or, when that was lost, by entity and time. It may come twice, out of order, be revised, and come months late; so
nothing is ever changed: of all that came for a prediction the *newest* counts, by `revision`, then by the time at which the truth was known, then by
when it was received. Whoever sends the same again without a time of its own should give a revision, or the last to arrive counts.

What is sent is read in one decode by `msgspec`; only what that refuses is read again, slowly, to say everything that is wrong with it.
"""

import math
from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec

from hyperplan.documents import Document, read
from hyperplan.encoding import packed, unpacked
from hyperplan.endpoint import Endpoint, Task
from hyperplan.privacy import Veil
from hyperplan.problems import Invalid, Problem
from hyperplan.secret import Secret

Label = bool | int | float | str
"""True, false, 0 or 1 for a binary task; the class, as the model names it, for a multiclass one; a number for a regression."""

LONGEST_TEXT = 256
"""Characters of an id, an entity, a class or a source."""
LATEST = 1 << 62
"""The last time that feedback may have, in nanoseconds since 1970."""
LARGEST_NUMBER = 1e100
"""Numbers beyond this are no labels; their squares could not be summed."""
MOST_ROWS = 1 << 20
LONGEST_TOLERANCE = 366 * 86_400.0
"""Seconds that a prediction may be away from the time that is named."""
DEFAULT_TOLERANCE = 60.0

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
_Time = str | int | float
_Date = Annotated[datetime, msgspec.Meta(tz=True)]


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one row of one prediction. Times in nanoseconds since 1970.

    Either `prediction_id` names the prediction, or `entity` and `predicted_at` do: then it is the sample of that entity nearest to that time, no more than
    `tolerance` nanoseconds away. `row` counts from 0, for requests of several. `time` is when the truth was known,
    `received` when Hyperplan was told. There is a `label`, a `reward`, or both. A `label` of a multiclass task is a text; others are numbers.
    """

    EVENT_NAME: ClassVar[str] = "hyperplan.feedback"
    """The OTLP event name of the log records that carry feedback."""

    endpoint: str
    prediction_id: str | None = None
    entity: str | None = None
    predicted_at: int | None = None
    tolerance: int = 0
    row: int = 0
    label: float | str | None = None
    reward: float | None = None
    time: int
    received: int
    revision: int = 0
    source: str = ""

    def encode(self) -> bytes:
        """The feedback as msgpack."""
        return packed(self)

    @staticmethod
    def decode(data: bytes) -> "Feedback":
        """Read feedback that `encode` wrote.

        Raises:
            ValueError: it is none.
        """
        return unpacked(data, Feedback, "feedback")


class SentFeedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What a client sends. Times are RFC 3339 with a time zone, or seconds since 1970; `tolerance` is in seconds.

    `time` is when the truth was known; left out, it is now. Without `prediction_id`, `entity` and `predicted_at` name the prediction.
    """

    endpoint: str
    prediction_id: _Text | None = None
    entity: _Text | None = None
    predicted_at: _Time | None = None
    tolerance: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_TOLERANCE)] = DEFAULT_TOLERANCE
    row: Annotated[int, msgspec.Meta(ge=0, lt=MOST_ROWS)] = 0
    label: Label | None = None
    reward: float | None = None
    time: _Time | None = None
    revision: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)] = 0
    source: Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)] = ""


def read_sent(data: Any) -> SentFeedback:
    """Read from plain data what a client sent.

    Raises:
        Invalid: with everything that is wrong with its fields.
    """
    try:
        return msgspec.convert(data, SentFeedback)
    except msgspec.ValidationError:
        return read(SentFeedback, Document(data))


def feedback_of(sent: SentFeedback, endpoint: Endpoint, *, now: int, secret: Secret | None = None) -> Feedback:
    """The feedback that a client sent, held against its endpoint; `now` (nanoseconds since 1970) is when it was received.

    An entity that is personal is hashed with the `secret`, as in samples, unless it is named by its hash.

    Raises:
        Invalid: with everything that is wrong with it.
    """
    problems: list[Problem] = []
    at = _time(sent.time, "/time", now, problems)
    predicted_at = None
    if sent.prediction_id is None:
        predicted_at = _prediction(sent, now, problems)
    elif sent.predicted_at is not None:
        predicted_at = _time(sent.predicted_at, "/predicted_at", now, problems)
    label = _label(sent.label, endpoint.task, problems)
    entity = None if sent.entity is None else Veil(endpoint, secret).named_entity(sent.entity)
    if sent.entity is not None and entity is None and sent.prediction_id is None:
        problems.append(Problem("/entity", _unnamed(endpoint)))
    if sent.label is None and sent.reward is None:
        problems.append(Problem("/label", "is missing; give a label, a reward, or both"))
    if sent.reward is not None and not abs(sent.reward) <= LARGEST_NUMBER:
        problems.append(Problem("/reward", f"must be a number of at most {LARGEST_NUMBER:g}"))
    if problems:
        raise Invalid(problems)
    return Feedback(
        endpoint=endpoint.name,
        prediction_id=sent.prediction_id,
        entity=entity,
        predicted_at=predicted_at,
        tolerance=round(sent.tolerance * 1e9) if sent.prediction_id is None else 0,
        row=sent.row,
        label=label,
        reward=sent.reward,
        time=at,
        received=now,
        revision=sent.revision,
        source=sent.source,
    )


def _unnamed(endpoint: Endpoint) -> str:
    """Why an entity cannot be found by its name."""
    if endpoint.entity_masking() == "drop":
        return f"is dropped from the samples of {endpoint.name!r}; name the prediction by prediction_id"
    return (
        f"is hashed in the samples of {endpoint.name!r}, and there is no key here to hash it with (--key-file); "
        "name the prediction by prediction_id, or the entity by its hash"
    )


def storable_feedback(feedback: Feedback) -> bool:
    """Whether feedback that a sidecar sent is such as `feedback_of` makes."""
    named = feedback.prediction_id is not None or (feedback.entity is not None and feedback.predicted_at is not None)
    whole = (
        feedback.time,
        feedback.received,
        feedback.predicted_at or 0,
        feedback.tolerance,
        feedback.revision,
        feedback.row,
    )
    numbers = [value for value in (feedback.label, feedback.reward) if isinstance(value, int | float)]
    texts = (feedback.prediction_id, feedback.entity, feedback.label, feedback.source, feedback.endpoint)
    return (
        named
        and all(0 <= number <= LATEST for number in whole)
        and all(abs(number) <= LARGEST_NUMBER for number in numbers)
        and all(len(text) <= LONGEST_TEXT for text in texts if isinstance(text, str))
        and (feedback.label is not None or feedback.reward is not None)
    )


def _prediction(sent: SentFeedback, now: int, problems: list[Problem]) -> int | None:
    if sent.entity is None or sent.predicted_at is None:
        detail = "is missing; without it give entity and predicted_at, which name the prediction nearest to that time"
        problems.append(Problem("/prediction_id", detail))
        return None
    return _time(sent.predicted_at, "/predicted_at", now, problems)


def _label(label: Label | None, task: Task, problems: list[Problem]) -> float | str | None:
    """A label as it is kept, if it is one of the task."""
    if label is None:
        return None
    if task == "multiclass":
        if isinstance(label, str) and 0 < len(label) <= LONGEST_TEXT:
            return label
        if isinstance(label, int | float) and not isinstance(label, bool) and abs(label) <= LARGEST_NUMBER:
            return f"{float(label):.15g}"  # as predictions that are numbers are read
        problems.append(Problem("/label", f"must be a class: a text of 1 to {LONGEST_TEXT} characters, or its number"))
        return None
    if task == "binary":
        if isinstance(label, str) or label not in (0, 1):
            problems.append(
                Problem("/label", f"must be true, false, 0 or 1, as the task is binary; not {_named(label)}")
            )
            return None
        return float(label)
    if isinstance(label, bool | str) or not abs(label) <= LARGEST_NUMBER:
        detail = f"must be a number of at most {LARGEST_NUMBER:g}, as the task is regression; not {_named(label)}"
        problems.append(Problem("/label", detail))
        return None
    return float(label)


def _named(label: Label) -> str:
    return repr(label)[:40]


def _time(said: _Time | None, place: str, now: int, problems: list[Problem]) -> int:
    """A time in nanoseconds since 1970. 0, and a problem, for what is none."""
    if said is None:
        return now
    if isinstance(said, str):
        try:
            date = msgspec.convert(said, _Date)
        except msgspec.ValidationError:
            problems.append(
                Problem(place, f"must be like 2026-01-31T12:00:00Z, or seconds since 1970; not {said[:40]!r}")
            )
            return 0
        found = math.floor(date.timestamp()) * 10**9 + date.microsecond * 1000
    elif 0 <= said < LATEST // 10**9:
        found = math.floor(said) * 10**9 + round(said % 1 * 1e9)
    else:
        found = -1
    if not 0 <= found <= LATEST:
        problems.append(Problem(place, f"is out of range: {said}; seconds since 1970 are meant"))
        return 0
    return found
