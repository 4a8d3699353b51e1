"""A dry run: what would become of a request, and why, without anybody being asked to answer it.

It calls what the decide stage calls. Where a sidecar would draw, all arms that could come out are told with their
probabilities; nothing here is random.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from hyperplan import decision
from hyperplan.inspection import Flaw, Inspection
from hyperplan.plan import CompiledEndpoint
from hyperplan.protocols import Body
from hyperplan.routing import Choice
from hyperplan.schema import Violation
from hyperplan.schema.violations import Action
from hyperplan.translation import Untranslatable

How = Literal["forced", "sticky", "drawn"]


class JudgedViolation(Violation, frozen=True):
    """A violation, and what the endpoint does about it."""

    action: Action


class FoundEntity(msgspec.Struct, frozen=True):
    """Whom the request is about, and where it says so: `feature NAME` or `header NAME`."""

    value: str
    found_in: str


class Turn(msgspec.Struct, frozen=True):
    """A model of a chain. `untranslatable` says why the request cannot be said to it, which the client gets as a 422."""

    model: str
    translated: bool
    untranslatable: str | None = None


class PossibleArm(msgspec.Struct, frozen=True):
    """An arm that would or could be chosen, with which probability, and who answers for it, in turn."""

    arm: str
    propensity: float
    chain: list[Turn]


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a request.

    `status` is the HTTP status of a refusal. `how` the arm comes about: one arm if it is forced or sticky, all that could come out if it is
    drawn. `shadow` models see a copy, `default` answers instead when the sidecar is away; None if nobody does. `mark` is what models are told
    of a body that passes although something is wrong with it. `detail` says in words what is wrong with a body that has a `flaw`.
    """

    endpoint: str
    revision: int
    outcome: Literal["routed", "rejected"]
    why: str
    status: int | None = None
    how: How | None = None
    entity: FoundEntity | None = None
    arms: list[PossibleArm] = []
    shadow: list[Turn] = []
    default: str | None
    flaw: Flaw | None = None
    detail: str = ""
    violations: list[JudgedViolation] = []
    mark: str | None = None


def dry_run(endpoint: CompiledEndpoint, headers: Mapping[str, bytes], body: bytes) -> DryRun:
    """What would become of a request with these headers, by their names in lower case, and this body."""
    inspection = decision.inspect(endpoint, body, headers)
    rejected = decision.is_rejected(endpoint.schema, inspection)
    found = DryRun(
        endpoint=endpoint.name,
        revision=endpoint.revision,
        outcome="rejected" if rejected else "routed",
        why="",
        entity=_entity(endpoint, inspection, headers),
        default=None if endpoint.document.on_failure == "closed" else endpoint.document.routing.default_model(),
        flaw=inspection.flaw,
        detail=inspection.detail,
        violations=[
            JudgedViolation(**msgspec.structs.asdict(violation), action=endpoint.schema.action(violation))
            for violation in inspection.violations
        ],
    )
    if rejected:
        status = decision.status_of(inspection)
        return msgspec.structs.replace(found, status=status, why=f"the body is refused with {status}: {_wrong(found)}")
    settled = decision.settled(endpoint, inspection, headers)
    choices = [settled] if settled else [Choice(*each) for each in endpoint.split.propensities.items()]
    content_type = headers.get("content-type", b"application/json").decode("latin-1")
    sent = Body(body, content_type, decision.length_of_json(endpoint, headers))
    return msgspec.structs.replace(
        found,
        how="drawn" if settled is None else "forced" if settled.forced else "sticky",
        why=", ".join(_reasons(endpoint, headers, found.entity, settled)),
        arms=[
            PossibleArm(
                choice.arm,
                choice.propensity,
                [_turn(endpoint, model, sent) for model in endpoint.document.routing.chain(choice.arm)],
            )
            for choice in choices
        ],
        shadow=[_turn(endpoint, model, sent) for model in endpoint.document.routing.shadow],
        mark=decision.mark_of(endpoint.schema, inspection),
    )


def _entity(endpoint: CompiledEndpoint, inspection: Inspection, headers: Mapping[str, bytes]) -> FoundEntity | None:
    value = decision.entity_of(endpoint, inspection, headers)
    entity = endpoint.document.entity
    if value is None or entity is None:
        return None
    return FoundEntity(value, f"feature {entity.feature}" if entity.feature else f"header {entity.header}")


def _wrong(found: DryRun) -> str:
    if found.flaw:
        return found.detail
    first = next(violation for violation in found.violations if violation.action == "reject")
    return f"row {first.row}: {first.feature or 'the row'}: {first.kind}: expected {first.expected}, got {first.got}"


def _reasons(
    endpoint: CompiledEndpoint, headers: Mapping[str, bytes], entity: FoundEntity | None, settled: Choice | None
) -> Iterator[str]:
    header = endpoint.force_header
    named = headers.get(header) if header else None
    if settled is not None and settled.forced:
        yield f"the header {header} names it"
        return
    if named is not None:
        yield f"the header {header} names {named.decode('utf-8', 'replace')!r}, which is no arm"
    if entity is not None and settled is not None:
        yield f"sticky by the {entity.found_in}: {entity.value}"
    elif not endpoint.document.routing.sticky:
        yield "drawn at random: the endpoint is not sticky"
    else:
        yield "drawn at random: the request names no entity"


def _turn(endpoint: CompiledEndpoint, model: str, sent: Body) -> Turn:
    translation = endpoint.translation(model)
    if translation.identical:
        return Turn(model, translated=False)
    try:
        translation.request(sent)
    except Untranslatable as error:
        return Turn(model, translated=True, untranslatable=str(error))
    return Turn(model, translated=True)
