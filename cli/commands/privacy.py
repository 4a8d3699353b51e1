"""The command that has an entity forgotten."""

import json
import os
from typing import Annotated
from urllib.parse import quote

import typer

from cli.addresses import asking
from cli.app import app
from cli.failure import Failure
from cli.figures import counted
from cli.keys import read_secret
from cli.options import CONTROL, ControlUrl, Json, KeyFile


@app.command()
def forget(
    key: Annotated[str, typer.Argument(help="The entity as clients name it, or its hash (pii-...).")],
    endpoint: Annotated[str | None, typer.Option(help="At this endpoint only.", show_default="at all of them")] = None,
    key_file: KeyFile = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Forget an entity: erase its samples, what shadows answered to its requests, and the truth about its predictions.

    What comes later about predictions made before now is not kept. Asked again there is nothing left to erase.

    Where entities are kept as hashes (pii), the name is hashed with the key of the sidecars: --key-file, HYPERPLAN_KEY, or control's own.

    hyperplan forget N14228

    hyperplan forget a.person@example.org --endpoint churn --key-file hyperplan.key
    """
    from cli.api import ControlApi

    if not key:
        raise Failure("nobody is named: give the entity as clients name it, or its hash")
    secret = read_secret(key_file, os.environ)
    asked = {"endpoint": endpoint, "hashed": secret.entity(key) if secret is not None else None}
    with ControlApi(control) as api:
        erased = api.call("DELETE", asking(f"/v1/entities/{quote(key, safe='')}", asked))
    if as_json:
        typer.echo(json.dumps(erased))
        return
    for place in erased["endpoints"]:
        typer.echo(f"{place['endpoint']}: {_counted(place)}")
    typer.echo(f"erased in all: {_counted(erased)}")
    typer.echo(erased["stays"])


def _counted(counts: dict[str, int]) -> str:
    samples, shadows = (
        counted(counts["samples"], "sample"),
        counted(counts["shadows"], "answer of shadows", "answers of shadows"),
    )
    return f"{samples}, {shadows}, feedback for {counted(counts['feedback'], 'row')}"
