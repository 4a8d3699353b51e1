"""Commands about exploration: what it thinks, and what another policy would have earned."""

import json
from typing import Annotated

import typer

from cli.addresses import asking, path_of
from cli.app import app
from cli.options import CONTROL, AllLabels, ControlUrl, EndpointName, Json, PredictedSince, Until

group = typer.Typer(
    name="exploration", help="Exploration: weights that follow what the arms earn.", no_args_is_help=True
)
app.add_typer(group)


@group.command("show")
def show(name: EndpointName, control: ControlUrl = CONTROL, as_json: Json = False) -> None:
    """Show what exploration thinks of the arms of an endpoint, and what it does next.

    What each arm earned by prediction, on how many rows; how many alike and independent rows tell as much (effective); how probable it is that it is
    the best; the share of the traffic that it has, and the one that it is to get.

    hyperplan exploration show flight-delay
    """
    _tell("GET", f"{path_of(name)}/exploration", control, as_json=as_json)


@group.command("resume")
def resume(name: EndpointName, control: ControlUrl = CONTROL, as_json: Json = False) -> None:
    """Let weights follow again what the arms earn.

    Weights that a person sets with `hyperplan route`, or goes back to with `hyperplan rollback`, are held until somebody says this.

    hyperplan exploration resume flight-delay
    """
    _tell("POST", f"{path_of(name)}/exploration/resume", control, as_json=as_json)


@app.command()
def evaluate(
    name: EndpointName,
    policy: Annotated[
        list[str],
        typer.Option(help="Who would have been chosen, see above; may be given several times."),
    ],
    of: Annotated[
        str | None,
        typer.Option(
            help="What is earned: the reward or the label of feedback, or whether predictions were correct.",
            show_default="what the endpoint's exploration is after, or the reward",
        ),
    ] = None,
    since: PredictedSince = "-7d",
    until: Until = None,
    every_label: AllLabels = False,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Estimate what another policy, or one model alone, would have earned on the traffic that there was.

    Who was chosen was drawn with known probabilities, so each reward stands for those that it would have been as likely to be. A policy is one arm always, weights, or arms by
    slice of the traffic:

    hyperplan evaluate flight-delay --policy gbm@1=1 --policy "gbm@1=70, logit@1=30"

    hyperplan evaluate flight-delay --policy "gbm@1=1 if origin=EWR; logit@1=1" --of correct

    Three estimates, each with its 95 % interval: inverse propensity scoring (ips), its self-normalised form (snips), and the doubly robust one (dr), which is the
    one to read if they differ little. When they differ much, the weights are heavy: look at the effective sample size. Below 50 nothing is said.
    """
    from cli.api import ControlApi
    from cli.exploration import show_evaluation

    asked = {"policy": policy, "of": of, "since": since, "until": until, "labels": "all" if every_label else None}
    with ControlApi(control) as api:
        report = api.call("GET", asking(f"{path_of(name)}/evaluation", asked))
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show_evaluation(report)


def _tell(method: str, path: str, control: str, *, as_json: bool) -> None:
    from cli.api import ControlApi
    from cli.exploration import show_exploration

    with ControlApi(control) as api:
        report = api.call(method, path)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show_exploration(report)
