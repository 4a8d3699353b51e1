"""Waiting until an edit is in force: every sidecar that control knows has applied the plan that it made."""

from typing import Any

from cli.api import ControlApi
from cli.failure import Failure

PATIENCE = 60
"""Seconds until a sidecar that lives must have applied a plan. What takes long is a model that fails its first health check."""
_ROUND = 30


def follow(api: ControlApi, plan: int) -> list[dict[str, Any]]:
    """The sidecars, when all that can be heard of have a plan in force.

    Raises:
        Failure: one refused the plan, or has not applied it in time.
    """
    sidecars: list[dict[str, Any]] = []
    for _ in range(PATIENCE // _ROUND):
        sidecars = api.call("GET", f"/v1/sidecars?plan={plan}&wait={_ROUND}")
        behind = [sidecar for sidecar in sidecars if sidecar["applied"] < plan and not sidecar["silent"]]
        for sidecar in behind:
            if (sidecar["refused"] or 0) >= plan:
                kept = f"it keeps plan {sidecar['applied']}: {sidecar['reason']}"
                raise Failure(f"the edit was made, but sidecar {sidecar['instance']} refuses plan {plan}; {kept}")
        if not behind:
            return sidecars
    named = ", ".join(f"{sidecar['instance']} (at plan {sidecar['applied']})" for sidecar in behind)
    raise Failure(f"the edit was made, but plan {plan} is not in force after {PATIENCE} seconds on: {named}")


def in_words(sidecars: list[dict[str, Any]]) -> str:
    """Where a plan is in force."""
    heard = sum(not sidecar["silent"] for sidecar in sidecars)
    silent = len(sidecars) - heard
    there = f"in force on {heard} sidecar{'' if heard == 1 else 's'}" if heard else "no sidecar follows this control"
    return f"{there}, {silent} more went silent" if silent else there
