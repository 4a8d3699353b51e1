"""HTTP/2 and gRPC, as far as Envoy's external processor needs them and a hostile peer may strain them.

In two layers. `connection` is a state machine without I/O: bytes in, events and bytes out; `frames`, `settings`, `streams`,
`header_blocks`, `requests` and `allowance` are its parts. `call` is gRPC on top of it, still without I/O. `protocol`
and `server` put both on asyncio.
"""

from extproc.transports.h2.server import H2Transport

__all__ = ["H2Transport"]
