"""Commands about rollouts: a model takes over step by step."""

import json
from typing import Annotated, Any

import typer

from cli.addresses import path_of
from cli.amounts import seconds
from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, Author, ControlUrl, EndpointName, Json

group = typer.Typer(
    name="rollout",
    help="Rollouts: a model takes over an endpoint's traffic step by step, and is taken back on its own if it fails.",
    no_args_is_help=True,
)
app.add_typer(group)


@group.command("start")
def start(
    endpoint: EndpointName,
    canary: Annotated[str, typer.Argument(help="The model that is to take over, like gbm@2; the endpoint knows it.")],
    steps: Annotated[str, typer.Option(help="The shares of the traffic that it takes, in percent.")] = "1,5,25,50,100",
    hold: Annotated[str, typer.Option(help="How long a step lasts at least: 10m, 1h, 2d.")] = "1h",
    requests: Annotated[int, typer.Option(min=0, help="Requests that the canary must have had in a step.")] = 500,
    against: Annotated[
        str | None, typer.Option(help="The arm it is compared with.", show_default="the heaviest of the others")
    ] = None,
    slower: Annotated[
        str | None,
        typer.Option(
            help="Also take it back when it answers later than this more often: 200ms, 1s.", show_default="no"
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=1, max=100, help="How many times the control arm's rate is still good.")
    ] = 1.0,
    alpha: Annotated[
        float, typer.Option(min=1e-6, max=0.5, help="How often a sound canary may be taken back, by each guardrail.")
    ] = 0.01,
    control: ControlUrl = CONTROL,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Start a rollout. The canary takes its first share at once; each step is a revision of the routing, with its reason.

    Control looks every few seconds. A step ends when it has had its time and its requests, and nothing speaks against the canary; the verdict of an experiment that compares it
    must say ship before it takes everything. If it fails more often than the control arm, it is taken back at once. Failures are counted by attempt, so a
    fallback that hides them from clients does not hide them here. If you edit the routing meanwhile, the rollout waits for you.

    hyperplan rollout start flight-delay gbm@2 --steps 1,5,25,50,100 --hold 1h
    """
    held = {"margin": margin, "alpha": alpha}
    guardrails: dict[str, Any] = {"errors": held}
    if slower is not None:
        guardrails["latency"] = {**held, "slower": seconds(slower, "--slower")}
    body = {
        "canary": canary,
        "steps": _shares(steps),
        "hold": seconds(hold, "--hold"),
        "requests": requests,
        "guardrails": guardrails,
        **({"control": against} if against else {}),
    }
    _show(_call("POST", endpoint, "", control, author, body), as_json=as_json)


@group.command("show")
def show(endpoint: EndpointName, control: ControlUrl = CONTROL, as_json: Json = False) -> None:
    """Show how the newest rollout of an endpoint stands, and all that became of it."""
    _show(_call("GET", endpoint, "", control), as_json=as_json)


@group.command("pause")
def pause(endpoint: EndpointName, control: ControlUrl = CONTROL, author: Author = None, as_json: Json = False) -> None:
    """Let a rollout stay where it is. A guardrail that breaks still takes the canary back."""
    _show(_call("POST", endpoint, "/pause", control, author), as_json=as_json)


@group.command("resume")
def resume(endpoint: EndpointName, control: ControlUrl = CONTROL, author: Author = None, as_json: Json = False) -> None:
    """Let a paused rollout go on: its step begins anew, and the canary gets the step's share, whatever was edited."""
    _show(_call("POST", endpoint, "/resume", control, author), as_json=as_json)


@group.command("abort")
def abort(endpoint: EndpointName, control: ControlUrl = CONTROL, author: Author = None, as_json: Json = False) -> None:
    """End a rollout, with the split that was before. If somebody has edited the routing meanwhile, that stays."""
    _show(_call("POST", endpoint, "/abort", control, author), as_json=as_json)


def _call(
    method: str, endpoint: str, path: str, control: str, author: str | None = None, body: dict[str, Any] | None = None
) -> Any:
    from cli.api import ControlApi

    with ControlApi(control, author=author) as api:
        content = None if body is None else json.dumps(body)
        return api.call(method, f"{path_of(endpoint)}/rollout{path}", content=content)


def _show(found: Any, *, as_json: bool) -> None:
    from cli.rollouts import show_rollout

    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_rollout(found)


def _shares(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise Failure(f"--steps takes shares in percent, like 1,5,25,50,100, not {text!r}") from None
