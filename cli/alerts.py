"""How `hyperplan alerts` shows alerts and silences, on a terminal."""

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.figures import Plain

MATCHERS = ("alert", "endpoint", "source", "feature", "kind", "finding")


def show_alerts(found: list[Plain]) -> None:
    """A line for each alert."""
    if not found:
        Console().print("no alert")
        return
    table = Table("alert", "state", "endpoint", "since", "what is wrong")
    for alert in found:
        row = (alert["id"], _state(alert), alert["endpoint"], _moment(alert["since"]), alert["sentence"])
        table.add_row(*map(Text, row))
    Console().print(table)


def show_alert(alert: Plain, control: str) -> None:
    """One alert: its sentence, each finding, and what was sent."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(alert["sentence"], style="bold"))
    console.print(Text(f"{alert['endpoint']}, {_state(alert)}; {_times(alert)}"))
    if alert["acknowledged"]:
        seen = alert["acknowledged"]
        note = f": {seen['note']}" if seen["note"] else ""
        console.print(Text(f"seen by {seen['author']} at {_moment(seen['time'])}{note}"))
    table = Table("model", "feature", "finding", "against", "effect", "evidence", "what is said")
    for each in alert["findings"]:
        row = (
            each["model"],
            each["feature"],
            each["finding"],
            each["against"],
            f"{each['effect']:.3g}",
            f"{each['evidence']:.1f}",
        )
        table.add_row(*map(Text, (*row, each["sentence"])))
    console.print(table)
    for delivery in alert["deliveries"]:
        console.print(Text(f"{delivery['message']} to webhook {delivery['webhook']}: {_delivered(delivery)}"))
    console.print(Text(f"picture: {control.rstrip('/')}{alert['links']['picture']}"))


def show_silences(found: list[Plain]) -> None:
    """A line for each silence."""
    if not found:
        Console().print("no silence")
        return
    table = Table("silence", "until", "what", "author", "note")
    for silence in found:
        named = ", ".join(f"{name} {silence[name]}" for name in MATCHERS if silence[name] is not None)
        table.add_row(*map(Text, (silence["id"], _moment(silence["until"]), named, silence["author"], silence["note"])))
    Console().print(table)


def _state(alert: Plain) -> str:
    told = [alert["state"]]
    told += ["acknowledged"] if alert["acknowledged"] else []
    told += ["silenced"] if alert["silenced"] else []
    return ", ".join(told)


def _times(alert: Plain) -> str:
    parts = [f"since {_moment(alert['since'])}"]
    parts += [f"{name} {_moment(alert[name])}" for name in ("opened", "resolved") if alert[name]]
    return ", ".join(parts)


def _delivered(delivery: Plain) -> str:
    if delivery["state"] == "delivered":
        return "delivered"
    tried = f"after {delivery['attempts']} attempt{'' if delivery['attempts'] == 1 else 's'}"
    said = f" ({delivery['error']})" if delivery["error"] else ""
    if delivery["state"] == "given_up":
        return f"given up {tried}{said}"
    return f"waiting {tried}{said}, next at {_moment(delivery['next'])}"


def _moment(date: str) -> str:
    return datetime.fromisoformat(date).astimezone().strftime("%Y-%m-%d %H:%M:%S")
