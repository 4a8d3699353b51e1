"""Whether a process that was started is there yet."""

import asyncio
from pathlib import Path

import httpx

from cli.addresses import Address


async def listens(address: Address) -> bool:
    """Whether somebody takes connections at an address."""
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    return True


async def listens_on(socket: Path) -> bool:
    """Whether somebody takes connections on a unix socket."""
    try:
        _, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    writer.close()
    return True


async def is_ready(admin: httpx.AsyncClient) -> bool:
    """Whether the Envoy whose admin interface this client asks takes requests. The client is closed."""
    async with admin:
        try:
            return (await admin.get("/ready")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False
