"""Holding what clients saw against what the design promises. Pure: everything that was observed goes in, a verdict comes out.

A request that did not get its answer is a client error, and has a name. The design excuses few: each fault says under which name
and when. What is not excused breaks the bar, and so does an excuse that was not needed where the design says that it must be:
an endpoint that is `closed` answers nothing while its sidecar is away.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.chaos.load import Seen
from bench.chaos.site import Marks

Excuse = Callable[[Seen, Marks], str | None]
"""The name under which the design lets a request fail, None if it does not."""
Duty = Callable[[Sequence[Seen], Marks], Iterator[str]]
"""What else must hold of the requests of a fault; yields what does not."""


class Observed(NamedTuple):
    """What was seen of one fault. `samples` are control's, by prediction id; `amiss` is what went wrong beside the requests."""

    seen: Sequence[Seen]
    marks: Marks
    samples: Mapping[str, Mapping[str, Any]]
    amiss: Sequence[str] = ()


class Verdict(NamedTuple):
    """What became of the requests during a fault, as it is printed; `broken` is empty if every bar holds.

    `client_errors` counts all requests that did not get a right answer, `named` the same by what they were; `excused` are the names that
    the design allows for. `samples` are those of answers that clients got: how many there are, how many of them name another
    model as chosen than as having answered, the most attempts that one took, and how many tell of no answer, since
    Envoy had stopped waiting for the sidecar.
    """

    fault: str
    requests: int
    client_errors: int
    named: Mapping[str, int]
    excused: Sequence[str]
    answered_by: Mapping[str, int]
    p50_ms: float
    p99_ms: float
    samples: Mapping[str, int]
    broken: Sequence[str]


class Promise(NamedTuple):
    """What the design says of a fault.

    `excuses` are the failures that it allows, `duties` what must hold besides. `answering` are the models that must have
    answered, and with `failovers` samples must name some answer that was not the chosen model's.
    """

    excuses: Sequence[Excuse] = ()
    duties: Sequence[Duty] = ()
    answering: frozenset[str] = frozenset()
    failovers: bool = False


def judge(fault: str, promise: Promise, observed: Observed) -> Verdict:
    """The verdict on a fault."""
    named: Counter[str] = Counter()
    allowed: dict[str, None] = {}
    for one in observed.seen:
        if one.failure is not None:
            excused = next(filter(None, (excuse(one, observed.marks) for excuse in promise.excuses)), None)
            named[excused or one.failure] += 1
            if excused:
                allowed[excused] = None
    answered = Counter(one.model for one in observed.seen if one.failure is None and one.model)
    told = [(one, observed.samples.get(one.prediction_id or "")) for one in observed.seen if one.failure is None]
    served = [(one, sample) for one, sample in told if sample is not None and sample["status"] is not None]
    latencies = sorted(one.latency for one in observed.seen)
    broken = [f"{count} requests got: {name}" for name, count in named.items() if name not in allowed]
    broken += observed.amiss
    broken += [f"{model} never answered" for model in sorted(promise.answering - answered.keys())]
    broken += _contradictions(served, promise.failovers)
    broken += [line for duty in promise.duties for line in duty(observed.seen, observed.marks)]
    return Verdict(
        fault=fault,
        requests=len(observed.seen),
        client_errors=sum(named.values()),
        named=dict(named),
        excused=tuple(allowed),
        answered_by=dict(sorted(answered.items())),
        p50_ms=_milliseconds(latencies, 0.5),
        p99_ms=_milliseconds(latencies, 0.99),
        samples={
            "matched": len(served),
            "failovers": sum(sample["chosen"] != sample["answered"] for _, sample in served),
            "most_attempts": max((sample["attempts"] or 0 for _, sample in served), default=0),
            "too_late": sum(sample is not None and sample["status"] is None for _, sample in told),
        },
        broken=tuple(broken),
    )


def _contradictions(served: Sequence[tuple[Seen, Mapping[str, Any]]], failovers: bool) -> Iterator[str]:
    """Where the samples do not say what clients were told."""
    if not served:
        yield "control has no sample of any answer"
        return
    others = [one for one, sample in served if sample["answered"] != one.model]
    if others:
        yield f"{len(others)} samples name another model than the answer did, {others[0].prediction_id} for one"
    unnamed = [one for one, sample in served if not sample["chosen"] or not sample["attempts"]]
    if unnamed:
        yield f"{len(unnamed)} samples do not say who was chosen, or at which attempt, {unnamed[0].prediction_id} for one"
    if failovers and not any(sample["chosen"] != sample["answered"] for _, sample in served):
        yield "no sample tells of a failover"


def _milliseconds(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else 0.0
