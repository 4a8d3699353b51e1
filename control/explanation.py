"""What is known of one prediction, as the API shows it: every part may be missing, since only part of the traffic is sampled."""

from datetime import datetime
from typing import Any

import msgspec

from control.api.revisions import RevisionSummary
from control.api.samples import FeedbackAnswer, ShadowAnswer
from hyperplan.endpoint import Model, Routing
from hyperplan.lineage import Repeat
from hyperplan.sample import ObservedRow
from hyperplan.schema import Schema, Violation
from hyperplan.thresholds.block import Setting


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an explanation."""


class TracePart(_Part, frozen=True, kw_only=True):
    """The trace of the request. `url` is where it can be looked at, if it was recorded and control knows where traces are shown."""

    id: str
    recorded: bool
    url: str | None


class RequestPart(_Part, frozen=True, kw_only=True):
    """What was asked: the features as they were served, and what was wrong with them."""

    time: datetime
    entity: str | None
    slices: dict[str, str]
    rows: list[ObservedRow]
    rows_seen: int
    violations: list[Violation]
    flaw: str | None
    rejected: bool


class SchemaPart(_Part, frozen=True, kw_only=True):
    """The schema that the request was held against; its document is missing where the registry does not know it."""

    version: str
    document: Schema | None


class RoutingPart(_Part, frozen=True, kw_only=True):
    """What was in force: the revision of the endpoint, and the change that last set its routing: who, when and why."""

    revision: int
    plan: int
    in_force: RevisionSummary | None
    routed_by: RevisionSummary | None
    document: Routing | None


class ChoicePart(_Part, frozen=True, kw_only=True):
    """Who was chosen, with which probability, and with which the request was sampled. `forced` says that the request named the arm."""

    arm: str | None
    propensity: float | None
    forced: bool
    inclusion: float


class AnswerPart(_Part, frozen=True, kw_only=True):
    """Who answered, at which attempt, what and how fast (seconds). `chain` is who would have, in this order."""

    model: str | None
    attempts: int | None
    chain: list[str]
    status: int | None
    latency: float | None
    predictions: list[Any]
    decisions: list[str | None]
    threshold: Setting | None


class FeedbackPart(FeedbackAnswer, frozen=True, kw_only=True):
    """Feedback, and whether it is the one of its row that counts."""

    counts: bool


class ModelPart(_Part, frozen=True, kw_only=True):
    """A model that had a part in it (`chosen`, `answered`, `shadow`), as it was then, with its lineage and the versions that it repeats."""

    model: str
    roles: list[str]
    document: Model | None
    repeats: list[Repeat]


class Explanation(_Part, frozen=True, kw_only=True):
    """All that is known of a prediction. `summary` says it in a sentence, `notes` what is not known and why."""

    prediction_id: str
    endpoint: str
    sampled: bool
    summary: str
    notes: list[str]
    trace: TracePart | None
    request: RequestPart | None
    schema: SchemaPart | None
    routing: RoutingPart | None
    choice: ChoicePart | None
    answer: AnswerPart | None
    shadows: list[ShadowAnswer]
    feedback: list[FeedbackPart]
    models: list[ModelPart]
