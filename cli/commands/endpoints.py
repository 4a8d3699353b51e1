"""Commands that look at endpoints and edit them."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from cli.addresses import asking, path_of
from cli.app import app
from cli.failure import Failure
from cli.options import CONTROL, NONE, Author, ControlUrl, EndpointName, Json, Reason, Wait
from cli.texts import named, read_text
from hyperplan.endpoint import Endpoint, parse_endpoint
from hyperplan.problems import Invalid

if TYPE_CHECKING:
    import httpx

    from cli.api import ControlApi


@app.command()
def apply(
    file: Annotated[
        list[Path],
        typer.Option("--file", "-f", help="An endpoint document, - for standard input; several are applied in turn."),
    ],
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Make endpoints be what their documents say."""
    from cli.api import ControlApi
    from cli.following import follow, in_words

    applied = []
    with ControlApi(control, author=author, reason=reason) as api:
        for path in file:
            text = read_text(path)
            try:
                name = parse_endpoint(text).name
            except Invalid as error:
                raise Failure.of(named(path), error) from None
            applied.append(api.call("PUT", f"/v1/endpoints/{quote(name)}", content=text))
            if not as_json:
                typer.echo(f"{name}: revision {applied[-1]['revision']}")
                for note in applied[-1]["notes"]:
                    typer.echo(f"  note: {note}")
        if wait:
            sidecars = follow(api, max(one["plan"] for one in applied))
            if not as_json:
                typer.echo(in_words(sidecars))
    if as_json:
        typer.echo(json.dumps(applied))


@app.command()
def get(
    endpoint: Annotated[str | None, typer.Argument(help="The endpoint; left out, all are listed.")] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show the endpoints, or one of them whole."""
    import msgspec

    from cli.api import ControlApi
    from cli.showing import show_endpoint, show_endpoints

    with ControlApi(control) as api:
        found = api.call("GET", "/v1/endpoints" if endpoint is None else path_of(endpoint))
    if as_json:
        typer.echo(json.dumps(found))
    elif endpoint:
        show_endpoint(found["revision"], msgspec.convert(found["document"], Endpoint))
    else:
        show_endpoints(found)


@app.command()
def route(
    endpoint: EndpointName,
    split: Annotated[
        str | None, typer.Option(help="The new weights, like gbm@2=10,gbm@1=90; an arm left out gets none.")
    ] = None,
    fallback: Annotated[
        str | None,
        typer.Option(help="Who answers when the chosen arm cannot, in this order, like logit@1,prior@1; or none."),
    ] = None,
    shadow: Annotated[str | None, typer.Option(help="Who sees a copy of each request, like gbm@3; or none.")] = None,
    sticky: Annotated[
        bool | None,
        typer.Option("--sticky/--no-sticky", help="Whether an entity stays on its arm.", show_default="as it is"),
    ] = None,
    default: Annotated[
        str | None, typer.Option(help="Who answers when the sidecar cannot decide; none is the heaviest arm.")
    ] = None,
    force_header: Annotated[
        str | None, typer.Option(help="The header with which a request names its arm, like x-force-model; or none.")
    ] = None,
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Change how an endpoint chooses who answers: what is not named stays as it is. Sidecars follow at once.

    A canary: `hyperplan route flight-delay --split gbm@2=10,gbm@1=90 --reason "10 % to the new one" --wait`.
    `hyperplan dry-run` says beforehand who would answer, `hyperplan rollback` undoes it.
    """
    from cli.api import ControlApi

    named = {"fallback": _listed(fallback), "shadow": _listed(shadow)}
    edits: dict[str, object] = {field: models for field, models in named.items() if models is not None}
    if split is not None:
        edits["split"] = _parse_split(split)
    if sticky is not None:
        edits["sticky"] = sticky
    for field, value in (("default", default), ("force_header", force_header)):
        if value is not None:
            edits[field] = None if value == NONE else value
    if not edits:
        raise Failure("nothing to change; name what is to be another, like --split gbm@2=10,gbm@1=90")
    path = f"{path_of(endpoint)}/routing"
    with ControlApi(control, author=author, reason=reason) as api:
        current = api.send("GET", path)
        routing = current.json() | edits
        changed = api.send("PUT", path, content=json.dumps(routing), headers={"if-match": current.headers["etag"]})
        _finish(api, endpoint, _revision_of(changed), wait=wait, as_json=as_json)


@app.command()
def drain(
    endpoint: EndpointName,
    model: Annotated[str, typer.Argument(help="The model that is to get no request any more, like gbm@1.")],
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Take a model out of service: out of split, fallback, shadow and default. It stays a model of the endpoint.

    With --wait no new request goes to it any more when the command returns; those under way end within the endpoint's timeout.
    `hyperplan rollback` brings it back.
    """
    import msgspec

    from cli.api import ControlApi

    path = path_of(endpoint)
    with ControlApi(control, author=author, reason=reason) as api:
        current = api.send("GET", path)
        drained = api.send(
            "POST", f"{path}/models/{quote(model, safe='')}/drain", headers={"if-match": current.headers["etag"]}
        )
        _finish(api, endpoint, _revision_of(drained), wait=wait, as_json=as_json)
    if wait and not as_json:
        document = msgspec.convert(current.json()["document"], Endpoint)
        typer.echo(f"{model} gets no new request; those under way end within {document.timeout:g} seconds")


@app.command("dry-run")
def dry_run(
    endpoint: EndpointName,
    data: Annotated[
        str, typer.Option("--data", "-d", help="The body; @FILE reads it from a file, @- from standard input.")
    ] = "",
    header: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", help="A header of the request, like 'x-user-id: 7'; may be repeated."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Ask as if these were the weights, like gbm@2=10,gbm@1=90; nothing is changed.")
    ] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Say who would answer a request, and why; no model is called and nothing is counted.

    `hyperplan dry-run flight-delay --data @body.json -H 'x-user-id: 7'` tells what is wrong with the body and what is done about it, whom
    the request is about, which arm it would get (or could, where it is drawn) and who answers when that one cannot.
    """
    import base64

    from cli.api import ControlApi
    from cli.showing import show_dry_run

    asked: dict[str, object] = {
        "headers": dict(map(_parse_header, header or [])),
        "base64": base64.b64encode(_body_of(data)).decode(),
    }
    path = path_of(endpoint)
    with ControlApi(control) as api:
        if split is not None:
            weights: dict[str, float | None] = dict.fromkeys(api.call("GET", f"{path}/routing")["split"])
            weights.update(_parse_split(split))
            asked["routing"] = {"split": weights}
        found = api.call("POST", f"{path}/dry-run", content=json.dumps(asked))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_dry_run(found)


@app.command()
def rollback(
    endpoint: EndpointName,
    to: Annotated[int, typer.Option(min=1, help="The revision to go back to; `hyperplan revisions` lists them.")],
    control: ControlUrl = CONTROL,
    author: Author = None,
    reason: Reason = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Make an endpoint be what it was at an earlier revision, as a new one. One that was deleted comes back."""
    from cli.api import ControlApi

    path = path_of(endpoint)
    with ControlApi(control, author=author, reason=reason) as api:
        newest = api.call("GET", f"{path}/revisions?limit=1")["revisions"][0]
        gone = newest["change"] == "delete"
        condition = {"if-none-match": "*"} if gone else {"if-match": str(newest["revision"])}
        changed = api.call("POST", f"{path}/rollback", content=json.dumps({"to": to}), headers=condition)
        _finish(api, endpoint, changed["revision"], wait=wait, as_json=as_json)


@app.command()
def revisions(
    endpoint: Annotated[str, typer.Argument(help="The endpoint; one that was deleted still has its history.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, from the newest on.")] = 20,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show who changed an endpoint, when and why, newest first."""
    from cli.api import ControlApi
    from cli.showing import show_revisions

    with ControlApi(control) as api:
        found = api.call("GET", f"{path_of(endpoint)}/revisions?limit={limit}")
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_revisions(found["revisions"])


@app.command()
def diff(
    endpoint: EndpointName,
    older: Annotated[
        int | None, typer.Option("--from", min=0, help="A revision.", show_default="the one before --to")
    ] = None,
    newer: Annotated[int | None, typer.Option("--to", min=0, help="A revision.", show_default="the newest")] = None,
    control: ControlUrl = CONTROL,
    as_json: Json = False,
) -> None:
    """Show what was changed between two revisions of an endpoint; without options, what the last change did.

    A later revision as --from and an earlier one as --to show what `hyperplan rollback` would change.
    """
    from cli.api import ControlApi
    from cli.showing import show_diff

    with ControlApi(control) as api:
        found = api.call("GET", asking(f"{path_of(endpoint)}/diff", {"from": older, "to": newer}))
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_diff(found)


def _finish(api: "ControlApi", endpoint: str, revision: int, *, wait: bool, as_json: bool) -> None:
    """Say which revision an edit made, and, if asked to, wait until it is in force."""
    from cli.following import follow, in_words

    made: dict[str, object] = {"endpoint": endpoint, "revision": revision}
    words = f"{endpoint}: revision {revision}"
    if wait:
        plan = api.call("GET", f"{path_of(endpoint)}/revisions/{revision}")["plan"]
        sidecars = follow(api, plan)
        made |= {"plan": plan, "sidecars": sidecars}
        words += f", {in_words(sidecars)}"
    typer.echo(json.dumps(made) if as_json else words)


def _revision_of(response: "httpx.Response") -> int:
    return int(response.headers["etag"].strip('"'))


def _listed(text: str | None) -> list[str] | None:
    """Models separated by commas; None if nothing was said."""
    if text is None:
        return None
    return [] if text == NONE else [name.strip() for name in text.split(",")]


def _body_of(data: str) -> bytes:
    if not data.startswith("@"):
        return data.encode("utf-8", "surrogateescape")
    try:
        return sys.stdin.buffer.read() if data == "@-" else Path(data[1:]).read_bytes()
    except OSError as error:
        raise Failure(f"--data: {data[1:]} cannot be read: {error.strerror}") from None


def _parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Failure(f"--header: {text!r} must be a name and a value, like 'x-user-id: 7'")
    return name.strip().lower(), value.strip()


def _parse_split(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in text.split(","):
        arm, equals, weight = part.strip().partition("=")
        if arm in weights:
            raise Failure(f"--split: names {arm!r} twice; give each arm one weight")
        try:
            weights[arm] = float(weight)
        except ValueError:
            equals = ""
        if not arm or not equals:
            raise Failure(f"--split: {part.strip()!r} must be model=weight, like gbm@1=90")
    return weights
