"""How `hyperplan exploration` and `hyperplan evaluate` show what they were told, on a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.figures import Plain, counted, moment, number

NAMES = {"ips": "IPS", "snips": "SNIPS", "dr": "doubly robust"}
EARNED = {"reward": "the reward", "label": "the label", "correct": "the share that was correct"}
LEFT_OUT = {
    "forced": "of requests that named their arm themselves",
    "unrewarded": "without a reward, or that nobody drew",
    "unsupported": "of times at which the policy chooses an arm that had no share of the traffic",
}


def show_exploration(report: Plain) -> None:
    """The arms, and what comes next."""
    console, thought = Console(), report["thought"]
    lower = report["exploration"].get("reward", {}).get("better") == "lower"
    console.print(
        f"[bold]{report['endpoint']}[/bold], {report['exploration']['policy']}, revision {report['revision']}"
    )
    table = Table(
        "arm",
        "earned, less is better: sign turned" if lower else "earned",
        "rows",
        "effective",
        "best",
        "has",
        "is to get",
    )
    for arm, one in thought["arms"].items():
        shares = (f"{one[name]:.1%}" for name in ("chance", "share", "wanted"))
        table.add_row(escape(arm), number(one["mean"]), f"{one['rows']:,}", f"{one['effective']:,.0f}", *shares)
    console.print(table)
    console.print(escape(f"{thought['doing']}: {thought['words']}"))


def show_evaluation(report: Plain) -> None:
    """The estimates of each policy, what they rest on, and what was left out."""
    console = Console()
    console.print(
        f"[bold]{report['endpoint']}[/bold], {EARNED[report['of']]} by prediction, "
        f"{moment(report['since'])} to {moment(report['ripe_until'])}"
    )
    if report["unripe"]:
        young = "are so new that others like them may have no label yet; --all-labels counts them too"
        console.print(f"{counted(report['unripe'], 'row')} {young}", style="dim")
    for found in report["policies"]:
        table = Table("", "by prediction", "95 % interval", title=escape(found["policy"]))
        lines = {"as it was": found["logged"]} | {NAMES[name]: one for name, one in found["estimates"].items()}
        for name, one in (lines | {"more than it was": found["more"]}).items():
            if one is not None:
                table.add_row(name, f"{one['value']:.4g}", f"{one['low']:.4g} to {one['high']:.4g}")
        if table.row_count:
            console.print(table)
        console.print(escape(found["words"]))
        size = f"{counted(found['rows'], 'row')} of {counted(found['entities'], 'entity', 'entities')}; effective sample size {found['effective']:,.0f}"
        console.print(size, style="dim")
        for name, count in found["left_out"].items():
            if count:
                console.print(f"{counted(count, 'row')} left out {LEFT_OUT[name]}", style="dim")
