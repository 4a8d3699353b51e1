"""Commands about experiments: how one stands, how long one takes, and shadows judged by labels."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.addresses import asking, path_of
from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, ControlUrl, EndpointName, Json, Since, Until

group = typer.Typer(
    name="experiment", help="Experiments: which model is better, and when one may say so.", no_args_is_help=True
)
app.add_typer(group)

Minimum = Annotated[float | None, typer.Option(min=0, help="Another minimum effect than that of the design.")]


@group.command("show")
def show(
    endpoint: EndpointName,
    revision: Annotated[
        int | None,
        typer.Option(
            min=1, help="One that is over, by the revision that it started with.", show_default="the one that runs"
        ),
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show how the experiment of an endpoint stands, and its verdict in words.

    A verdict is SHIP, STOP, GO ON or BROKEN, with its reason. Control looks every minute; looking as often as one likes costs no error, and a verdict that was
    reached stays. The interval holds the true effect at all times; units are entities (or requests) whose window is over and whose label came.
    """
    from cli.api import ControlApi
    from cli.experiment import show_experiment

    with ControlApi(control) as api:
        report = api.call("GET", asking(f"{path_of(endpoint)}/experiment", {"revision": revision}))
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show_experiment(report)


@group.command("plan")
def plan(
    endpoint: EndpointName,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            help="The design, or an endpoint document that holds one; - is standard input.",
            show_default="that of the endpoint",
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(help="The treatment's part of the units of both arms.", show_default="by the split, or 0.5"),
    ] = None,
    minimum: Minimum = None,
    since: Since = "-7d",
    until: Until = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Say how many units an experiment needs and how long that takes, before it starts.

    The mean and the spread of outcomes, and how many new units come in a day, are those that the endpoint had in a period: it needs feedback, and no experiment yet. With
    --file a design is planned that is not declared yet; nothing is written.
    """
    from cli.api import ControlApi
    from cli.experiment import show_plan

    asked = {"since": since, "until": until, "share": share, "minimum": minimum}
    path = asking(f"{path_of(endpoint)}/experiment/plan", asked)
    with ControlApi(control) as api:
        report = api.call("GET", path) if file is None else api.call("POST", path, content=_design(file))
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show_plan(report)


@group.command("compare")
def compare(
    endpoint: EndpointName,
    model: Annotated[str | None, typer.Option(help="This shadow only.", show_default="all of them")] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help="binary: brier, error or log; multiclass: error or log; regression: absolute or squared.",
            show_default="the first of the task",
        ),
    ] = None,
    since: Since = "-7d",
    until: Until = None,
    window: Annotated[
        float | None,
        typer.Option(
            help="Seconds after its first row within which the rows of an entity are one unit.",
            show_default="the experiment's, or a day",
        ),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(help="Seconds that labels get beyond that; for who looks again and again.", show_default="none"),
    ] = None,
    bound: Annotated[
        float | None, typer.Option(help="Where a loss is cut.", show_default="by the loss, or the first labels")
    ] = None,
    minimum: Annotated[
        float | None,
        typer.Option(help="The smallest difference that matters.", show_default="a hundredth of the bound"),
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Judge the shadows of an endpoint by the labels that came, beside the models that answered.

    Both saw the same rows, so what makes rows easy or hard cancels out: this needs a small part of the traffic of an experiment, and no client meets the worse model. It compares
    predictions with a truth that does not depend on who answered; what a model causes takes an experiment. Less than 0 is better for the shadow.
    """
    from cli.api import ControlApi
    from cli.experiment import show_paired

    asked: dict[str, Any] = {
        "model": model,
        "loss": loss,
        "since": since,
        "until": until,
        "window": window,
        "wait": wait,
        "bound": bound,
        "minimum": minimum,
    }
    with ControlApi(control) as api:
        report = api.call("GET", asking(f"{path_of(endpoint)}/shadow/paired", asked))
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show_paired(report)


def _design(file: Path) -> str:
    """The design in a file, as JSON; control says what is wrong with it."""
    from cli.texts import named, read_text
    from hyperplan.documents import parse

    data = parse(read_text(file)).data
    if isinstance(data, dict) and "arms" not in data:
        if "experiment" not in data:
            raise Failure(
                f"{named(file)} holds no experiment: neither is it a design, with arms, nor has it one under experiment"
            )
        data = data["experiment"]
    return json.dumps(data)
