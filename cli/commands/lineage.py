"""Commands about where things come from: predictions, and the models that made them."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.addresses import asking, checked_url, path_of
from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, Author, ControlUrl, EndpointName, Jaeger, Json, Reason

group = typer.Typer(
    name="models", help="Models: what versions were made of, and how they differ.", no_args_is_help=True
)
app.add_typer(group)


@app.command()
def explain(
    prediction_id: Annotated[str, typer.Argument(help="The prediction, as x-hyperplan-prediction-id names it.")],
    endpoint: Annotated[
        str | None, typer.Option(help="The endpoint that made it; needed only where several have had the same id.")
    ] = None,
    jaeger: Jaeger = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show all that is known of a prediction, from the request to the run that trained the model.

    Its trace, the features as they were served and what was wrong with them, the schema, the routing and who set it, when and why, the arm and its
    probability, who answered, what shadows answered, all feedback, and the models with their lineage. Only part of the traffic is sampled: of
    a prediction that was not, what is known all the same is shown.

    hyperplan explain 0b2f6c1e-5d0c-4f3a-9a41-7d8f3f2f9a10
    """
    from cli.api import ControlApi
    from cli.lineages import show_explanation

    path = asking(f"/v1/predictions/{quote(prediction_id, safe='')}", {"endpoint": endpoint})
    with ControlApi(control) as api:
        found = api.call("GET", path)
    trace = found["trace"]
    if jaeger and trace and trace["recorded"]:
        trace["url"] = f"{checked_url(jaeger, '--jaeger').rstrip('/')}/trace/{trace['id']}"
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_explanation(found)


@group.command("show")
def show(
    endpoint: EndpointName,
    model: Annotated[
        str | None, typer.Argument(help="The model, like gbm@1, also one that is gone; left out, all are listed.")
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show the models behind an endpoint with what they were made of, or one of them whole.

    A model that repeats an earlier one (the same data, code and parameters), of any endpoint, is said to.
    """
    from cli.api import ControlApi
    from cli.lineages import show_model, show_models

    path = path_of(endpoint)
    with ControlApi(control) as api:
        found = api.call(
            "GET", f"{path}/lineage" if model is None else f"{path}/models/{quote(model, safe='')}/lineage"
        )
    if as_json:
        typer.echo(json.dumps(found))
    elif model is None:
        show_models(found)
    else:
        show_model(found)


@group.command("compare")
def compare(
    endpoint: EndpointName,
    models: Annotated[
        list[str] | None,
        typer.Argument(help="The models, like gbm@1 gbm@2, also such as are gone; left out, all there are."),
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show model versions side by side: data, code, parameters, metrics and all else that they say.

    hyperplan models compare flight-delay gbm@1 gbm@2
    """
    from cli.api import ControlApi
    from cli.lineages import show_comparison

    with ControlApi(control) as api:
        found = api.call("GET", asking(f"{path_of(endpoint)}/comparison", {"model": models}))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_comparison(found)


@group.command("import")
def import_lineage(
    endpoint: EndpointName,
    model: Annotated[str, typer.Argument(help="The model of the endpoint that the run made, like gbm@1.")],
    mlflow: Annotated[
        str,
        typer.Option(envvar="MLFLOW_TRACKING_URI", help="The URL of the tracking server, like http://127.0.0.1:5000."),
    ],
    run: Annotated[str | None, typer.Option(help="The id of the run.")] = None,
    registered: Annotated[
        str | None,
        typer.Option(help="A version of a registered model in place of a run: flights/3, or flights@champion."),
    ] = None,
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Take the lineage of a model from the MLflow run that made it, in place of the one that it has.

    Parameters, the last value of each metric, the datasets that were logged as inputs with their digests, the commit, who and when. MLflow is only read.
    Credentials are MLflow's own variables: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.

    hyperplan models import flight-delay gbm@2 --mlflow http://127.0.0.1:5000 --run 3f1c9a...
    """
    import msgspec

    from cli.api import ControlApi
    from cli.mlflow import MLflow, parse_registered

    if (run is None) == (registered is None):
        raise Failure("say which run made the model: give --run, or --registered, one of the two")
    with MLflow(mlflow) as server:
        extra: dict[str, Any] = {}
        if registered is not None:
            run, extra = server.run_of(parse_registered(registered))
        found = server.lineage(run or "", extra)
    with ControlApi(control, author=author, reason=reason or f"lineage of run {run} from MLflow") as api:
        path = f"{path_of(endpoint)}/models/{quote(model, safe='')}"
        current = api.send("GET", path)
        changed = current.json() | {"lineage": msgspec.to_builtins(found.lineage)}
        answer = api.send("PUT", path, content=json.dumps(changed), headers={"if-match": current.headers["etag"]})
    revision, said = int(answer.headers["etag"].strip('"')), answer.json()
    remarks = [*found.remarks, *said.get("notes", [])]
    if as_json:
        told = {
            "endpoint": endpoint,
            "model": model,
            "revision": revision,
            "lineage": said["lineage"],
            "notes": remarks,
        }
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{endpoint}: revision {revision}, {model} is of run {run}")
    for remark in remarks:
        typer.echo(f"note: {remark}")
