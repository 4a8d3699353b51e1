"""Envoy's configuration, from the plan: clusters and routes, and the server that hands them over without a gap.

`resources` and what it uses turn a plan into serialised xDS resources and are pure. `delivery` knows in which order
they must reach Envoy and is pure too, messages in and messages out. Only `server` touches a socket.
"""

from extproc.xds.resources import Resources, resources_of
from extproc.xds.server import Refused, XdsServer

__all__ = ["Refused", "Resources", "XdsServer", "resources_of"]
