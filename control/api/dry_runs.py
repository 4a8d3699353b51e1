"""Dry runs: who would answer a given request, and why."""

import asyncio
import base64
import binascii
import json
from typing import Any

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from control.api.bodies import BODY, AnyRequest, body_of, merged
from control.api.writable import writable
from control.registry import Registry
from hyperplan.documents import Document
from hyperplan.dry_run import DryRun, dry_run
from hyperplan.endpoint import Endpoint, read_endpoint
from hyperplan.plan import CompiledEndpoint, PlannedEndpoint
from hyperplan.problems import Invalid, Problem


class TriedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as a client would send it to the endpoint.

    `payload` is the body: a string as it is, anything else as JSON; bytes that are no text come as `base64` instead. `routing` is a JSON
    Merge Patch of the routing, to ask about an edit before it is made.
    """

    headers: dict[str, str] = {}
    payload: Any = None
    base64: str | None = None
    routing: dict[str, Any] = {}

    def body(self) -> bytes:
        """The bytes of the body.

        Raises:
            Invalid: there are two, or what is called base64 is none.
        """
        if self.base64 is not None:
            if self.payload is not None:
                raise Invalid([Problem("/base64", "stands beside a payload; a request has one body")])
            try:
                return base64.b64decode(self.base64, validate=True)
            except (binascii.Error, ValueError) as error:
                raise Invalid([Problem("/base64", f"is no base64: {error}")]) from None
        if self.payload is None:
            return b""
        text = self.payload if isinstance(self.payload, str) else json.dumps(self.payload)
        return text.encode("utf-8", "surrogatepass")

    def routed(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint with the routing that is asked about.

        Raises:
            Invalid: it could not have that routing.
        """
        if not self.routing:
            return endpoint
        whole = msgspec.json.decode(msgspec.json.encode(endpoint))
        return read_endpoint(Document(whole | {"routing": merged(whole["routing"], self.routing)}))


@post("/v1/endpoints/{name:str}/dry-run", status_code=200, opt={BODY: TriedRequest})
async def try_request(
    name: FromPath[str], request: AnyRequest, registry: NamedDependency[Registry]
) -> Response[DryRun]:
    """Who would answer a request, and why: what is wrong with it, whom it is about, which arms could be chosen.

    Nothing is sent to a model, counted or sampled. The path and the host of the request are taken to be the endpoint's.
    """
    tried = await body_of(request, TriedRequest)
    entry, endpoint = await asyncio.to_thread(registry.get, name)
    return Response(await asyncio.to_thread(_run, tried, entry.number, endpoint))


def _run(tried: TriedRequest, revision: int, endpoint: Endpoint) -> DryRun:
    compiled = CompiledEndpoint(PlannedEndpoint(revision, tried.routed(endpoint)))
    headers = {key.lower(): value.strip().encode("utf-8", "surrogatepass") for key, value in tried.headers.items()}
    found = dry_run(compiled, headers, tried.body())
    return msgspec.convert(writable(msgspec.to_builtins(found)), DryRun)


handlers: list[Any] = [try_request]
