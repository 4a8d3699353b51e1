"""A model server that can be told to misbehave: `python -m bench.chaos.model PROTOCOL FACTOR PORT`.

It knows nothing of Hyperplan and shares no code with it. Its model is `FACTOR * x`, so that whoever reads an answer can tell
whether it is right, and whose it is. PROTOCOL is `tfserving`, `mlflow` or `oip`, as TF Serving, MLflow and MLServer speak
them; or it is a stranger who took the port: `website` answers everything with a page, `banner` speaks first and no HTTP,
`silence` takes connections and never says a word.

`PUT /mood/MOOD` says how it answers predictions from then on; health checks find it well in each mood.
"""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import h11

Model = Callable[[float], Any]
"""The prediction for one row, from its only feature `x`."""

VECTOR = 45_000
"""Numbers in each prediction of the mood `large`: an answer of 900 KB."""
_REST, _WRITTEN = "the rest", json.dumps([0.1234567890123456] * (VECTOR - 1))[1:-1].encode()
"""What stands for all numbers but the first, and what takes its place: writing them anew each time would make the model slow."""
DRIP = 0.25
"""Seconds between two bytes of the mood `trickle`."""


class Api(NamedTuple):
    """How a framework is asked: the ends of paths of predictions and of health, and what an answer to a body is."""

    predict: str
    health: str
    answer: Callable[[Mapping[str, Any], Model], Any]


def _tfserving(body: Mapping[str, Any], model: Model) -> Any:
    return {"predictions": [model(row["x"]) for row in body["instances"]]}


def _mlflow(body: Mapping[str, Any], model: Model) -> Any:
    if "dataframe_records" in body:
        return {"predictions": [model(row["x"]) for row in body["dataframe_records"]]}
    split = body["dataframe_split"]
    place = split["columns"].index("x")
    return {"predictions": [model(row[place]) for row in split["data"]]}


def _oip(body: Mapping[str, Any], model: Model) -> Any:
    (data,) = (tensor["data"] for tensor in body["inputs"] if tensor["name"] == "x")
    predictions = [model(x[0] if isinstance(x, list) else x) for x in data]
    wide = bool(predictions) and isinstance(predictions[0], list)
    shape = [len(predictions), VECTOR] if wide else [len(predictions)]
    flat = [number for vector in predictions for number in vector] if wide else predictions
    output = {"name": "predict", "shape": shape, "datatype": "FP64", "data": flat}
    return {"model_name": "chaos", "model_version": "1", "outputs": [output]}


APIS = {
    "tfserving": Api("/v1/models/chaos:predict", "/v1/models/chaos", _tfserving),
    "mlflow": Api("/invocations", "/ping", _mlflow),
    "oip": Api("/v2/models/chaos/infer", "/v2/health/ready", _oip),
}

Answer = tuple[int, str, bytes]
"""Status, content type and body."""
_JSON = "application/json"


class Server:
    """Serves one model, in the mood of the moment."""

    def __init__(self, api: Api, factor: float) -> None:
        self._api = api
        self._factor = factor
        self._mood: Mood = _well

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, until either end closes it."""
        http = h11.Connection(h11.SERVER)
        try:
            while found := await _request(http, reader):
                request, body = found
                await self._answer(request, body, http, writer)
                if writer.is_closing() or http.our_state is not h11.DONE or http.their_state is not h11.DONE:
                    return
                http.start_next_cycle()
        except (ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            pass  # a client that went away, or the end
        finally:
            writer.close()

    async def _answer(
        self, request: h11.Request, body: bytes, http: h11.Connection, writer: asyncio.StreamWriter
    ) -> None:
        path = request.target.decode().partition("?")[0]
        if path == self._api.predict:
            await self._mood(self._predicted(body), http, writer)
        elif path == self._api.health:
            await _well((200, _JSON, b"{}"), http, writer)
        elif path.startswith("/mood/") and (mood := MOODS.get(path.removeprefix("/mood/"))):
            self._mood = mood
            await _well((200, _JSON, b"{}"), http, writer)
        else:
            await _well((404, _JSON, b'{"error": "no such path"}'), http, writer)

    def _predicted(self, body: bytes) -> Answer:
        model: Model = self._vector if self._mood is _large else self._number
        try:
            answer = json.dumps(self._api.answer(json.loads(body), model)).encode()
        except (ValueError, LookupError, TypeError) as error:
            return 400, _JSON, json.dumps({"error": f"{type(error).__name__}: {error} in {body[:200]!r}"}).encode()
        return 200, _JSON, answer.replace(json.dumps(_REST).encode(), _WRITTEN)

    def _number(self, x: float) -> float:
        return self._factor * x

    def _vector(self, x: float) -> list[Any]:
        return [self._factor * x, _REST]


# Moods: what becomes of an answer.


async def _well(answer: Answer, http: h11.Connection, writer: asyncio.StreamWriter) -> None:
    status, kind, body = answer
    writer.write(_head(http, status, kind, len(body)) + body)
    http.send(h11.Data(data=body))
    http.send(h11.EndOfMessage())
    await writer.drain()


async def _large(answer: Answer, http: h11.Connection, writer: asyncio.StreamWriter) -> None:
    await _well(answer, http, writer)


async def _unavailable(_answer: Answer, http: h11.Connection, writer: asyncio.StreamWriter) -> None:
    await _well((503, _JSON, b'{"error": "out of memory"}'), http, writer)


async def _garbage(_answer: Answer, http: h11.Connection, writer: asyncio.StreamWriter) -> None:
    await _well((200, _JSON, b'{"predictions": [0.5, '), http, writer)


async def _trickle(answer: Answer, http: h11.Connection, writer: asyncio.StreamWriter) -> None:
    status, kind, body = answer
    writer.write(_head(http, status, kind, len(body)))
    for number in range(len(body)):
        writer.write(body[number : number + 1])
        await writer.drain()
        await asyncio.sleep(DRIP)
    writer.close()


async def _reset(answer: Answer, http: h11.Connection, writer: asyncio.StreamWriter) -> None:
    """Half of a body, and the connection is reset as by a crash of the machine."""
    status, kind, body = answer
    writer.write(_head(http, status, kind, len(body)) + body[: len(body) // 2])
    await writer.drain()
    await asyncio.sleep(0.02)  # the half is on its way before the reset overtakes it
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


Mood = Callable[[Answer, h11.Connection, asyncio.StreamWriter], Awaitable[None]]
MOODS: dict[str, Mood] = {
    "well": _well,
    "large": _large,
    "unavailable": _unavailable,
    "garbage": _garbage,
    "trickle": _trickle,
    "reset": _reset,
}


# Strangers on a model's port.


async def _website(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    http = h11.Connection(h11.SERVER)
    try:
        while await _request(http, reader):
            await _well((200, "text/html", b"<html><body>It works!</body></html>"), http, writer)
            http.start_next_cycle()
    except (ConnectionError, h11.ProtocolError):
        pass
    finally:
        writer.close()


async def _banner(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await _stay(writer)


async def _silence(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _stay(writer)


async def _stay(writer: asyncio.StreamWriter) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        writer.close()


STRANGERS = {"website": _website, "banner": _banner, "silence": _silence}


async def _request(http: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes] | None:
    """The next request and its body; None when there is none any more."""
    request, body = None, bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(1 << 16))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request
            return request, bytes(body)
        else:
            return None


def _head(http: h11.Connection, status: int, kind: str, length: int) -> bytes:
    head = h11.Response(status_code=status, headers=[("content-type", kind), ("content-length", str(length))])
    return http.send(head) or b""


async def serve(protocol: str, factor: float, port: int) -> None:
    """Listen on loopback until the process ends."""
    handle = STRANGERS.get(protocol) or Server(APIS[protocol], factor).serve
    server = await asyncio.start_server(handle, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
