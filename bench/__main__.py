"""`python -m bench`: the external processor next to its peers, through a real Envoy; how cost grows; and the figures."""

import asyncio
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench import edits, growth, rows
from bench.figures import Figure, figures
from bench.measure import Row, measure
from bench.report import figure_table, require_compiled, run_command
from bench.stand import Stand
from bench.startup import seconds_to_first_answer

_COLUMNS = {
    "rate": "requests/s",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "p50_at_one": "p50 ms at one",
    "cpu": "CPU µs",
    "envoy_cpu": "Envoy's CPU µs",
    "memory": "memory MB",
    "errors": "errors",
}


async def run(rounds: int, seconds: float, console: Console) -> dict[str, Any]:
    """Measure everything; what is printed as JSON."""

    def show(line: str) -> None:
        console.print(line, style="dim", highlight=False)

    async with Stand() as stand:
        start = await seconds_to_first_answer(stand)
        targets, missing = await rows.start(stand, show)
        measured = await measure(targets, rounds, seconds, show)
    grown: dict[str, Row] = {}
    for group in (growth.with_rows, growth.with_translation, growth.with_features, growth.with_workers):
        grown |= await group(max(2, rounds // 2), seconds, show)
    endpoints, applied = await growth.with_endpoints(rounds, seconds, show)
    edited = await edits.measure(edits.EDITS, edits.SIDECARS, edits.REAL, show)
    return {
        "rows": [row.as_dict() for row in measured.values()]
        + [{"row": name, "missing": reason} for name, reason in missing.items()],
        "growth": [row.as_dict() for row in (*grown.values(), *endpoints.values())],
        "applied": [{name: round(value, 3) for name, value in one._asdict().items()} for one in applied],
        "edits": [one.as_dict() for one in edited],
        "figures": [figure._asdict() for figure in (*figures(measured, endpoints, start), *edits.figures(edited))],
    }


def tell(result: dict[str, Any], console: Console) -> None:
    """Print tables for people."""
    console.print(_table("at 16 connections, medians", result["rows"]))
    console.print(_table("how cost grows", result["growth"]))
    applied = Table("endpoints", "seconds to apply", "to edit a split", title="plans")
    for one in result["applied"]:
        applied.add_row(f"{one['endpoints']:,}", f"{one['whole']:g}", f"{one['edit']:g}")
    console.print(applied)
    console.print(edits.table(result["edits"]))
    console.print(figure_table([Figure(**figure) for figure in result["figures"]]))


def _table(title: str, found: list[dict[str, Any]]) -> Table:
    table = Table("row", *_COLUMNS.values(), title=title)
    for row in found:
        cells = [row["missing"]] if "missing" in row else [f"{row[column]:,g}" for column in _COLUMNS]
        table.add_row(row["row"], *cells)
    return table


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each row is measured, in turn with the others.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="How long each row is loaded in a round.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the external processor next to its peers, and how its cost grows. Takes some twenty-five minutes."""
    require_compiled("make bench")
    progress = Console(stderr=True)
    result = asyncio.run(run(rounds, seconds, progress))
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        tell(result, Console())


if __name__ == "__main__":
    run_command(main)
