"""How `hyperplan performance` shows how good predictions were, on a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.figures import NOTHING, Plain, moment

SHOWN = (
    *("accuracy", "precision", "recall", "f1", "macro_f1", "auc", "log_loss", "brier", "calibration"),
    *("rmse", "mae", "bias", "reward"),
)
"""Metrics in the order in which they are shown."""


def show_performance(report: Plain) -> None:
    """The metrics of each part; then what is left out, and why."""
    console = Console()
    console.print(
        f"[bold]{report['endpoint']}[/bold], predictions of {moment(report['since'])} to {moment(report['until'])}"
    )
    parts = report["parts"]
    if not parts:
        console.print(
            "no prediction of this time that was sampled has a label that counts; send some with "
            f"`hyperplan feedback send --endpoint {report['endpoint']}`, and have requests sampled that will get one (sampling.keep)"
        )
        if report["unripe"]:
            console.print("\n".join(_remarks(report)))
        return
    table = Table(report["by"], "labelled", "rows", "metric", "value", "95 % interval")
    for part, measured in parts.items():
        for row in _rows(part, measured):
            table.add_row(*row)
        table.add_section()
    console.print(table)
    for line in _remarks(report):
        console.print(line)


def _rows(part: str, measured: Plain) -> list[tuple[str, ...]]:
    """A line for each metric; what holds for all of them stands on the first."""
    total = measured["total"]
    found = [(name, total["metrics"][name]) for name in SHOWN if name in total["metrics"]]
    head = (escape(part), _share(measured), f"{total['rows']:,}")
    lines = [(name, f"{one['value']:.4g}", _interval(one)) for name, one in found] or [(NOTHING, NOTHING, NOTHING)]
    return [(*(head if index == 0 else ("", "", "")), *line) for index, line in enumerate(lines)]


def _share(measured: Plain) -> str:
    labelled, samples = measured["labelled"], measured["samples"]
    return f"{labelled:,}" if samples is None else f"{labelled:,} of {samples:,}"


def _remarks(report: Plain) -> list[str]:
    if report["delay"] is None:
        return ["too few labels to tell how late they come: all of them count"]
    late = f"labels take up to {_duration(report['delay'])}"
    if report["ripe_until"] >= report["until"]:
        return [f"{late}; newer predictions count too"]
    remarks = [f"{late}, so predictions made after {moment(report['ripe_until'])} do not count yet"]
    if report["unripe"]:
        remarks.append(
            f"{report['unripe']:,} of them have their label already, and are left out: labels that come fast are not like the others"
        )
    return remarks


def _interval(found: Plain) -> str:
    return NOTHING if found["low"] is None else f"{found['low']:.4g} to {found['high']:.4g}"


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
