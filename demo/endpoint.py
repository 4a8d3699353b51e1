"""The demo's endpoint document, with the models' addresses filled in.

The document itself is `endpoint.yaml`, written for people: comments and order survive the filling in.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from ruamel.yaml import YAML

NAME = "flight-delay"
"""The endpoint's name."""


def document(addresses: Mapping[str, str]) -> str:
    """The endpoint document, as YAML, with each model at the address of its server.

    `addresses` gives, for a model such as gbm@1, where its server listens, such as http://127.0.0.1:9001. Models that
    it does not name stay where the document has them.

    Raises:
        KeyError: the document has no such model.
    """
    yaml = YAML()
    yaml.width = 200
    content = yaml.load(Path(__file__).with_name("endpoint.yaml"))
    for model, address in addresses.items():
        name = model.partition("@")[0]
        content["models"][model]["url"] = f"{address.rstrip('/')}/v1/models/{name}:predict"
    text = io.StringIO()
    yaml.dump(content, text)
    return text.getvalue()


def main(
    model: Annotated[
        list[str] | None, typer.Option(help="Where a model's server is, as gbm@1=http://127.0.0.1:9001.")
    ] = None,
) -> None:
    """Print the demo's endpoint document."""
    given = [one.partition("=") for one in model or []]
    if not all(address for _, _, address in given):
        raise typer.BadParameter("must be model=address, like gbm@1=http://127.0.0.1:9001", param_hint="--model")
    try:
        typer.echo(document({name: address for name, _, address in given}), nl=False)
    except KeyError as error:
        raise typer.BadParameter(f"{error} is no model of the demo", param_hint="--model") from None


app = typer.Typer(add_completion=False)
app.command()(main)

if __name__ == "__main__":
    app()
