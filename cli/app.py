"""The application that commands add themselves to."""

import inspect
from typing import Annotated, Any

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


def command_line() -> Any:
    """The command that all are part of. The paragraphs of its help fill the terminal: docstrings break lines where they suit the code."""
    command = typer.main.get_command(app)
    _fill(command)
    return command


def _fill(command: Any) -> None:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)
    for inner in getattr(command, "commands", {}).values():
        _fill(inner)
