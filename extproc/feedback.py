"""Feedback that clients send through Envoy, so that they need one address only.

Envoy routes `FEEDBACK_PATH` here. What is good goes the way of the samples, over OTLP, and waits where they wait while control is away; so it
is answered with 202: accepted, and on its way. When there is no room it is answered with 503 before any of it is taken, never dropped in silence.
"""

import time
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from extproc.http import Reply
from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback
from hyperplan.feedback_batches import BadBatch, Batches, TooMany
from hyperplan.items import UnreadType
from hyperplan.plan import FEEDBACK_PATH
from hyperplan.problems import Invalid, Problem
from hyperplan.protocols import Body
from hyperplan.protocols.base import written
from hyperplan.secret import Secret

MOST_FEEDBACK = 1000
"""Predictions of one request. It is read in one go, in some milliseconds, between decisions; control takes more."""
LARGEST_BODY = 1 << 20
"""Bytes of one request."""
PROBLEM = "application/problem+json"


class Taker(Protocol):
    """Hands feedback on."""

    def told(self, feedback: Sequence[Feedback]) -> bool:
        """Take all of it, or none, and say so."""


class FeedbackDesk:
    """Answers requests with feedback, held against the endpoints as they are now."""

    def __init__(
        self, endpoint_of: Callable[[str], Endpoint | None], taker: Taker, secret: Secret | None = None
    ) -> None:
        self._endpoint_of = endpoint_of
        self._secret = secret
        self._taker = taker

    def answering(self, path: str, body: Body) -> Generator[None, None, Reply]:
        """Answer a request, see `extproc.http.Answers`."""
        yield
        if path.partition("?")[0] != FEEDBACK_PATH:
            return _problem(404, "Not Found", f"feedback is taken at {FEEDBACK_PATH}")
        if len(body.content) > LARGEST_BODY:
            return _problem(413, "Content Too Large", f"a request may have {LARGEST_BODY} bytes; send several")
        kind = body.content_type.partition(";")[0].strip().lower()
        try:
            feedback = Batches(self._endpoint_of, time.time_ns(), MOST_FEEDBACK, self._secret).read(kind, body.content)
        except UnreadType as error:
            return _problem(415, "Unsupported Media Type", str(error))
        except TooMany as error:
            return _problem(413, "Content Too Large", str(error))
        except BadBatch as error:
            return _problem(422, "Unprocessable Content", error.detail, error.problems)
        except Invalid as error:
            return _problem(422, "Unprocessable Content", "the body cannot be read", error.problems)
        if not self._taker.told(feedback):
            return _problem(503, "Service Unavailable", "there is no room for feedback now; send it again later")
        return Reply(202, written({"feedback": len(feedback)}))


def _problem(status: int, title: str, detail: str, problems: Sequence[Problem] = ()) -> Reply:
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = written(document | ({"errors": problems} if problems else {}))
    return Reply(status, body._replace(content_type=PROBLEM))
