"""From a prediction's id to all that is known of it: its sample, what shadows answered, the truth that came, what was in force, and the runs behind the models.

Nothing is kept for this: the sample names the revision, the revision has the document, the document the models with their lineage. What is
looked up by the id is looked up as labels are joined, so it takes as long however many samples there are.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from control.api.revisions import summary_of
from control.api.samples import ShadowAnswer, feedback_answer, fields_of
from control.explanation import (
    AnswerPart,
    ChoicePart,
    Explanation,
    FeedbackPart,
    ModelPart,
    RequestPart,
    RoutingPart,
    SchemaPart,
    TracePart,
)
from control.lineages import Lineages
from control.registry import Entry, NoSuchEndpoint, NoSuchRevision, Registry
from control.stores import Store
from hyperplan.feedback import Feedback
from hyperplan.sample import Sample
from hyperplan.shadow import ShadowSample

PAGE = 50
"""Revisions that are read at once on the way back to the one that set the routing."""


class Found(NamedTuple):
    """What the store has of a prediction of one endpoint. Of several samples with the same id the newest is meant."""

    samples: Sequence[Sample]
    shadows: Sequence[ShadowSample]
    feedback: Sequence[Feedback]


def find(store: Store, prediction_id: str) -> dict[str, Found]:
    """What the store has of a prediction id, by endpoint; hardly ever of more than one."""
    samples, shadows = store.samples.named(prediction_id), store.shadows.named(prediction_id)
    feedback = store.feedback.named(prediction_id)
    found = {}
    named = {one.endpoint for one in samples} | {one.endpoint for one in shadows} | {one.endpoint for one in feedback}
    for endpoint in sorted(named):
        own = [one for one in samples if one.endpoint == endpoint]
        told = store.feedback.history(own[-1]) if own else [one for one in feedback if one.endpoint == endpoint]
        found[endpoint] = Found(own, [one for one in shadows if one.endpoint == endpoint], told)
    return found


class Explaining:
    """Explains predictions. `jaeger` is the URL of the pages that show traces, if there are any."""

    def __init__(self, registry: Registry, lineages: Lineages, jaeger: str | None) -> None:
        self._registry = registry
        self._lineages = lineages
        self._jaeger = jaeger.rstrip("/") if jaeger else None

    def explain(self, prediction_id: str, endpoint: str, found: Found) -> Explanation:
        """All that is known of a prediction of an endpoint."""
        sample = found.samples[-1] if found.samples else None
        revision = sample.revision if sample else found.shadows[0].revision if found.shadows else None
        entry = self._entry(endpoint, revision)
        notes = [*_notes(found), *([] if entry or revision is None else [_unknown(endpoint, revision)])]
        return Explanation(
            prediction_id=prediction_id,
            endpoint=endpoint,
            sampled=sample is not None,
            summary=_summary(sample, found.feedback),
            notes=notes,
            trace=self._trace(sample) if sample else None,
            request=_request(sample) if sample else None,
            schema=_schema(sample, entry) if sample else None,
            routing=self._routing(revision, sample.plan if sample else 0, entry) if revision is not None else None,
            choice=_choice(sample) if sample else None,
            answer=_answer(sample, entry) if sample else None,
            shadows=[msgspec.convert(fields_of(one), ShadowAnswer) for one in found.shadows],
            feedback=_feedback(found.feedback),
            models=self._models(endpoint, revision, _roles(sample, found.shadows), entry),
        )

    def _entry(self, endpoint: str, revision: int | None) -> Entry | None:
        try:
            return None if revision is None else self._registry.entry(endpoint, revision)
        except (NoSuchEndpoint, NoSuchRevision):
            return None

    def _trace(self, sample: Sample) -> TracePart | None:
        if sample.trace_id is None:
            return None
        shown = self._jaeger is not None and sample.trace_recorded
        url = f"{self._jaeger}/trace/{sample.trace_id}" if shown else None
        return TracePart(id=sample.trace_id, recorded=sample.trace_recorded, url=url)

    def _routing(self, revision: int, plan: int, entry: Entry | None) -> RoutingPart:
        return RoutingPart(
            revision=revision,
            plan=plan or (entry.id if entry else 0),
            in_force=summary_of(entry) if entry else None,
            routed_by=summary_of(self._routed_by(entry)) if entry else None,
            document=entry.endpoint.routing if entry and entry.endpoint else None,
        )

    def _routed_by(self, entry: Entry) -> Entry:
        """The change that set the routing of a revision: the oldest of those since when it is the same."""
        oldest = entry
        while True:
            page = self._registry.history(entry.name, limit=PAGE, before=oldest.number)
            for older in page:
                if _routing_of(older) != _routing_of(entry):
                    return oldest
                oldest = older
            if not page:
                return oldest

    def _models(
        self, endpoint: str, revision: int | None, roles: dict[str, list[str]], entry: Entry | None
    ) -> list[ModelPart]:
        documents = entry.endpoint.models if entry and entry.endpoint else {}
        return [
            ModelPart(
                model=model,
                roles=parts,
                document=documents.get(model),
                repeats=self._lineages.repeats(endpoint, model, revision or 0),
            )
            for model, parts in roles.items()
        ]


def _routing_of(entry: Entry) -> Any:
    return entry.endpoint.routing if entry.endpoint else None


def _notes(found: Found) -> list[str]:
    notes = []
    if not found.samples:
        detail = "it was not sampled, so its features, the arm and the answer are not known"
        kept = "what shadows answered" if found.shadows else ""
        kept = " and ".join(part for part in (kept, "the feedback for it" if found.feedback else "") if part)
        notes.append(f"{detail}; {kept} {'were' if ' and ' in kept else 'was'} kept")
    elif len(found.samples) > 1:
        notes.append(f"{len(found.samples)} samples have this id; this is the newest of them")
    if found.samples and found.samples[-1].rows_seen > len(found.samples[-1].rows):
        rows = found.samples[-1]
        notes.append(f"the request had {rows.rows_seen} rows, of which the sample kept {len(rows.rows)}")
    return notes


def _unknown(endpoint: str, revision: int) -> str:
    return f"the registry knows no revision {revision} of {endpoint}, so the schema, the routing and the models are not known"


def _summary(sample: Sample | None, feedback: Sequence[Feedback]) -> str:
    truth = (
        f"; {len(feedback)} times the truth was told"
        if len(feedback) > 1
        else "; the truth was told"
        if feedback
        else ""
    )
    if sample is None:
        return f"not sampled{truth}"
    if sample.rejected:
        return f"rejected, as the body {'had a flaw: ' + sample.flaw if sample.flaw else 'broke the schema'}{truth}"
    how = "named by the request" if sample.forced else _probability(sample.propensity)
    if sample.answered is None:
        who = f"{sample.chosen} was chosen ({how}), nobody is known to have answered"
    elif sample.answered == sample.chosen:
        who = f"{sample.chosen} was chosen ({how}) and answered"
    else:
        attempt = f" at attempt {sample.attempts}" if sample.attempts else ""
        who = f"{sample.chosen} was chosen ({how}), {sample.answered} answered{attempt}"
    return f"{who}{truth}"


def _probability(propensity: float | None) -> str:
    return "elsewhere, with a probability that is not known" if propensity is None else f"probability {propensity:.3g}"


def _request(sample: Sample) -> RequestPart:
    fields = fields_of(sample)
    return msgspec.convert({name: fields[name] for name in RequestPart.__struct_fields__}, RequestPart)


def _schema(sample: Sample, entry: Entry | None) -> SchemaPart:
    document = entry.endpoint.schema if entry and entry.endpoint else None
    same = document is not None and document.version() == sample.schema_version
    return SchemaPart(version=sample.schema_version, document=document if same else None)


def _choice(sample: Sample) -> ChoicePart:
    return ChoicePart(arm=sample.chosen, propensity=sample.propensity, forced=sample.forced, inclusion=sample.inclusion)


def _answer(sample: Sample, entry: Entry | None) -> AnswerPart:
    routing = entry.endpoint.routing if entry and entry.endpoint else None
    chain = routing.chain(sample.chosen) if routing and sample.chosen is not None else ()
    return AnswerPart(
        model=sample.answered,
        attempts=sample.attempts,
        chain=list(chain),
        status=sample.status,
        latency=sample.latency,
        predictions=fields_of(sample)["predictions"],
        decisions=sample.decisions,
        threshold=sample.threshold,
    )


def _feedback(history: Sequence[Feedback]) -> list[FeedbackPart]:
    """All that was told, of which the last of each row counts."""
    counting = {one.row: one for one in history}
    return [
        FeedbackPart(**msgspec.structs.asdict(feedback_answer(one)), counts=counting[one.row] is one) for one in history
    ]


def _roles(sample: Sample | None, shadows: Sequence[ShadowSample]) -> dict[str, list[str]]:
    roles: dict[str, list[str]] = {}
    for role, model in (("chosen", sample.chosen), ("answered", sample.answered)) if sample else ():
        if model is not None:
            roles.setdefault(model, []).append(role)
    for shadow in shadows:
        roles.setdefault(shadow.model, []).append("shadow")
    return roles
