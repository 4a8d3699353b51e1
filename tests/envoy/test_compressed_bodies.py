"""Compressed requests: Envoy unpacks them, so that the sidecar checks and models get plain bodies, whatever clients send."""

import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import brotli
import httpx
import pytest
import zstandard

from tests.envoy.running import ModelServer, Served, endpoint_document, unused_url

Serving = Callable[..., Awaitable[Served]]
Server = Callable[..., Awaitable[ModelServer]]
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
PLAIN = b'{"instances": [%s]}' % b",".join(b'{"x": %d.5}' % number for number in range(50_000))
STRICT = {"on_violation": "reject", "features": {"x": {"type": "float"}}}
each_coding = pytest.mark.parametrize("coding", CODINGS)


def encoded(coding: str) -> dict[str, str]:
    return {"content-type": "application/json", "content-encoding": coding}


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body of unknown length, which is sent in chunks."""
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


@each_coding
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
async def test_a_compressed_body_is_checked_and_reaches_the_model_as_it_was_before(
    coding: str, chunked: bool, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    delay = await served(endpoint_document({"a@1": model.url("/a")}, schema=STRICT))
    body, bad = CODINGS[coding](PLAIN), CODINGS[coding](b'{"instances": [{"x": "no"}]}')
    answers = [
        await client.post(delay.url, content=in_pieces(sent) if chunked else sent, headers=encoded(coding))
        for sent in (body, bad)
    ]
    assert [answer.status_code for answer in answers] == [200, 422]
    [seen] = model.seen
    assert seen.body == PLAIN
    assert "content-encoding" not in seen.headers


@each_coding
async def test_a_compressed_body_is_translated(
    coding: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(answer=b'{"predictions": [0.5, 0.25]}')
    document = endpoint_document({"a@1": unused_url("/a"), "b@1": model.url("/b")}, schema=STRICT)
    document["models"]["b@1"]["protocol"] = "mlflow"
    delay = await served(document)
    body = CODINGS[coding](b'{"instances": [{"x": 1.5}, {"x": 2.5}]}')
    response = await client.post(delay.url, content=body, headers=encoded(coding))
    assert (response.status_code, response.json()) == (200, {"predictions": [0.5, 0.25]})
    [seen] = model.seen
    assert seen.body.startswith(b'{"dataframe_split"')
    assert seen.headers["content-length"] == str(len(seen.body))


@each_coding
async def test_a_body_that_is_too_large_only_when_unpacked_is_a_413(
    coding: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    delay = await served(endpoint_document({"a@1": model.url()}, schema=STRICT, max_body=1000))
    body = CODINGS[coding](PLAIN)
    response = await client.post(delay.url, content=body, headers=encoded(coding))
    assert (response.status_code, model.seen) == (413, [])


@each_coding
async def test_a_bomb_does_no_harm(
    coding: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    delay = await served(endpoint_document({"a@1": model.url()}, schema=STRICT))
    response = await client.post(delay.url, content=bomb(coding), headers=encoded(coding))
    assert response.status_code in (400, 413)
    assert model.seen == []
    assert peak(delay) < 150 << 20
    response = await client.post(delay.url, content=b'{"instances": [{"x": 1.5}]}')
    assert response.status_code == 200


def bomb(coding: str) -> bytes:
    """A few hundred kilobytes or less of half a gigabyte of spaces."""
    spaces = b" " * (1 << 20)
    match coding:
        case "gzip":
            packer = zlib.compressobj(9, zlib.DEFLATED, 31)
            return b"".join(packer.compress(spaces) for _ in range(512)) + packer.flush()
        case "br":
            compressor = brotli.Compressor(quality=1)
            return b"".join([*(compressor.process(spaces) for _ in range(512)), compressor.finish()])
        case _:
            writer = zstandard.ZstdCompressor().compressobj()
            return b"".join(writer.compress(spaces) for _ in range(512)) + writer.flush()


def peak(served: Served) -> int:
    """Bytes of memory that Envoy held at most."""
    status = Path(f"/proc/{served.envoy.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@each_coding
@pytest.mark.parametrize("damage", ["cut off", "not what it says"])
async def test_a_body_that_cannot_be_unpacked_is_a_400(
    coding: str, damage: str, served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    delay = await served(endpoint_document({"a@1": model.url()}, schema=STRICT))
    body = CODINGS[coding](PLAIN)[:-20] if damage == "cut off" else PLAIN
    response = await client.post(delay.url, content=body, headers=encoded(coding))
    assert (response.status_code, model.seen) == (400, [])


async def test_a_coding_that_envoy_cannot_undo_is_refused_by_name(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    delay = await served(endpoint_document({"a@1": model.url()}, schema=STRICT))
    response = await client.post(delay.url, content=zlib.compress(PLAIN), headers=encoded("deflate"))
    assert (response.status_code, model.seen) == (415, [])
    assert "deflate" in response.text


async def test_what_the_client_accepts_is_left_to_the_model_that_answers(
    served: Serving, model_server: Server, client: httpx.AsyncClient
) -> None:
    packed = gzip.compress(b'{"predictions": [0.5]}')
    model = await model_server(answer=packed, headers={"content-encoding": "gzip"})
    delay = await served(endpoint_document({"a@1": model.url()}))
    headers = {"accept-encoding": "gzip"}
    request = client.build_request("POST", delay.url, content=b'{"instances": [{"x": 1.5}]}', headers=headers)
    response = await client.send(request, stream=True)
    raw = b"".join([part async for part in response.aiter_raw()])
    assert (raw, response.headers["content-encoding"]) == (packed, "gzip")
    assert model.seen[0].headers["accept-encoding"] == "gzip"
