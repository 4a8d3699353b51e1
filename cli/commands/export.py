"""The command that gets training data out of control."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.addresses import asking, path_of
from cli.app import app
from cli.options import CONTROL, ControlUrl, Json


@app.command()
def export(
    endpoint: Annotated[str, typer.Option(help="The endpoint.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The Parquet file to write.")],
    since: Annotated[
        str | None, typer.Option(help="From when: a time, or as long ago as -1h, -7d.", show_default="the first sample")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until when, exclusive.", show_default="now")] = None,
    labelled: Annotated[bool, typer.Option("--labelled", help="Only the rows that have feedback.")] = False,
    as_of: Annotated[
        str | None,
        typer.Option(help="Leave out feedback that was known, or told, after this time.", show_default="all counts"),
    ] = None,
    revision: Annotated[
        int | None,
        typer.Option(
            min=1, help="The revision of the endpoint whose schema types the columns.", show_default="the newest"
        ),
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Write what an endpoint was really served to a Parquet file: training data, a row for each row of a sampled request.

    The features stand in columns of their own, typed by the schema, each with its unit in its metadata. Columns that begin with `hyperplan_` say
    which prediction a row belongs to, when it was made and under which revision, who was chosen and answered, what was predicted, and the
    newest feedback: label, reward, and when it was known. Each row counts for 1 / (hyperplan_inclusion) of the traffic; hyperplan_propensity is
    the probability with which the model was chosen, where hyperplan_forced is false.

    The same question gives the same file, whose hash is printed. Labels come late: to make a data set again later, give --until, --as-of and --revision:

    hyperplan export --endpoint flight-delay --since -30d --until 2026-02-01T00:00:00Z --as-of 2026-03-01T00:00:00Z --labelled -o january.parquet
    """
    from cli.api import ControlApi

    asked = {
        "since": since,
        "until": until,
        "as_of": as_of,
        "revision": revision,
        "labelled": "true" if labelled else None,
    }
    with ControlApi(control) as api:
        written = api.download(asking(f"{path_of(endpoint)}/export", asked), output)
    if as_json:
        typer.echo(json.dumps({"endpoint": endpoint, "file": str(output), **written._asdict()}))
    else:
        typer.echo(f"{output}: {written.bytes:,} bytes, {written.hash}")
