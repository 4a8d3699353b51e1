"""Commands about alerts: what is wrong, who has seen it, and what nobody wants to hear for a while."""

import json
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer
from typer.main import get_group

from cli.addresses import asking
from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, ControlUrl, Json

group = typer.Typer(name="alerts", help="Alerts: what is wrong with what endpoints are served, one for each cause.")
app.add_typer(group)

By = Annotated[str, typer.Option("--author", envvar="HYPERPLAN_AUTHOR", help="Who says so.")]
Note = Annotated[str, typer.Option(help="What there is to say; kept with it.")]
AlertId = Annotated[str, typer.Argument(help="The alert, by its id.")]


class StateName(StrEnum):
    """The states that alerts can be asked for by."""

    pending = "pending"
    open = "open"
    resolved = "resolved"


@group.callback(invoke_without_command=True)
def alerts(context: typer.Context) -> None:
    """Alerts: what is wrong with what endpoints are served, one for each cause.

    Control looks for skew after each bucket of time. What began together and has one source, or came with one release, is one alert; it opens
    when two looks in a row have it (or one, when that is beyond doubt), and ends when five in a row have not. Without a command, `list`.
    """
    if context.invoked_subcommand is None:
        listing = get_group(group).commands["list"]
        listing.invoke(listing.make_context("list", [], parent=context))


@group.command("list")
def list_alerts(
    state: Annotated[
        StateName | None,
        typer.Option(
            help="Those in this state only; pending ones were seen, but not often enough to say so.",
            show_default="open and resolved",
        ),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Of this endpoint only.", show_default="all")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """List alerts: open ones first, then those that ended, the newest at the front."""
    from cli.alerts import show_alerts
    from cli.api import ControlApi

    asked = {"state": state.value if state else None, "endpoint": endpoint, "limit": limit}
    with ControlApi(control) as api:
        found = api.call("GET", asking("/v1/alerts", asked))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_alerts(found)


@group.command("show")
def show(alert: AlertId, control: ControlUrl = CONTROL, as_json: Json = False) -> None:
    """Show one alert: all its findings, what was sent of it, and where its picture is."""
    from cli.alerts import show_alert
    from cli.api import ControlApi

    with ControlApi(control) as api:
        found = api.call("GET", f"/v1/alerts/{quote(alert, safe='')}")
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_alert(found, control)


@group.command("ack")
def acknowledge(
    alert: AlertId,
    author: By,
    note: Note = "",
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Say that you have seen an alert. It stays open until it is over; when it is back after that, it is to be seen anew."""
    body = {"author": author, "note": note}
    found = _post(control, f"/v1/alerts/{quote(alert, safe='')}/acknowledge", body)
    typer.echo(json.dumps(found) if as_json else f"{found['id']}: acknowledged by {found['acknowledged']['author']}")


@group.command("silence")
def silence(
    author: By,
    until: Annotated[str, typer.Option(help="Until when: a time, or how far ahead as +30m, +2h, +7d.")] = "+2h",
    alert: Annotated[str | None, typer.Option(help="This alert.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="All of this endpoint.")] = None,
    source: Annotated[str | None, typer.Option(help="What has this source.")] = None,
    feature: Annotated[str | None, typer.Option(help="Findings about this feature.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Findings of this kind: schema, feature, distribution or scoring.")
    ] = None,
    finding: Annotated[str | None, typer.Option(help="Findings of this name: unit, renamed, shift, ...")] = None,
    note: Note = "",
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Have nobody told of something for a while; what is named must all be so. Alerts open and end all the same.

    What is still open when the silence is over is told then.

    hyperplan alerts silence --endpoint flight-delay --feature dep_delay --until +4h --author ada --note "the feed is being mended"
    """
    asked = {
        "alert": alert,
        "endpoint": endpoint,
        "source": source,
        "feature": feature,
        "kind": kind,
        "finding": finding,
    }
    named = {name: value for name, value in asked.items() if value is not None}
    if not named:
        raise Failure(f"name what is to be silenced: at least one of {', '.join(f'--{name}' for name in asked)}")
    found = _post(control, "/v1/silences", named | {"until": until, "author": author, "note": note})
    typer.echo(json.dumps(found) if as_json else f"{found['id']}: silenced until {found['until']}")


@group.command("silences")
def list_silences(control: ControlUrl = CONTROL, as_json: Json = False) -> None:
    """List the silences that are not over."""
    from cli.alerts import show_silences
    from cli.api import ControlApi

    with ControlApi(control) as api:
        found = api.call("GET", "/v1/silences")
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_silences(found)


@group.command("unsilence")
def unsilence(
    silence_id: Annotated[str, typer.Argument(metavar="SILENCE", help="The silence, by its id.")],
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """End a silence now; what is still open is told within a minute."""
    from cli.api import ControlApi

    with ControlApi(control) as api:
        found = api.call("DELETE", f"/v1/silences/{quote(silence_id, safe='')}")
    typer.echo(json.dumps(found) if as_json else f"{found['id']}: ended")


def _post(control: str, path: str, body: dict[str, str]) -> Any:
    from cli.api import ControlApi

    with ControlApi(control) as api:
        return api.call("POST", path, content=json.dumps(body), headers={"content-type": "application/json"})
