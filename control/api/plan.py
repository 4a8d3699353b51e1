"""What sidecars ask for, and which of them are there."""

from typing import Annotated, Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter

from control.plans import PlanFeed, Sidecars, SidecarStatus
from control.registry.registry import LARGEST_NUMBER
from hyperplan.plan import Plan


@get(
    "/v1/plan",
    media_type="application/json",
    responses={
        200: ResponseSpec(Plan, description="The plan", generate_examples=False),
        204: ResponseSpec(None, description="There is no other plan yet"),
    },
)
async def get_plan(
    feed: NamedDependency[PlanFeed],
    sidecars: NamedDependency[Sidecars],
    after: Annotated[
        int | None, QueryParameter(description="Wait until the plan has another number than this.")
    ] = None,
    wait: Annotated[float, QueryParameter(ge=0, le=60, description="Seconds to wait at most.")] = 0,
    instance: Annotated[str | None, QueryParameter(max_length=200, description="Which sidecar asks.")] = None,
    applied: Annotated[int, QueryParameter(ge=0, le=LARGEST_NUMBER, description="The plan that it has in force.")] = 0,
    refused: Annotated[
        int | None, QueryParameter(ge=0, le=LARGEST_NUMBER, description="The plan that it refused last.")
    ] = None,
    reason: Annotated[str | None, QueryParameter(max_length=2000, description="Why.")] = None,
) -> Response[bytes]:
    """The plan of all endpoints: at once, or, after a given one, as soon as there is another. 204 when there is none."""
    if instance is not None:
        sidecars.note(instance, applied, refused, reason)
    document = await feed.other_than(after, wait)
    if document is None:
        return Response(b"", status_code=204)
    return Response(document, media_type="application/json")


@get("/v1/sidecars")
async def list_sidecars(
    sidecars: NamedDependency[Sidecars],
    plan: Annotated[
        int | None,
        QueryParameter(
            ge=0, le=LARGEST_NUMBER, description="Wait until each has this plan in force or has refused it."
        ),
    ] = None,
    wait: Annotated[float, QueryParameter(ge=0, le=60, description="Seconds to wait at most.")] = 0,
) -> list[SidecarStatus]:
    """The sidecars that asked for plans lately, and which plan each has in force."""
    return sidecars.present() if plan is None else await sidecars.follow(plan, wait)


handlers: list[Any] = [get_plan, list_sidecars]
