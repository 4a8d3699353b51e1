"""A suite: parts that each measure some figures and know nothing of one another, run as one command.

`bench.skew` and `bench.loop` are suites. Parts run one after the other in this process, and give what is not timed to workers.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from bench.judgement import Judged, Measured, Options, Part
from cli.failure import Failure

BUILT = Path(__file__).parents[1] / "build"


class Suite(NamedTuple):
    """What a suite is called, what its help says, and the modules of its parts by name, in the order in which they run.

    Each is imported when it runs: a part that cannot be imported stops no other.
    """

    name: str
    says: str
    parts: Mapping[str, str]

    def part_of(self, name: str) -> Part:
        """A part by its name."""
        found: Part = import_module(self.parts[name]).PART
        return found

    @property
    def known(self) -> str:
        """The names of all parts, for people."""
        return ", ".join(self.parts)

    @property
    def results(self) -> Path:
        """Where results are written as they come, unless told otherwise."""
        return BUILT / self.name / "results.jsonl"


def run(suite: Suite, names: Iterable[str], options: Options, results: Path) -> dict[str, Any]:
    """Measure parts, one after the other; what each found is also written to a file as soon as it is known."""
    results.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"figures": [], "tables": {}}
    with results.open("w") as file:
        for name in names:
            measured = _measured(suite, name, options)
            figures, tables = [one._asdict() for one in measured.figures], dict(measured.tables)
            for one in measured.figures:
                options.say(f"  {one.figure}: {one.value} ({one.bar}){'' if one.holds else ' DOES NOT HOLD'}")
            print(json.dumps({"part": name, "figures": figures, "tables": tables}), file=file, flush=True)
            found["figures"] += figures
            found["tables"] |= tables
    return found


def _measured(suite: Suite, name: str, options: Options) -> Measured:
    """What a part found. One that cannot even be imported has no lines to fail, so that itself is a figure that does not hold."""
    try:
        part = suite.part_of(name)
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


def command(suite: Suite) -> Callable[..., None]:
    """The command that runs a suite, for typer."""

    def main(
        only: Annotated[
            list[str] | None, typer.Option(help=f"Only this part; may be given several times. Known: {suite.known}.")
        ] = None,
        scale: Annotated[
            float,
            typer.Option(min=0.001, help="All sizes times this: the same measurements, on less. 1 is what counts."),
        ] = 1.0,
        workers: Annotated[
            int, typer.Option(min=1, help="Processes for what is not timed.", show_default="one for each core")
        ] = os.cpu_count() or 1,
        results: Annotated[
            Path, typer.Option(help="Where each part's results are written as they come.")
        ] = suite.results,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    ) -> None:
        unknown = [name for name in only or () if name not in suite.parts]
        if unknown:
            raise Failure(f"{unknown[0]!r} is no part; known: {suite.known}")
        progress = Console(stderr=True)

        def say(line: str) -> None:
            progress.print(line, style="dim", highlight=False, markup=False)

        names = [name for name in suite.parts if name in (only or suite.parts)]
        found = run(suite, names, Options(scale, workers, say), results)
        if as_json:
            print(json.dumps(found, indent=2))
        else:
            tell(found, Console())

    main.__doc__ = suite.says
    return main
