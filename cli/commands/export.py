"""The command that gets training data out of control."""

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from cli.addresses import path_of
from cli.app import app
from cli.options import CONTROL, ControlUrl, Json


@app.command()
def export(
    endpoint: Annotated[str, typer.Argument(help="The endpoint.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The Parquet file to write.")],
    since: Annotated[
        str | None, typer.Option(help="From when: a time, or as long ago as -1h, -7d.", show_default="the first sample")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until when, exclusive.", show_default="now")] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Write what an endpoint was really served to a Parquet file: training data, a row for each row of a sampled request.

    The features stand in columns of their own, typed by the schema. Columns that begin with `hyperplan_` say which prediction a row
    belongs to, when it was made and under which revision, who was chosen and answered, and what was predicted (as JSON). Each row
    counts for 1 / (hyperplan_inclusion) of the traffic; hyperplan_propensity is the probability with which the model was chosen, where
    hyperplan_forced is false. The rows are in the order of time: the same question gives the same file.
    """
    from cli.api import ControlApi

    asked = {name: value for name, value in (("since", since), ("until", until)) if value is not None}
    with ControlApi(control) as api:
        size = api.download(f"{path_of(endpoint)}/export?{urlencode(asked)}", output)
    if as_json:
        typer.echo(json.dumps({"endpoint": endpoint, "file": str(output), "bytes": size}))
    else:
        typer.echo(f"{output}: {size:,} bytes")
