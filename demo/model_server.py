"""Serves one of the demo's models over TensorFlow Serving's REST API, as a process of its own.

It stands in for any model server: it knows nothing of Hyperplan, and answers what TensorFlow Serving would. What a row
does not hold is missing to the model, which was trained to cope with that, and what it holds besides is ignored. So
a renamed field is no error here, only a worse prediction. A value of the wrong type is an error.

See https://www.tensorflow.org/tfx/serving/api_rest. One thread is enough: a prediction takes less than a millisecond.
"""

import dataclasses
import socket
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from demo.models import Model, load

IDLE_TIMEOUT = 2 * 3600
"""Seconds before an idle connection is closed: longer than a proxy keeps its own (an hour), or the two ends would race."""

_JSON = "application/json"


def application(model: Model) -> Litestar:
    """The web application that serves a model."""
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_body_type(model))
    label = f"{model.name}:predict"

    @post("/v1/models/{target:str}", status_code=200)
    async def predict(target: str, request: Request[Any, Any, Any]) -> Response[bytes]:
        if target != label:
            return _error(404, f"Servable not found for request: Latest({target.partition(':')[0]})")
        try:
            body = decoder.decode(await request.body())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _error(400, f"JSON Parse error: {error}")
        if not body.instances:
            return _error(400, "'instances' is empty; send at least one row")
        matrix = model.encoder.of_rows([msgspec.structs.astuple(row) for row in body.instances])
        return _answer(200, {"predictions": model.probabilities(matrix)})

    @get("/v1/models/{name:str}")
    async def status(name: str) -> Response[bytes]:
        if name != model.name:
            return _error(404, f"Could not find any versions of model {name}")
        version = {"version": model.version, "state": "AVAILABLE"}
        return _answer(200, {"model_version_status": [version | {"status": {"error_code": "OK", "error_message": ""}}]})

    return Litestar(
        [predict, status], openapi_config=None, exception_handlers={HTTPException: _malformed}, logging_config=None
    )


def serve(model: Model, host: str, port: int) -> None:
    """Serve a model until SIGTERM or SIGINT. Port 0 takes a free one; the address is printed once it answers."""
    with socket.create_server((host, port), backlog=1024) as listener, threadpool_limits(1):
        # The first prediction loads what the others find loaded.
        model.probabilities(model.encoder.of_rows([[None] * len(model.encoder.features)]))
        typer.echo(f"{model.name}@{model.version} answers at http://{host}:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            application(model),
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=IDLE_TIMEOUT,
            timeout_graceful_shutdown=1,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _body_type(model: Model) -> type[msgspec.Struct]:
    """What a request must be: rows with the model's features, each of which may be null or absent."""
    encoder = model.encoder
    fields: list[tuple[str, Any, Any]] = [(name, float | None, None) for name in encoder.numbers]
    fields += [(name, str | None, None) for name in encoder.categories]
    row = msgspec.defstruct("Row", fields)
    return msgspec.defstruct("Body", [("instances", list[row])])  # type: ignore[valid-type]


def _answer(status: int, content: Any) -> Response[bytes]:
    return Response(msgspec.json.encode(content), status_code=status, media_type=_JSON)


def _error(status: int, message: str) -> Response[bytes]:
    return _answer(status, {"error": message})


def _malformed(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What Litestar refuses by itself: paths and methods that are not of the API."""
    return _error(error.status_code, f"Malformed request: {request.method} {request.url.path}")


def main(
    model: Annotated[Path, typer.Option(envvar="HYPERPLAN_MODEL_PATH", help="File of the trained model.")],
    name: Annotated[str, typer.Option(envvar="HYPERPLAN_MODEL_NAME", help="Name to serve it under.")],
    listen: Annotated[
        str, typer.Option(envvar="HYPERPLAN_MODEL_LISTEN", help="Address, host:port; port 0 takes a free one.")
    ] = "127.0.0.1:8501",
) -> None:
    """Serve a model of the demo over TensorFlow Serving's REST API."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise typer.BadParameter(f"{listen!r} must be host:port, like 127.0.0.1:8501", param_hint="--listen")
    try:
        loaded = load(model)
    except (OSError, TypeError) as error:
        raise typer.BadParameter(str(error), param_hint="--model") from None
    serve(dataclasses.replace(loaded, name=name), host, int(port))


app = typer.Typer(add_completion=False)
app.command()(main)

if __name__ == "__main__":
    app()
