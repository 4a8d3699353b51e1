"""How `hyperplan experiment` shows experiments, plans and paired comparisons, on a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.figures import NOTHING, Plain, counted, moment, number, signed

COLOURS = {"ship": "green", "stop": "red", "broken": "red", "go on": "yellow"}


def show_experiment(report: Plain) -> None:
    """The verdict on each treatment, and what it rests upon."""
    console = _console()
    console.print(
        Text(f"{report['endpoint']}, since revision {report['revision']} ({moment(report['since'])})", style="bold")
    )
    if report["state"] == "waiting":
        console.print("it was not looked at yet; control looks every minute")
        return
    over = "over; " if report["state"] == "over" else ""
    console.print(f"{over}looked at {moment(report['judged_at'])}: {_units(report)}")
    for treatment in report["treatments"]:
        verdict = treatment["verdict"]
        since = f" since {moment(treatment['decided_at'])}" if treatment["decided_at"] else ""
        console.print()
        headline = Text(verdict["decision"].upper(), style=f"bold {COLOURS[verdict['decision']]}")
        console.print(headline + Text(f" {treatment['treatment']} against {treatment['control']}{since}", style="bold"))
        console.print(Text(verdict["why"]))
        console.print(_effect(treatment))
        for name, guardrail in treatment["guardrails"].items():
            console.print(f"guardrail {name}: {'broken' if guardrail['broken'] else 'holds'} ({_evidence(guardrail)})")
        console.print(_to_go(treatment))
    ratio = report["sample_ratio"]
    console.print()
    console.print(f"units come as the weights say: {'no' if ratio['broken'] else 'yes'} ({_evidence(ratio)})")


def show_plan(report: Plain) -> None:
    """What each treatment would take."""
    console = _console()
    console.print(
        f"from {report['rows']:,} labelled predictions, {moment(report['since'])} to {moment(report['until'])}"
    )
    table = Table("treatment", "share", "units of a test that looks once", "half have ended after", "90 % after")
    for treatment in report["treatments"]:
        found = treatment["outlook"]
        if found is None:
            console.print(Text(f"{treatment['treatment']}: {treatment['unknown']}"))
            continue
        table.add_row(
            Text(treatment["treatment"]),
            f"{found['share']:.0%}",
            f"{found['fixed']:,}",
            f"{found['half']:,} units, {_days(found['half_days'])}",
            f"{found['most']:,} units, {_days(found['most_days'])}",
        )
        console.print(
            f"the outcome of a unit: mean {found['mean']:.4g}, standard deviation {found['deviation']:.4g}, of {found['units']:,} units; "
            f"{found['per_day']:,.0f} new units a day"
        )
    if table.row_count:
        console.print(table)


def show_paired(report: Plain) -> None:
    """Each shadow beside the models that answered the same rows."""
    console = _console()
    console.print(
        Text(
            f"{report['endpoint']}, {report['loss']} loss, {moment(report['since'])} to {moment(report['until'])}",
            style="bold",
        )
    )
    if not report["shadows"]:
        console.print("no shadow, and none that answered; name models in routing.shadow")
    for shadow in report["shadows"]:
        if shadow["unknown"]:
            console.print(Text(f"{shadow['shadow']}: {shadow['unknown']}"))
        if not shadow["against"]:
            continue
        table = Table("model", "rows", "units", "its loss", f"that of {shadow['shadow']}", "difference", "interval")
        for one in shadow["against"]:
            table.add_row(
                Text(one["model"]),
                f"{one['rows']:,}",
                f"{one['units']:,}",
                number(one["model_loss"]),
                number(one["shadow_loss"]),
                signed(one["estimate"]),
                f"{signed(one['low'])} to {signed(one['high'])}",
            )
        console.print(table)
        for one in shadow["against"]:
            console.print(Text(one["why"]))


def _units(report: Plain) -> str:
    counted = ", ".join(f"{count:,} {arm}" for arm, count in report["units"].items())
    left_out = [
        f"{report[name]:,} {words}"
        for name, words in (
            ("open", "units still in their windows"),
            ("forced", "rows named their arm"),
            ("elsewhere", "rows were chosen at other revisions"),
        )
        if report[name]
    ]
    return f"units {counted}" + (f" ({'; '.join(left_out)})" if left_out else "")


def _effect(treatment: Plain) -> str:
    effect = treatment["effect"]
    relative = effect["kind"] == "relative"
    low, high = (_share(effect[bound], relative) for bound in ("low", "high"))
    return (
        f"effect {_share(effect['estimate'], relative)}, interval {low} to {high}, smallest that matters {_share(effect['minimum'], relative)}; "
        f"{_evidence(treatment)}"
    )


def _to_go(treatment: Plain) -> str:
    found, missing = treatment["outlook"], treatment["to_go"]
    if found is None:
        return f"how long it takes: {treatment['unknown']}"
    if treatment["verdict"]["decision"] != "go on":
        return (
            f"{sum(treatment['units'].values()):,} units were compared; a test that looks once needs {found['fixed']:,}"
        )
    return (
        f"with the smallest effect that matters, half of all experiments have ended after {missing['half']:,} more units ({_days(missing['half_days'])}), "
        f"90 % after {missing['most']:,} ({_days(missing['most_days'])})"
    )


def _evidence(found: Plain) -> str:
    return f"evidence {found['evidence']:.3g} of {found['needed']:.3g}"


def _share(value: float | None, relative: bool) -> str:
    if value is None:
        return NOTHING
    return f"{value:+.2%}" if relative else f"{value:+.4g}"


def _days(days: float) -> str:
    if days >= 2:
        return f"{days:,.0f} days"
    return f"{days * 24:.1f} hours" if days * 24 >= 1 else counted(round(days * 1440), "minute")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)
