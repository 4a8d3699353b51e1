"""`python -m bench.skew`: what the skew engine finds, how often it is wrong and what it costs, beside Evidently and NannyML."""

import json
import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.report import run_command
from bench.skew.judgement import Judged, Measured, Options, Part
from cli.failure import Failure

PARTS = {
    "speed": "bench.skew.parts.speed",
    "wide": "bench.skew.parts.wide",
    "query": "bench.skew.parts.query",
    "ingest": "bench.skew.parts.ingest",
    "quiet": "bench.skew.parts.quiet",
    "calendar": "bench.skew.parts.calendar",
    "units": "bench.skew.parts.units",
    "renames": "bench.skew.parts.renames",
    "sources": "bench.skew.parts.sources",
    "beside": "bench.skew.parts.beside",
}
"""What is timed comes first, while nothing else runs. Each is imported when it runs: a part that cannot be imported stops no other."""
RESULTS = Path(__file__).parents[2] / "build" / "skew" / "results.jsonl"
_KNOWN = ", ".join(PARTS)


def part_of(name: str) -> Part:
    """A part by its name."""
    found: Part = import_module(PARTS[name]).PART
    return found


def run(names: Iterable[str], options: Options, results: Path) -> dict[str, Any]:
    """Measure parts, one after the other; what each found is also written to a file as soon as it is known."""
    results.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"figures": [], "tables": {}}
    with results.open("w") as file:
        for name in names:
            measured = _measured(name, options)
            figures, tables = [one._asdict() for one in measured.figures], dict(measured.tables)
            for one in measured.figures:
                options.say(f"  {one.figure}: {one.value} ({one.bar}){'' if one.holds else ' DOES NOT HOLD'}")
            print(json.dumps({"part": name, "figures": figures, "tables": tables}), file=file, flush=True)
            found["figures"] += figures
            found["tables"] |= tables
    return found


def _measured(name: str, options: Options) -> Measured:
    """What a part found. One that cannot even be imported has no lines to fail, so that itself is a figure that does not hold."""
    try:
        part = part_of(name)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        options.say(f"{name}: cannot be imported: {why}")
        return Measured([Judged(name, f"failed: {why}", "", False, {})])
    options.say(f"{name}: {part.says}")
    return part.run(options)


def tell(found: dict[str, Any], console: Console) -> None:
    """Print tables for people."""
    for title, rows in found["tables"].items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        table = Table(*columns, title=title)
        for row in rows:
            table.add_row(*(_cell(row.get(column)) for column in columns))
        console.print(table)
    table = Table("figure", "value", "bar", "holds", "also", title="figures")
    for figure in (Judged(**one) for one in found["figures"]):
        also = "\n".join(f"{name}: {_cell(value)}" for name, value in figure.also.items())
        table.add_row(figure.figure, _cell(figure.value), figure.bar, "yes" if figure.holds else "[red]no[/]", also)
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.5g}" if isinstance(value, float) else str(value)


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Only this part; may be given several times. Known: {_KNOWN}.")
    ] = None,
    scale: Annotated[
        float, typer.Option(min=0.001, help="All sizes times this: the same measurements, on less. 1 is what counts.")
    ] = 1.0,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes for what is not timed.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    results: Annotated[Path, typer.Option(help="Where each part's results are written as they come.")] = RESULTS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Hold the skew engine to its figures, on real data, beside Evidently and NannyML. Takes some forty minutes.

    `make bench-skew` installs the data and the other two first, each into an environment of its own under build/skew. A figure whose part
    fails has the reason for a value, and does not hold.
    """
    unknown = [name for name in only or () if name not in PARTS]
    if unknown:
        raise Failure(f"{unknown[0]!r} is no part; known: {_KNOWN}")
    progress = Console(stderr=True)

    def say(line: str) -> None:
        progress.print(line, style="dim", highlight=False, markup=False)

    found = run([name for name in PARTS if name in (only or PARTS)], Options(scale, workers, say), results)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        tell(found, Console())


if __name__ == "__main__":
    run_command(main)
