"""Commands about samples."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.addresses import path_of
from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, ControlUrl, Json
from hyperplan.problems import Invalid

if TYPE_CHECKING:
    from cli.api import ControlApi

group = typer.Typer(
    name="samples", help="Samples: requests that were observed, and their answers.", no_args_is_help=True
)
app.add_typer(group)


@group.callback()
def samples() -> None:
    """Samples: requests that were observed, and their answers."""  # a group of one command needs it


@group.command("import")
def import_samples(
    file: Annotated[Path, typer.Argument(help="What was scored: Parquet or CSV, a row for each request.")],
    endpoint: Annotated[str, typer.Option(help="The endpoint whose schema describes the columns.")],
    model: Annotated[str, typer.Option(help="The model version that answered, like gbm@1.")],
    time_column: Annotated[
        str | None,
        typer.Option(
            help="When each row was scored: dates (UTC unless they say) or seconds since 1970.", show_default="now"
        ),
    ] = None,
    prediction_column: Annotated[str | None, typer.Option(help="What the model said.", show_default="none")] = None,
    id_column: Annotated[
        str | None, typer.Option(help="The id of each prediction.", show_default="made of the file and the row")
    ] = None,
    entity_column: Annotated[
        str | None, typer.Option(help="Whom each row is about.", show_default="as the endpoint says")
    ] = None,
    inclusion: Annotated[
        float,
        typer.Option(min=0, max=1, help="The probability with which these rows were picked out of all there were."),
    ] = 1.0,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Give control the samples of a model that is served elsewhere: in a batch, or on a device.

    Each row becomes a sample, as if a sidecar had seen it: checked by the endpoint's schema, and counted in its skew at its own time. Columns
    that are no features stay where they are. With --time-column a file that is imported twice counts once.

    hyperplan samples import scored.parquet --endpoint flight-delay --model gbm@1 --time-column at --prediction-column score
    """
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from cli.api import ControlApi
    from cli.importing import Columns, SampleFile
    from hyperplan.endpoint import Endpoint

    columns = Columns(time_column, prediction_column, id_column, entity_column)
    done = 0
    with ControlApi(control) as api, Progress(console=Console(stderr=True, quiet=as_json)) as progress:
        document = msgspec.convert(api.call("GET", path_of(endpoint))["document"], Endpoint)
        try:
            samples = SampleFile(file, document, model, columns, inclusion)
            task = progress.add_task(f"importing {file}", total=samples.rows)
            for batch in samples.batches():
                done += _sent(api, batch, done)
                progress.update(task, completed=done)
        except Invalid as error:
            raise Failure(f"{file} cannot be imported; {done} of its rows were", error.problems) from None
    if as_json:
        typer.echo(json.dumps({"samples": done, "left_alone": samples.left_alone}))
        return
    if samples.left_alone:
        typer.echo(f"left alone, being no features: {', '.join(samples.left_alone)}", err=True)
    typer.echo(f"{model}: {done:,} samples")


def _sent(api: "ControlApi", batch: list[dict[str, Any]], before: int) -> int:
    """Send samples; how many. They are the rows of the file after the first so many."""
    import msgspec

    try:
        answer = api.call(
            "POST",
            "/v1/samples",
            content=msgspec.msgpack.encode(batch),
            headers={"content-type": "application/msgpack"},
        )
    except Failure as failure:
        rows = f"rows {before + 1} to {before + len(batch)}, of which /0 is the first"
        raise Failure(f"{failure.message} ({rows}; {before} rows before them were taken)", failure.problems) from None
    return int(answer["samples"])
