"""How many requests the API has answered, by route and status."""

from collections import Counter
from typing import NamedTuple, cast

from litestar.types import HTTPScope, Message, Scope

_METHODS = frozenset({"GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"})


class Answered(NamedTuple):
    """What answers are counted by. `route` is the path with names for its variables, empty where there is none."""

    method: str
    route: str
    status: int


class RequestCounts:
    """Counts answers since the process started; a hook that Litestar calls before it sends."""

    def __init__(self) -> None:
        self.answers: Counter[Answered] = Counter()

    async def __call__(self, message: Message, scope: Scope) -> None:
        """Count an answer that begins."""
        if message["type"] == "http.response.start":
            http = cast("HTTPScope", scope)
            # Clients can invent methods and paths; series are made of ours only.
            method = http["method"] if http["method"] in _METHODS else "other"
            self.answers[Answered(method, http.get("path_template", ""), message["status"])] += 1
