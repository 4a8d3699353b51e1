"""Commands about feedback: the truth that comes for predictions."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.addresses import path_of
from cli.app import app
from cli.failure import Failure
from cli.figures import counted
from cli.options import CONTROL, ControlUrl, Json
from hyperplan.problems import Invalid

if TYPE_CHECKING:
    from cli.api import ControlApi

group = typer.Typer(name="feedback", help="Feedback: the truth that comes for predictions.", no_args_is_help=True)
app.add_typer(group)

OfEndpoint = Annotated[str, typer.Option(help="The endpoint that made the predictions.")]


@group.command("send")
def send(
    endpoint: OfEndpoint,
    prediction_id: Annotated[
        str | None, typer.Option("--id", help="The prediction, as x-hyperplan-prediction-id names it.")
    ] = None,
    entity: Annotated[str | None, typer.Option(help="Whom the prediction was about, where its id was lost.")] = None,
    predicted_at: Annotated[str | None, typer.Option(help="When it was made: a date, or seconds since 1970.")] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Seconds that it may be away from then.")] = 60.0,
    label: Annotated[str | None, typer.Option(help="What turned out: true, 1, 12.5, late.")] = None,
    reward: Annotated[float | None, typer.Option(help="What it was worth.")] = None,
    time: Annotated[str | None, typer.Option(help="When the truth was known.", show_default="now")] = None,
    revision: Annotated[int, typer.Option(min=0, help="A later one replaces an earlier one.")] = 0,
    row: Annotated[int, typer.Option(min=0, help="The row of the request, from 0.")] = 0,
    source: Annotated[str, typer.Option(help="Where the truth comes from.")] = "",
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Tell the truth about one prediction.

    hyperplan feedback send --endpoint flight-delay --id 7f3c... --label true

    hyperplan feedback send --endpoint flight-delay --entity N24211 --predicted-at 2026-01-31T12:00:00Z --label 1
    """
    from cli.api import ControlApi

    with ControlApi(control) as api:
        task = api.call("GET", path_of(endpoint))["document"]["task"]
        said = {
            "endpoint": endpoint,
            "prediction_id": prediction_id,
            "entity": entity,
            "predicted_at": _seconds(predicted_at),
            "tolerance": tolerance,
            "row": row,
            "label": _label(label, task),
            "reward": reward,
            "time": _seconds(time),
            "revision": revision,
            "source": source,
        }
        answer = _post(api, [{name: value for name, value in said.items() if value is not None}])
    typer.echo(json.dumps(answer) if as_json else f"{endpoint}: told")


@group.command("import")
def import_feedback(
    file: Annotated[Path, typer.Argument(help="Labels: Parquet or CSV, a row for each prediction.")],
    endpoint: OfEndpoint,
    id_column: Annotated[str | None, typer.Option(help="The id of each prediction.")] = None,
    entity_column: Annotated[str | None, typer.Option(help="Whom it was about, where ids were lost.")] = None,
    time_column: Annotated[
        str | None, typer.Option(help="When it was made, with --entity-column: dates (UTC unless they say) or seconds.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Seconds that it may be away from then.")] = 60.0,
    label_column: Annotated[str | None, typer.Option(help="What turned out.")] = None,
    reward_column: Annotated[str | None, typer.Option(help="What it was worth.")] = None,
    known_column: Annotated[str | None, typer.Option(help="When the truth was known.", show_default="now")] = None,
    revision_column: Annotated[str | None, typer.Option(help="A later revision replaces an earlier one.")] = None,
    source: Annotated[str | None, typer.Option(help="Where it comes from.", show_default="the file's name")] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Tell the truth about many predictions, out of a file.

    Each batch of rows is taken whole or not at all; a file that is imported twice counts once.

    hyperplan feedback import labels.parquet --endpoint flight-delay --id-column prediction_id --label-column late

    hyperplan feedback import labels.csv --endpoint flight-delay --entity-column tailnum --time-column at --label-column late
    """
    from rich.console import Console
    from rich.progress import Progress

    from cli.api import ControlApi
    from cli.feedback_file import Columns, FeedbackFile

    if id_column is None and (entity_column is None or time_column is None):
        raise Failure("nothing names the predictions: give --id-column, or --entity-column and --time-column")
    if label_column is None and reward_column is None:
        raise Failure("there is no truth to tell: give --label-column, --reward-column, or both")
    columns = Columns(id_column, entity_column, time_column, label_column, reward_column, known_column, revision_column)
    common: dict[str, Any] = {"endpoint": endpoint, "source": (source or file.name)[:256], "tolerance": tolerance}
    done = 0
    with ControlApi(control) as api, Progress(console=Console(stderr=True, quiet=as_json)) as progress:
        task = api.call("GET", path_of(endpoint))["document"]["task"]
        try:
            feedback = FeedbackFile(file, task, columns)
            bar = progress.add_task(f"importing {file}", total=feedback.rows)
            for batch in feedback.batches():
                _post(api, [common | row for row in batch], done)
                done += len(batch)
                progress.update(bar, completed=done)
        except Invalid as error:
            raise Failure(f"{file} cannot be imported; {done} of its rows were", error.problems) from None
    typer.echo(json.dumps({"feedback": done}) if as_json else f"{endpoint}: feedback for {counted(done, 'row')}")


def _post(api: "ControlApi", feedback: list[dict[str, Any]], before: int | None = None) -> Any:
    """Send feedback. Of a file it is that of the rows after the first so many."""
    import msgspec

    headers = {"content-type": "application/msgpack"}
    try:
        return api.call("POST", "/v1/feedback", content=msgspec.msgpack.encode(feedback), headers=headers)
    except Failure as failure:
        if before is None:
            raise
        rows = f"rows {before + 1} to {before + len(feedback)}, of which /0 is the first"
        raise Failure(f"{failure.message} ({rows}; {before} rows before them were taken)", failure.problems) from None


def _seconds(said: str | None) -> str | float | None:
    """A time as feedback has it: seconds since 1970 are a number."""
    try:
        return None if said is None else float(said)
    except ValueError:
        return said


def _label(said: str | None, task: str) -> Any:
    """A label as its task has it; what is none is for control to refuse."""
    if said is None or task == "multiclass":
        return said
    if task == "binary" and said in ("true", "false"):
        return said == "true"
    try:
        return float(said)
    except ValueError:
        return said
