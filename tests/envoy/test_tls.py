"""Models at https: Envoy speaks to none whose certificate is not for it, from an authority that Envoy trusts."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import trustme

from tests.envoy.running import ModelServer, RunningEnvoy, endpoint_document, resources

EnvoyWith = Callable[..., Awaitable[RunningEnvoy]]
Server = Callable[..., Awaitable[ModelServer]]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Path:
    """The certificate of the authority, as a file."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for localhost and no other host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


async def status(client: httpx.AsyncClient, envoy: RunningEnvoy) -> int:
    return (await client.post(envoy.url + "/v1/models/delay:predict", content=b"{}")).status_code


async def test_a_model_with_a_good_certificate_answers(
    envoy_with: EnvoyWith, model_server: Server, certificate: Path, tls: ssl.SSLContext, client: httpx.AsyncClient
) -> None:
    model = await model_server(tls=tls)
    document = endpoint_document({"a@1": f"https://localhost:{model.port}/secure"})
    envoy = await envoy_with(resources(document), authorities=certificate)
    assert await status(client, envoy) == 200
    assert model.seen[0].path == "/secure"


async def test_a_certificate_for_another_host_is_refused(
    envoy_with: EnvoyWith, model_server: Server, certificate: Path, tls: ssl.SSLContext, client: httpx.AsyncClient
) -> None:
    model = await model_server(tls=tls)
    document = endpoint_document({"a@1": f"https://127.0.0.1:{model.port}/"})
    envoy = await envoy_with(resources(document), authorities=certificate)
    assert (await status(client, envoy), model.seen) == (503, [])


async def test_a_certificate_of_an_unknown_authority_is_refused(
    envoy_with: EnvoyWith, model_server: Server, tls: ssl.SSLContext, client: httpx.AsyncClient
) -> None:
    model = await model_server(tls=tls)
    envoy = await envoy_with(resources(endpoint_document({"a@1": f"https://localhost:{model.port}/"})))
    assert (await status(client, envoy), model.seen) == (503, [])
