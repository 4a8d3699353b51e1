"""What is no prediction of a known endpoint: it reaches the default upstream untouched, and the sidecar never hears of it."""

import gzip
from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.envoy.running import ModelServer, Served, endpoint_document

Serving = Callable[..., Awaitable[Served]]
Server = Callable[..., Awaitable[ModelServer]]
PACKED = gzip.compress(b'{"instances": [{"x": 1.5}]}')
REQUESTS = [
    ("GET", "/v1/models/delay:predict", b""),
    ("GET", "/v1/models/delay/metadata?verbose=1", b""),
    ("GET", "/v2/health/ready", b""),
    ("HEAD", "/v1/models/delay:predict", b""),
    ("OPTIONS", "/v1/models/delay:predict", b""),
    ("PUT", "/v1/models/delay:predict", b"{}"),
    ("DELETE", "/v1/models/delay", b""),
    ("POST", "/v1/models/delay:predict/more", b"{}"),
    ("POST", "/v1/models/other:predict?a=b", b"\x00\xff not JSON"),
]


async def calls(served: Served) -> int:
    """How often Envoy has asked the sidecar."""
    stats = await served.envoy.admin.get("/stats", params={"filter": "ext_proc.*streams_started", "format": "json"})
    return sum(stat["value"] for stat in stats.json()["stats"] if "value" in stat)


@pytest.mark.parametrize(("method", "target", "body"), REQUESTS)
async def test_what_is_no_prediction_passes_as_it_came(
    method: str, target: str, body: bytes, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model, app = await model_server(), await model_server(status=203, headers={"x-app": "yes"})
    if method == "HEAD":
        app.answer = b""
    document = endpoint_document({"a@1": model.url()}, on_failure="closed")
    delay = await served(document, default_upstream=app.url())
    headers = {"host": "shop.example", "authorization": "secret", "accept-encoding": "br", "x-mine": "stays"}
    response = await client.request(method, delay.envoy.url + target, content=body, headers=headers)
    assert (response.status_code, response.content, response.headers["x-app"]) == (203, app.answer, "yes")
    assert [name for name in response.headers if name.startswith("x-hyperplan-")] == []
    [seen] = app.seen
    assert (seen.method, seen.path, seen.body) == (method, target, body)
    assert headers.items() <= seen.headers.items()
    assert [name for name in seen.headers if name.startswith("x-hyperplan-")] == []
    assert (await calls(delay), model.seen) == (0, [])
    assert (await client.post(delay.url, content=b"{}")).status_code == 200
    assert await calls(delay) == 1, "what is counted is what is meant"


async def test_compressed_and_large_bodies_pass_as_they_are(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model, app = await model_server(), await model_server()
    delay = await served(endpoint_document({"a@1": model.url()}, max_body=1000), default_upstream=app.url())
    large = b"x" * (5 << 20)  # more than any endpoint's limit: nothing buffers it
    await client.post(delay.envoy.url + "/other", content=PACKED, headers={"content-encoding": "gzip"})
    await client.post(delay.envoy.url + "/other", content=large)
    packed, whole = app.seen
    assert (packed.body, packed.headers["content-encoding"]) == (PACKED, "gzip")
    assert packed.headers["content-length"] == str(len(PACKED))
    assert whole.body == large
    assert await calls(delay) == 0
