"""Stages: what the sidecar does with a request, as state machines that know no transport.

A stage opens one `Exchange` for each stream of Envoy's, that is for each HTTP request. An exchange takes one message
and gives one back; it awaits nothing, so any transport can serve it, and a test is a list of messages.
"""

from extproc.stages.adapt import Adapt, AdaptExchange
from extproc.stages.base import Exchange, Metadata, Role, Stage
from extproc.stages.decide import Decide, DecideExchange
from extproc.stages.stages import Stages

__all__ = ["Adapt", "AdaptExchange", "Decide", "DecideExchange", "Exchange", "Metadata", "Role", "Stage", "Stages"]
