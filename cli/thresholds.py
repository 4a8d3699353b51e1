"""How `hyperplan thresholds` shows what decides for each model version, on a terminal."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.figures import NOTHING, Plain, moment

ORIGINS = {
    "pinned": "pinned",
    "labels": "learnt",
    "rate": "learnt for the rate",
    "predecessor": "as many as its predecessor",
    "start": "nothing is known yet",
}


def show_thresholds(report: Plain) -> None:
    """What is wanted, then a line for each model version."""
    console = Console()
    decided = report["decisions"]
    names = f": {decided['positive']} from the threshold on, else {decided['negative']}" if decided else ""
    console.print(
        f"[bold]{escape(report['endpoint'])}[/bold] wants {escape(_wanted(report['objective']))}{escape(names)}"
    )
    table = Table("model", "threshold", "where it comes from", "labels", "attains")
    looks = []
    for model, found in report["models"].items():
        learnt, look = found["learnt"], found["look"]
        interval = learnt.get("interval") if learnt and found["origin"] != "pinned" else None
        table.add_row(
            escape(model),
            _setting(found["setting"])
            + (f" [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else "").replace("[", r"\["),
            ORIGINS[found["origin"]],
            f"{learnt['labels']:,}" if learnt and learnt.get("labels") and found["origin"] != "pinned" else NOTHING,
            _attained(look, found["setting"]),
        )
        if look:
            looks.append(f"{model}, at {moment(look['at'])}: {'; '.join([look['why'], *look['notes']])}")
    console.print(table)
    if looks:
        console.print("what the last looks at the labels found:")
    for line in looks:
        console.print(escape(f"  {line}"))


def _wanted(objective: Plain) -> str:
    ((kind, value),) = objective.items()
    return "the smallest cost" if kind == "costs" else f"{kind} {value:g}"


def _setting(setting: Any) -> str:
    if isinstance(setting, dict):
        return ", ".join(f"{name}={weight:g}" for name, weight in setting.items()) or "equal weights"
    return f"{setting:.6g}"


def _attained(look: Plain | None, setting: Any) -> str:
    """What the threshold in force attains, if the last look was at it: of a look that changed it, that is the new one."""
    if look is None or setting != (look["value"] if look["changed"] else look["current"]):
        return NOTHING
    attained = look["attained"] if look["changed"] else look["before"]
    if not attained:
        return NOTHING
    return rf"{attained['value']:.3g} \[{attained['low']:.3g}, {attained['high']:.3g}]"
