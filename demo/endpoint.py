"""The demo's endpoint documents, with the models' addresses filled in.

They are `endpoint.yaml` and, for when the truth comes back, what `experiment.yaml` puts over it, written for people: comments and order survive the filling in.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
    return _filled_in(_read("endpoint.yaml"), addresses)


def document_of_experiment(addresses: Mapping[str, str]) -> str:
    """The same with an experiment, a shadow and thresholds in it."""
    content = _read("endpoint.yaml")
    for key, value in _read("experiment.yaml").items():
        content[key] = {**content[key], **value} if key == "models" else value
    return _filled_in(content, addresses)


def _read(name: str) -> Any:
    return _yaml().load(Path(__file__).with_name(name))


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 200
    return yaml


def _filled_in(content: Any, addresses: Mapping[str, str]) -> str:
    for model, address in addresses.items():
        name = model.partition("@")[0]
        content["models"][model]["url"] = f"{address.rstrip('/')}/v1/models/{name}:predict"
    text = io.StringIO()
    _yaml().dump(content, text)
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
