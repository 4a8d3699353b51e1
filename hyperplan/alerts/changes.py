"""Which edits of an endpoint may be behind skew that begins just after them.

A **release** lets a model answer that did not before, or replaces one under its name; a change of **routing** gives models another share of the
traffic. Anything else leaves what each model is served as it was.
"""

from collections.abc import Sequence

from hyperplan.alerts.alert import Change
from hyperplan.endpoint import Endpoint


def changes_between(before: Endpoint | None, after: Endpoint, *, number: int, time: int) -> Sequence[Change]:
    """The changes that revision `number` made, at a time in nanoseconds since 1970; at most one, and none by the first: nothing was served before."""
    if before is None:
        return []
    released = tuple(sorted(name for name in _serving(after) if _is_new(name, before, after)))
    if released:
        words = f"{_listed(released)} released with revision {number}"
        return [Change(time=time, kind="release", words=words, models=released)]
    moved = _moved(before, after)
    if moved:
        return [Change(time=time, kind="routing", words=f"routing changed by revision {number}", models=moved)]
    return []


def _serving(endpoint: Endpoint) -> set[str]:
    """The models that answer clients, alone or for others."""
    arms = {arm for arm, weight in endpoint.routing.split.items() if weight > 0}
    return (arms | set(endpoint.routing.fallback)) & set(endpoint.models)


def _is_new(name: str, before: Endpoint, after: Endpoint) -> bool:
    return name not in _serving(before) or before.models[name] != after.models[name]


def _moved(before: Endpoint, after: Endpoint) -> tuple[str, ...]:
    then, now = _shares(before), _shares(after)
    sticky = before.routing.sticky != after.routing.sticky or before.entity != after.entity
    return tuple(sorted(name for name in now if sticky or now[name] != then.get(name, 0.0)))


def _shares(endpoint: Endpoint) -> dict[str, float]:
    split = endpoint.routing.split
    total = sum(split.values())
    return {arm: weight / total for arm, weight in split.items() if weight > 0}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
