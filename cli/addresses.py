"""Addresses: those that processes listen on, `host:port`, and whether they are free; URLs; and where the API has things."""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from cli.failure import Failure
from hyperplan.endpoint import ENDPOINT_NAME


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as an http URL; an address that listens everywhere is reached on loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{Address(host, self.port)}"


def parse_address(text: str, option: str) -> Address:
    """Read `host:port`; an IPv6 address stands in brackets.

    Raises:
        Failure: it is something else; the message names the option.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.netloc != text or parts.username is not None:
        raise Failure(f"{option} must be host:port, like 127.0.0.1:8080, not {text!r}")
    return Address(host, port)


def claim(text: str, option: str) -> Address:
    """Check that an address is free, and replace port 0 by a free port.

    Raises:
        Failure: the port is taken, or the host is none of this machine's.
    """
    return claim_each({option: text})[0]


def claim_each(addresses: Mapping[str, str]) -> list[Address]:
    """Check, as `claim` does, addresses that are all to be used: no two may be the same. They are given by their options.

    Raises:
        Failure: as `claim`, for the first that cannot be had.
    """
    with ExitStack() as held:
        return [_claim(parse_address(text, option), option, held) for option, text in addresses.items()]


def _claim(address: Address, option: str, held: ExitStack) -> Address:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    probe = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((address.host, address.port))
        probe.listen()  # two sockets that reuse addresses may share one until one of them listens
    except OSError as error:
        raise Failure(f"cannot listen on {address}: {error.strerror}; choose another address with {option}") from None
    return Address(address.host, probe.getsockname()[1])


def checked_url(text: str, option: str) -> str:
    """An http or https URL, as it was given.

    Raises:
        Failure: it is none; the message names the option.
    """
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise Failure(f"{option} must be a URL like http://127.0.0.1:7070, not {text!r}")
    return text


def collector(text: str, option: str) -> Address:
    """Where an OTLP receiver listens, out of its URL. Envoy speaks to it in the clear, so https is refused.

    Raises:
        Failure: it is no http URL with a port; the message names the option.
    """
    scheme, _, rest = text.partition("://")
    try:
        address = parse_address(rest.rstrip("/"), option)
    except Failure:
        address = None
    if scheme != "http" or address is None:
        raise Failure(f"{option} must be a URL like http://127.0.0.1:4317, not {text!r}")
    return address


def path_of(endpoint: str) -> str:
    """Where the API has an endpoint.

    Raises:
        Failure: no endpoint can have this name; as part of a path it would lead elsewhere.
    """
    if not ENDPOINT_NAME.fullmatch(endpoint):
        raise Failure(f"{endpoint!r} is no name of an endpoint; `hyperplan get` lists those that there are")
    return f"/v1/endpoints/{endpoint}"


def asking(path: str, asked: Mapping[str, object]) -> str:
    """A path with a query: what is None is not asked, a list is asked once for each.

    >>> asking("/v1/alerts", {"endpoint": "a b", "state": None, "kind": ["unit", "scale"]})
    '/v1/alerts?endpoint=a+b&kind=unit&kind=scale'
    """
    query = urlencode({name: value for name, value in asked.items() if value is not None}, doseq=True)
    return f"{path}?{query}" if query else path
