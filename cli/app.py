"""The application that commands add themselves to."""

from typing import Annotated

import typer

from hyperplan import __version__

app = typer.Typer(
    name="hyperplan",
    help="One stable endpoint in front of any number of models: a sidecar for Envoy, and what watches over it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """One stable endpoint in front of any number of models: a sidecar for Envoy, and what watches over it."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
