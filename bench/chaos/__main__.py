"""`python -m bench.chaos`: break one thing after the other, and say what clients saw of it."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.chaos.faults import FAULTS, Fault
from bench.chaos.judgement import Observed, Verdict, judge
from bench.chaos.load import Load
from bench.chaos.site import CLOSED, MODELS, OPEN, Site, site
from bench.report import run_command
from cli.failure import Failure

CALM = 1.0
"""Seconds of load before something breaks, and after all is well again."""
_KNOWN = ", ".join(FAULTS)


async def observe(fault: Fault, rate: float, seconds: float, log: list[str]) -> Observed:
    """Break one thing, under load, on a site that is made for it. What its processes say goes into `log`."""
    async with site(fault.sampling, fault.time_limit, lambda name, line: log.append(f"{name}: {line}")) as found:
        load = found.load(fault.connections)
        async with load.saturating() if fault.saturating else load.steady(rate):
            await asyncio.sleep(CALM)
            await fault.does(found, seconds)
            await _recovered(found, load)
            await asyncio.sleep(CALM)
        samples = await _samples(found, load)
        found.look_at_envoy()
        return Observed(load.seen, found.marks, samples, found.amiss)


async def _recovered(found: Site, load: Load) -> None:
    """Wait until every model of the split answers again."""
    began, everybody = time.monotonic(), {(endpoint, model) for endpoint in (OPEN, CLOSED) for model in MODELS}

    async def all_answer() -> bool:
        return {(one.endpoint, one.model) for one in load.seen if one.sent > began and not one.failure} >= everybody

    await found.come_to("every model answers again", all_answer)


async def _samples(found: Site, load: Load) -> dict[str, Any]:
    """The samples of the newest requests, once control has some of the last quarter of each endpoint's."""
    samples: dict[str, Any] = {}
    newest = [one for one in load.seen[-(len(load.seen) // 4) :] if not one.failure]

    async def arrived() -> bool:
        for endpoint in (OPEN, CLOSED):
            samples.update({one["prediction_id"]: one for one in await found.samples(endpoint)})
        return {one.endpoint for one in newest if one.prediction_id in samples} == {OPEN, CLOSED}

    await found.come_to("samples of the last requests", arrived)
    return samples


def table(verdicts: dict[str, Verdict]) -> Table:
    """The verdicts, for people."""
    found = Table("fault", "requests", "client errors", "answered by", "p99 ms", "failovers", "holds", title="chaos")
    for name, one in verdicts.items():
        errors = "\n".join(f"{count:,} {what}" for what, count in one.named.items()) or "0"
        answered = ", ".join(f"{model} {count:,}" for model, count in _few(one.answered_by).items())
        holds = "[red]" + "\n".join(one.broken) + "[/]" if one.broken else "yes"
        found.add_row(
            name, f"{one.requests:,}", errors, answered, f"{one.p99_ms:,g}", f"{one.samples['failovers']:,}", holds
        )
    return found


def _few(answered: Mapping[str, int]) -> dict[str, int]:
    """Who answered, those that came and went as one."""
    kept = {model: count for model, count in answered.items() if not model.startswith("extra@")}
    others = sum(answered.values()) - sum(kept.values())
    return kept | ({"extra@...": others} if others else {})


def main(
    fault: Annotated[
        list[str] | None, typer.Option(help=f"Only this one; may be given several times. Known: {_KNOWN}.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, help="Requests that begin in a second, over both endpoints.")] = 150.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long something is broken, or being broken.")] = 12.0,
    logs: Annotated[
        bool, typer.Option("--logs", help="Show what the processes said when a bar does not hold.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per fault, on a line of its own.")
    ] = False,
) -> None:
    """Break models, sidecar, control and Envoy, one after the other, under a steady load, and judge what each client got.

    Two endpoints, one open and one closed without a sidecar, have the same chain: three models of three frameworks, each the others'
    fallback, and a rule. Every fault has processes of its own. Each request counts, with its status, its
    model and whether the prediction is right; and samples must name who was chosen and who answered. Exits with 1 when a bar
    does not hold. Takes some seven minutes.
    """
    unknown = [name for name in fault or () if name not in FAULTS]
    if unknown:
        raise Failure(f"{unknown[0]!r} is no fault; known: {_KNOWN}")
    progress = Console(stderr=True)
    verdicts: dict[str, Verdict] = {}
    for name in fault or FAULTS:
        progress.print(f"{name}: {FAULTS[name].says}", style="dim", highlight=False)
        log: list[str] = []
        verdict = verdicts[name] = judge(
            name, FAULTS[name].promise, asyncio.run(observe(FAULTS[name], rate, seconds, log))
        )
        for line in verdict.broken:
            progress.print(f"  {line}", style="red", highlight=False)
        if logs and verdict.broken:
            progress.print("\n".join(log), style="dim", highlight=False, markup=False)
        if as_json:
            print(json.dumps(verdict._asdict()), flush=True)
    if not as_json:
        Console().print(table(verdicts))
    sys.exit(any(verdict.broken for verdict in verdicts.values()))


if __name__ == "__main__":
    run_command(main)
