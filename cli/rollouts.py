"""How `hyperplan rollout` shows how one stands, on a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.figures import NOTHING, Plain, moment

_STYLES = {"running": "cyan", "holding": "yellow", "paused": "yellow", "done": "green"}


def show_rollout(found: Plain) -> None:
    """Where it stands, its steps, its guardrails, and what happened."""
    console = Console()
    style = _STYLES.get(found["state"], "red")
    console.print(
        f"[bold]{escape(found['endpoint'])}[/bold]: {escape(found['canary'])} against {escape(found['control'])}, "
        f"[{style}]{found['state']}[/{style}] at {found['share']:g} %"
    )
    console.print(escape(found["why"]))
    steps = " → ".join(
        f"[bold]{share:g} %[/bold]" if index == found["step"] else f"{share:g} %"
        for index, share in enumerate(found["steps"])
    )
    needed = (
        f"; {found['requests']:,} of {found['requests_needed']:,} requests in this one, since {moment(found['since'])}"
    )
    console.print(f"steps: {steps}{'' if found['ended'] else needed}")
    guardrails = Table("guardrail", "evidence", "canary", "control")
    for name, held in found["guardrails"].items():
        broken = " [red]broken[/red]" if held["broken"] else ""
        guardrails.add_row(
            name,
            f"{held['evidence']:.1f} of {held['needed']:.1f}{broken}",
            _rate(held["hits"], held["requests"]),
            _rate(held["control_hits"], held["control_requests"]),
        )
    console.print(guardrails)
    happenings = Table("when", "state", "share", "why")
    for each in found["happenings"]:
        happenings.add_row(moment(each["time"]), each["state"], f"{each['share']:g} %", escape(each["why"]))
    console.print(happenings)


def _rate(hits: int, requests: int) -> str:
    return f"{hits:,} of {requests:,} ({hits / requests:.2%})" if requests else NOTHING
