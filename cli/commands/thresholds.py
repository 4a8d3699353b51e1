"""Commands about thresholds: from which score on a model's answer becomes which decision."""

import json
from typing import Annotated, Any

import typer

from cli.addresses import path_of
from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, Author, ControlUrl, EndpointName, Json, Reason

group = typer.Typer(
    name="thresholds", help="Thresholds: from which score on an answer becomes which decision.", no_args_is_help=True
)
app.add_typer(group)


@group.command("show")
def show(endpoint: EndpointName, control: ControlUrl = CONTROL, as_json: Json = False) -> None:
    """Show what decides for each model version, where that comes from, and how sure it is.

    An endpoint decides when its document has a thresholds block, with an objective: f_beta, costs, precision, recall or positive_rate. Its
    answers then say in the header x-hyperplan-decision what was decided, by the threshold of the model that answered.

    What stands in brackets is a 95 % interval. Below stands what the last look at the labels came to, and why.

    hyperplan thresholds show flight-delay
    """
    from cli.api import ControlApi

    with ControlApi(control) as api:
        _tell(api.call("GET", f"{path_of(endpoint)}/thresholds"), as_json)


@group.command("learn")
def learn(endpoint: EndpointName, control: ControlUrl = CONTROL, as_json: Json = False) -> None:
    """Learn the thresholds of all model versions now, from the labels that there are.

    Control does so by itself whenever there is a quarter more feedback. What is better beyond doubt is put in force, as a revision with its
    reason; what is pinned stays.

    hyperplan thresholds learn flight-delay
    """
    from cli.api import ControlApi

    with ControlApi(control) as api:
        _tell(api.call("POST", f"{path_of(endpoint)}/thresholds/learn"), as_json)


@group.command("set")
def set_threshold(
    endpoint: EndpointName,
    model: Annotated[str, typer.Argument(help="The model version, like gbm@1.")],
    value: Annotated[
        str | None, typer.Argument(help="The threshold, like 0.4; of several classes their weights, like a=1,b=2.5.")
    ] = None,
    learnt: Annotated[bool, typer.Option("--learnt", help="Unpin: let what was learnt decide again.")] = False,
    author: Author = None,
    reason: Reason = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Pin the threshold of a model version, or unpin it. Nothing that is learnt changes a pinned one.

    hyperplan thresholds set flight-delay gbm@1 0.4 --reason "the gate crew can take no more"

    hyperplan thresholds set flight-delay gbm@1 --learnt
    """
    from urllib.parse import quote

    from cli.api import ControlApi

    if (value is None) != learnt:
        raise Failure("say which threshold: a value, or --learnt to unpin it, one of the two")
    path = f"{path_of(endpoint)}/thresholds/{quote(model, safe='')}"
    with ControlApi(control, author=author, reason=reason) as api:
        if value is None:
            report = api.call("DELETE", path)
        else:
            report = api.call("PUT", path, content=json.dumps({"value": _setting(value)}))
    _tell(report, as_json)


def _setting(value: str) -> float | dict[str, float]:
    try:
        if "=" not in value:
            return float(value)
        return {name.strip(): float(weight) for name, _, weight in (each.partition("=") for each in value.split(","))}
    except ValueError:
        raise Failure(f"{value!r} is neither a number, like 0.4, nor weights of classes, like a=1,b=2.5") from None


def _tell(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report))
        return
    from cli.thresholds import show_thresholds

    show_thresholds(report)
