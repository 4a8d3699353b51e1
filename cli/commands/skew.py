"""`hyperplan skew`: what is wrong with served data, against training data; here of two files, with no server."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, ControlUrl, Json
from hyperplan.problems import Invalid

if TYPE_CHECKING:
    from hyperplan.schema import Schema
    from hyperplan.skew.finding import Finding

FOUND = 1
"""The exit status when something was found, as that of `schema check`."""

group = typer.Typer(name="skew", invoke_without_command=True)
app.add_typer(group)


@group.callback()
def skew(
    context: typer.Context,
    reference: Annotated[
        Path | None, typer.Option(help="What the model was trained on: Parquet or CSV, a column for each feature.")
    ] = None,
    serving: Annotated[Path | None, typer.Option(help="What it was served: Parquet or CSV.")] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            help="The schema, or an endpoint document that has one: units and sources make findings say more.",
            show_default="inferred from --reference",
        ),
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option(
            "--time-column",
            help="The column by which the rows of both are put in the order of time.",
            show_default="as they stand",
        ),
    ] = None,
    leave_out: Annotated[
        list[str],
        typer.Option(
            "--leave-out",
            help="A column that is no feature, like the label, when the schema is inferred; may be repeated.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with what a model is served, against what it was trained on.

    Needs no server: both are files. Prints a sentence for each finding: a unit or scale that changed, a column that was renamed, dropped,
    recoded, constant or filled with a default, rates of null and of values never seen, distributions that moved more than training itself
    did. What is due to another finding is not told twice.

    hyperplan skew --reference train.parquet --serving monday.parquet --schema endpoint.yaml

    With --json: a list of objects with feature, kind (schema, feature, distribution, scoring), finding (unit, renamed, shift, ...),
    effect, evidence (the natural logarithm of an e-value: 7 is one in a thousand), sentence, and where it began and was last seen, as
    times if --time-column has them and as rows of the served file otherwise.

    Exits with 0 when nothing was found, 1 when something was, or when a file cannot be read (with --json that is an object with `error`,
    and not a list).
    """
    if context.invoked_subcommand is not None:
        return
    if reference is None or serving is None:
        raise Failure("skew needs two files: --reference with training data, and --serving with what was served")
    found = _found(reference, serving, schema, time_column, leave_out, as_json=as_json)
    if as_json:
        typer.echo(json.dumps([_told(one, timed=time_column is not None) for one in found]))
    else:
        _show(found, timed=time_column is not None)
    if found and not exit_zero:
        raise typer.Exit(FOUND)


def _found(
    reference: Path, serving: Path, schema: Path | None, time_column: str | None, leave_out: list[str], *, as_json: bool
) -> "list[Finding]":
    from rich.console import Console
    from rich.progress import Progress

    from cli.skewing import columns_of_file, looks_of_file, series_of_file, skew_of

    try:
        declared = _schema(schema, reference, [*leave_out, *([time_column] if time_column else [])])
        with Progress(console=Console(stderr=True, quiet=as_json), transient=True) as progress:

            def shown(path: Path) -> Any:
                task = progress.add_task(f"reading {path}", total=None)
                return lambda done, total: progress.update(task, completed=done, total=total)

            series = series_of_file(reference, declared, time_column, shown(reference))
            looks = looks_of_file(serving, declared, columns_of_file(reference), time_column, shown(serving))
        return skew_of(declared, series, looks)
    except Invalid as error:
        raise Failure("the files cannot be compared", error.problems) from None


def _schema(document: Path | None, reference: Path, without: list[str]) -> "Schema":
    """The schema of a document; without one, that which training data shows."""
    from cli.inferring import infer_file
    from cli.texts import read_text
    from hyperplan.schema.document import parse_schema

    if document is None:
        return infer_file(reference, without).schema
    return parse_schema(read_text(document))


def _told(finding: "Finding", *, timed: bool) -> dict[str, Any]:
    """A finding as JSON has it."""
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(finding)
    since, until = told.pop("since"), told.pop("until")
    if timed:
        return {**told, "since": _moment(since), "until": _moment(until)}
    return {**told, "since_row": since, "until_row": until}


def _moment(nanoseconds: int | None) -> str | None:
    from datetime import UTC, datetime

    return None if nanoseconds is None else datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat()


def _show(found: "list[Finding]", *, timed: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    if not found:
        typer.echo("nothing found: what was served is like what was trained on")
        return
    table = Table("finding", "since" if timed else "since row", "what", box=None, pad_edge=False)
    for one in found:
        since = _moment(one.since) if timed else "-" if one.since is None else f"{one.since:,}"
        table.add_row(f"{one.kind}: {one.finding}", since or "-", one.sentence)
    Console().print(table)


@group.command("join")
def skew_join(
    log: Annotated[Path, typer.Option(help="The training log: Parquet or CSV, a row for each key.")],
    key: Annotated[
        str,
        typer.Option(
            help="The column that says which rows belong together; of samples also prediction_id, entity, or a feature."
        ),
    ],
    served: Annotated[Path | None, typer.Option(help="What was served: Parquet or CSV.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Take what was served from control instead: the samples of this endpoint.")
    ] = None,
    since: Annotated[str, typer.Option(help="Samples from when: a time, or as long ago as -15m, -1h, -7d.")] = "-1d",
    schema: Annotated[
        Path | None,
        typer.Option(
            help="The schema, or an endpoint document that has one: which columns are features, their units, and which are personal.",
            show_default="all columns that both sides have",
        ),
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option(
            "--time-column", help="The column of the log in whose order rows may be late.", show_default="as they stand"
        ),
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever differs.")] = False,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Set served values beside those that the training log has of the same rows, and say exactly how they differ.

    Where both sides have a key, nothing needs to be guessed: for each feature, the share of rows that differ and, if there is one, the relation
    that holds for all of them: a factor, an offset or a unit, a rounding, another spelling, a translation, one value in place of all, or
    rows that are late. Keys are printed as hashes.

    hyperplan skew join --key flight_id --served served.parquet --log training_log.parquet --schema endpoint.yaml

    hyperplan skew join --key prediction_id --endpoint flight-delay --since -1h --log training_log.parquet

    Exits with 0 when all values are equal, 1 when some differ, or when a side cannot be read.
    """
    from cli.skew_join import Side, as_data, join, show
    from cli.texts import read_text
    from hyperplan.schema.document import parse_schema

    if (served is None) == (endpoint is None):
        raise Failure("what was served is either a file, --served, or the samples of an endpoint, --endpoint")
    try:
        declared = parse_schema(read_text(schema)) if schema else None
        side = Side(served) if served else Side(None, _observed(str(endpoint), since, control))
        joined = join(side, log, key, declared, time_column)
    except Invalid as error:
        raise Failure("the two cannot be joined", error.problems) from None
    if as_json:
        typer.echo(json.dumps(as_data(joined)))
    else:
        show(joined)
    if any(one.comparison.differ.any() for one in joined.features) and not exit_zero:
        raise typer.Exit(FOUND)


def _observed(endpoint: str, since: str, control: str) -> list[dict[str, Any]]:
    from cli.api import ControlApi
    from cli.skew_join import rows_of_samples

    with ControlApi(control) as api:
        return rows_of_samples(api, endpoint, since)
