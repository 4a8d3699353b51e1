"""Commands that make, check and compare feature schemas."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.addresses import path_of
from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, ControlUrl, Json
from cli.texts import named, read_text
from hyperplan.problems import Invalid

if TYPE_CHECKING:
    from cli.inferring import Inference
    from hyperplan.schema import Schema

group = typer.Typer(
    name="schema",
    help="Infer, check and compare feature schemas: what one row of a request holds.",
    no_args_is_help=True,
)
app.add_typer(group)

BREAKS = 1
"""The exit status of a check that found something, and of a comparison that found what was not to be."""


@group.command()
def infer(
    source: Annotated[
        Path,
        typer.Argument(
            help="Training data in Parquet or CSV; or an MLflow model's folder, its MLmodel file, or a signature in JSON."
        ),
    ],
    leave_out: Annotated[
        list[str], typer.Option("--leave-out", help="A column that is no feature, like the label; may be repeated.")
    ] = [],  # noqa: B006 - typer copies it
    endpoint: Annotated[
        str | None, typer.Option(help="Print a whole endpoint document of this name, to be filled in.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the schema that training data shows, as the `schema:` part of an endpoint document.

    It is a first guess, for you to read: take out what is no feature (--leave-out label), name units and sources. Numbers get a range of what
    was seen and half its width more on either side; texts of which there are few become categories with the values seen; a column with null
    in it may be null. The data itself meets it. Columns that no feature can hold are named on standard error, with the reason.

    hyperplan schema infer train.parquet --leave-out delayed --endpoint flight-delay > flight-delay.yaml
    """
    import msgspec

    from hyperplan.schema.document import written_schema, written_skeleton

    found = _inferred(source, leave_out)
    if as_json:
        typer.echo(json.dumps({"schema": msgspec.to_builtins(found.schema), "left_out": found.left_out}))
        return
    for name, reason in found.left_out.items():
        typer.echo(f"left out: {name} {reason}", err=True)
    typer.echo(written_skeleton(endpoint, found.schema) if endpoint else written_schema(found.schema), nl=False)


def _inferred(source: Path, leave_out: list[str]) -> "Inference":
    from cli.inferring import infer_file, inference
    from cli.tables import is_table
    from hyperplan.documents import parse
    from hyperplan.schema.signatures import features_of_signature

    model = source / "MLmodel" if source.is_dir() else source
    try:
        if is_table(model):
            return infer_file(model, leave_out)
        columns = list(features_of_signature(parse(read_text(model)).data))
        return inference((name, feature) for name, feature in columns if name not in leave_out)
    except Invalid as error:
        raise Failure(f"no schema can be inferred from {named(model)}", error.problems) from None


@group.command()
def check(
    file: Annotated[Path, typer.Argument(help="The data: Parquet or CSV, a column for each feature.")],
    schema: Annotated[
        Path | None, typer.Option(help="The schema: a file with it, or a whole endpoint document.", show_default=False)
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="An endpoint of control, whose schema is meant.", show_default=False)
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Hold data against a schema, with the checks that serving makes of requests. The exit status is 1 if anything breaks it.

    For each feature and kind of violation (missing, null, type, range, category, renamed): how many rows, what serving would do about them,
    and examples with their rows, counted from 0. NaN is null, as data frames have it. Columns that the schema does not know, such
    as labels and keys, are named and break nothing.

    hyperplan schema check train.parquet --schema flight-delay.yaml
    """
    from rich.console import Console
    from rich.progress import Progress

    from cli.checking import check_file

    against = _schema(schema, endpoint, control)
    with Progress(console=Console(stderr=True, quiet=as_json), transient=True) as progress:
        task = progress.add_task(f"checking {file}", total=None)
        try:
            checked = check_file(
                file, against, on_progress=lambda done, total: progress.update(task, completed=done, total=total)
            )
        except Invalid as error:
            raise Failure(f"{file} cannot be checked", error.problems) from None
    if as_json:
        import msgspec

        typer.echo(json.dumps(msgspec.to_builtins(checked._asdict())))
    else:
        from cli.showing import show_checked

        show_checked(checked)
    if checked.breaks:
        raise typer.Exit(BREAKS)


def _schema(file: Path | None, endpoint: str | None, control: str) -> "Schema":
    """The schema of a file, or that of an endpoint of control."""
    if (file is None) == (endpoint is None):
        raise Failure("say against what: --schema FILE or --endpoint NAME, one of the two")
    if file is not None:
        return _read_schema(file)
    import msgspec

    from cli.api import ControlApi
    from hyperplan.endpoint import Endpoint

    with ControlApi(control) as api:
        return msgspec.convert(api.call("GET", path_of(endpoint or ""))["document"], Endpoint).schema


def _read_schema(file: Path) -> "Schema":
    from hyperplan.schema.document import parse_schema

    text = read_text(file)
    try:
        return parse_schema(text)
    except Invalid as error:
        raise Failure.of(named(file), error) from None


@group.command()
def compare(
    old: Annotated[Path, typer.Argument(help="The schema as it was: a file with it, or a whole endpoint document.")],
    new: Annotated[Path, typer.Argument(help="The schema as it is to be.")],
    require: Annotated[
        str | None,
        typer.Option(help="Fail unless the new one is compatible: backward, forward or full.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a new version of a schema means to clients and models of the old one.

    It is backward compatible if clients may stay as they are: what the old version took without a violation, the new one takes. It is
    forward compatible if a model that was made for the old version meets nothing new: what the new one takes, the old one took. A change
    of a unit breaks both, although no check could see it. --require makes a test of it, for continuous integration.

    hyperplan schema compare flight-delay.yaml changed.yaml --require backward
    """
    from hyperplan.schema.compatibility import compatibility

    wanted = {None: (), "backward": ("backward",), "forward": ("forward",), "full": ("backward", "forward")}
    if require not in wanted:
        raise Failure(f"--require must be backward, forward or full, not {require!r}")
    found = compatibility(_read_schema(old), _read_schema(new))
    if as_json:
        import msgspec

        typer.echo(json.dumps(msgspec.to_builtins(found)))
    else:
        from cli.showing import show_compatibility

        show_compatibility(found)
    if not all(getattr(found, each) for each in wanted[require]):
        raise typer.Exit(BREAKS)
