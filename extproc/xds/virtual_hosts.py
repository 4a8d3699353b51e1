"""Envoy's virtual hosts: each is a tree in which Envoy looks up the routes of a request by its path.

Envoy tries the routes of a list one after the other, and does so twice for each request, since the filter that asks the
sidecar has the route chosen anew. In a tree it finds those of the one path that matters, so a request costs the same
however many endpoints there are.

What Envoy looks up is `:path`, which still has its query, so the keys are prefixes of it. An endpoint's path is then found
for longer paths too, that are no endpoint: the routes under a key match the path exactly, and the route of everything
else comes after them, since Envoy looks nowhere else once it has found a key.
"""

import functools
from collections.abc import Mapping, Sequence

from extproc.wire.resources_pb2 import (
    HttpRequestHeaderMatchInput,
    Matcher,
    Route,
    RouteList,
    TypedExtensionConfig,
    VirtualHost,
)
from extproc.xds.packing import packed, serialised


def virtual_host(host: str | None, found: Mapping[str, bytes], otherwise: bytes) -> VirtualHost:
    """The virtual host of a host, with or without a port, or of all that have none of their own.

    `found` is what `first_of` made for each path of an endpoint, and `otherwise` what it made for all other paths.
    """
    matcher = Matcher(on_no_match=otherwise)
    if found:  # an empty tree is not valid
        matcher.matcher_tree.input.CopyFrom(_path())
        matcher.matcher_tree.prefix_match_map.map.update(found)
    return VirtualHost(
        name=host or "*",
        domains=_domains(host),
        matcher=matcher,
        include_request_attempt_count=True,
        include_attempt_count_in_response=True,
    )


def first_of(routes: Sequence[Route]) -> bytes:
    """What Envoy does with a request whose path it has looked up: it takes the first of these routes that matches."""
    action = TypedExtensionConfig(name="routes", typed_config=packed(RouteList(routes=routes)))
    return serialised(Matcher.OnMatch(action=action))


@functools.cache
def _path() -> TypedExtensionConfig:
    """The path of a request, with its query."""
    return TypedExtensionConfig(name="path", typed_config=packed(HttpRequestHeaderMatchInput(header_name=":path")))


def _domains(host: str | None) -> list[str]:
    """What Envoy compares with the Host header. A host without a port stands for all of its ports."""
    if host is None:
        return ["*"]
    return [host] if ":" in host else [host, f"{host}:*"]
