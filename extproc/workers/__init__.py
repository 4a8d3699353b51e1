"""Workers: processes that serve requests on one socket, and the supervisor that keeps them.

With one worker, which is the default, the sidecar serves in its own process and none of this runs. With more, the sidecar's
process keeps what there must be one of (the plan, xDS, telemetry) and hands each connection of Envoy's to a
worker, which tells it what it counted and saw. `messages` is what they say to one another, `channel` how.
"""

from extproc.workers.supervisor import Supervisor

__all__ = ["Supervisor"]
