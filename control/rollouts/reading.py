"""What is seen of a rollout at a look: the endpoint as it is, what was counted since the start, and the verdict of its experiment."""

from collections import Counter
from typing import NamedTuple

from control.experiments.book import ExperimentBook
from control.experiments.verdicts import verdict_of
from control.registry import Entry, NoSuchEndpoint, Registry
from control.stores import Store
from control.stores.arms import ATTEMPTS, FAILURES, LATENCY, VIOLATIONS, Tally, is_slow, totals
from hyperplan.endpoint import Endpoint
from hyperplan.rollouts import Counts, Rollout, Seen
from hyperplan.rollouts.rollout import Watched


class Sight(NamedTuple):
    """What is seen, and at which revision of the endpoint; 0 if it is gone."""

    seen: Seen
    revision: int


def sight_of(registry: Registry, store: Store, experiments: ExperimentBook, rollout: Rollout) -> Sight:
    """Look at the endpoint of a rollout."""
    try:
        entry, endpoint = registry.get(rollout.endpoint)
    except NoSuchEndpoint:
        return Sight(Seen(None), 0)
    if rollout.terms.canary not in endpoint.models:
        return Sight(Seen(None), entry.number)
    experiment = endpoint.experiment
    decided = experiment is not None and rollout.terms.canary in experiment.treatments()
    seen = Seen(
        endpoint.routing,
        _editor(registry, entry, endpoint, rollout),
        counts_of(store, rollout),
        decided,
        verdict_of(registry, experiments, rollout.endpoint, rollout.terms.canary) if decided else None,
    )
    return Sight(seen, entry.number)


def _editor(registry: Registry, entry: Entry, endpoint: Endpoint, rollout: Rollout) -> str:
    """Who wrote the routing that is not the rollout's: the author of the oldest revision since that has another."""
    author = entry.author
    if endpoint.routing == rollout.routing:
        return author
    for older in registry.history(rollout.endpoint, limit=20):
        if older.number <= rollout.revision or older.endpoint is None or older.endpoint.routing == rollout.routing:
            break
        author = older.author
    return author


def counts_of(store: Store, rollout: Rollout) -> dict[tuple[Watched, int], Counts]:
    """What was counted of both arms under each revision since the rollout's first, of each guardrail, and of errors in any case."""
    mine, theirs = Counter[tuple[Watched, int, bool]](), Counter[tuple[Watched, int, bool]]()
    counter_of = {rollout.terms.canary: mine, rollout.control: theirs}
    for tally in totals(store.counters, rollout.endpoint, rollout.started):
        counter = counter_of.get(tally.arm)
        if counter is None or tally.tick.revision < rollout.first:
            continue
        for name in _guardrails(rollout):
            requests, hits = _count(tally, name, rollout)
            counter[name, tally.tick.revision, False] += requests
            counter[name, tally.tick.revision, True] += hits
    keys = {(name, revision) for name, revision, _ in (*mine, *theirs)}
    return {
        (name, revision): Counts(
            mine[name, revision, True],
            mine[name, revision, False],
            theirs[name, revision, True],
            theirs[name, revision, False],
        )
        for name, revision in keys
    }


def _guardrails(rollout: Rollout) -> list[Watched]:
    return list(dict.fromkeys(("errors", *rollout.terms.guardrails)))


def _count(tally: Tally, name: Watched, rollout: Rollout) -> tuple[int, int]:
    """What a tally adds to the requests of a guardrail, and to those that it counts."""
    number = tally.number
    if name == "latency":
        slow = tally.metric == LATENCY and is_slow(tally.kind, rollout.terms.guardrails[name])
        return (number if tally.metric == LATENCY else 0), (number if slow else 0)
    if tally.metric == ATTEMPTS:
        return number, (number if name == "errors" and tally.kind in FAILURES else 0)
    return 0, (number if name == "violations" and tally.metric == VIOLATIONS else 0)
