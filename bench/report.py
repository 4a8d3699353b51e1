"""How every benchmark speaks: its figures as a table, and what is wrong in a sentence."""

import sys
from collections.abc import Callable, Iterable

import typer
from rich.table import Table

from bench.figures import Figure
from bench.stand import COMPILED
from cli.failure import Failure, report


def require_compiled(command: str) -> None:
    """Make sure that there is a compiled hot path to measure.

    Raises:
        Failure: there is none; the message names the command that makes it.
    """
    if not COMPILED.is_dir():
        raise Failure(f"{COMPILED} is not there: run `{command}`, which compiles the hot path first")


def run_command(main: Callable[..., None]) -> None:
    """Run a benchmark as a command, and exit with 1 and a sentence if it fails."""
    try:
        typer.run(main)
    except Failure as failure:
        report(failure, as_json="--json" in sys.argv)
        sys.exit(1)


def figure_table(found: Iterable[Figure]) -> Table:
    """The figures, each with its bar."""
    table = Table("figure", "value", "bar", "holds", title="figures")
    words = {True: "yes", False: "[red]no[/]", None: "not measured"}
    for figure in found:
        table.add_row(
            figure.figure, "-" if figure.value is None else f"{figure.value:g}", figure.bar, words[figure.holds]
        )
    return table
