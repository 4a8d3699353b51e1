"""Commands that show how models do on what they are served."""

import json
import os
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from cli.addresses import asking, path_of
from cli.app import app
from cli.failure import Failure
from cli.keys import read_secret
from cli.options import CONTROL, AllLabels, ControlUrl, EndpointName, Json, KeyFile, PredictedSince, Since, Until
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid


@app.command()
def shadow(
    endpoint: EndpointName,
    since: Since = "-1h",
    until: Until = None,
    model: Annotated[str | None, typer.Option(help="This shadow only.", show_default="all of them")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="From which score on a prediction of a binary task counts as the class 1.", show_default="0.5"
        ),
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show how the shadows of an endpoint compare with the models that answered.

    A shadow gets a copy of each request; its answer goes to nobody. Name it under routing.shadow in the document, and of the
    requests that are sampled its answers are set beside those that clients got: how often the two say the same class, by how
    much their numbers differ, how many fail and how long they take.

    Rates, means and quantiles are estimates of all requests: each sampled one counts for 1 / the probability with which it was
    sampled. What stands behind a rate in brackets is its 95 % interval; a dash says that there is too little to tell. The latency of
    the primary is what the client waited for, failovers included; that of the shadow is of its one try.
    """
    from cli.api import ControlApi
    from cli.shadow import show_shadows

    asked = {"since": since, "until": until, "model": model, "threshold": threshold}
    with ControlApi(control) as api:
        report = api.call("GET", asking(f"{path_of(endpoint)}/shadow", asked))
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show_shadows(report)


@app.command()
def performance(
    endpoint: EndpointName,
    since: PredictedSince = "-7d",
    until: Until = None,
    by: Annotated[str, typer.Option(help="What parts them: model, arm, or a slice of the endpoint.")] = "model",
    model: Annotated[str | None, typer.Option(help="Only what this model answered.")] = None,
    arm: Annotated[str | None, typer.Option(help="Only what this arm was chosen for.")] = None,
    every_label: AllLabels = False,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show how good predictions were, by the labels and rewards that came for them.

    Each metric stands with its 95 % interval, in brackets, for all traffic: a sampled row counts for 1 / the probability with which it was
    sampled, and rows of one entity belong together. Predictions count once they are older than nearly all labels take.

    hyperplan performance flight-delay --since -30d --by arm

    With --json also by windows of time, by class, and the reliability curve.
    """
    from cli.api import ControlApi
    from cli.performance import show_performance

    labels = "all" if every_label else None
    asked = {"since": since, "until": until, "by": by, "model": model, "arm": arm, "labels": labels}
    with ControlApi(control) as api:
        report = api.call("GET", asking(f"{path_of(endpoint)}/performance", asked))
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show_performance(report)


@app.command()
def profile(
    file: Annotated[Path, typer.Argument(help="The training data: Parquet or CSV, a column for each feature.")],
    endpoint: Annotated[str, typer.Option(help="The endpoint whose schema describes the columns.")],
    model: Annotated[str, typer.Option(help="The model version that was trained on it, like gbm@1.")],
    time_column: Annotated[
        str | None, typer.Option(help="The column by which rows are put in the order of time.")
    ] = None,
    chunk_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Rows in one profile of the series.",
            show_default="as many as make up to 60, but 1,000 at least",
        ),
    ] = None,
    prediction_column: Annotated[
        str | None,
        typer.Option(
            help="The column of what the model said of each row: a score, a value or a class. Of rows that it was not fitted to, or it looks too sure of itself."
        ),
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="The column of what turned out.")] = None,
    key_file: KeyFile = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Profile training data, and give it to control as the reference of a model. The data itself stays where it is.

    Personal features (pii) are hashed with the key of the sidecars, so that they can be compared with samples; without it they are left out.
    """
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from cli.api import ControlApi
    from cli.profiling import profile_file
    from hyperplan.profile.outputs import LABEL, PREDICTION

    path = path_of(endpoint)
    outputs = {PREDICTION: prediction_column, LABEL: label_column}
    with ControlApi(control) as api, Progress(console=Console(stderr=True, quiet=as_json)) as progress:
        document = msgspec.convert(api.call("GET", path)["document"], Endpoint)
        task = progress.add_task(f"profiling {file}", total=None)
        try:
            reference = profile_file(
                file,
                document,
                model,
                time_column=time_column,
                chunk_rows=chunk_rows,
                outputs={name: column for name, column in outputs.items() if column is not None},
                secret=read_secret(key_file, os.environ),
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        except Invalid as error:
            raise Failure(f"{file} cannot be profiled", error.problems) from None
        kept = api.call("PUT", f"{path}/models/{quote(model)}/reference", content=reference.encode())
    if as_json:
        typer.echo(json.dumps(kept))
    else:
        left_out = sorted(document.schema.features.keys() - kept["features"])
        without = f"; without {', '.join(left_out)}, which are personal (--key-file)" if left_out else ""
        typer.echo(f"{model}: reference of {kept['rows']:,} rows in {kept['chunks']} profiles{without}")
