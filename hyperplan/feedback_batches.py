"""Feedback as it is posted, one or many: the same to control and to a sidecar.

A batch is taken whole or not at all. A good one is read in one decode, straight to what it means; only one that is not is read
again, item by item, to say what is wrong and where.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from hyperplan.endpoint import Endpoint
from hyperplan.feedback import Feedback, SentFeedback, feedback_of, read_sent
from hyperplan.items import JSON, LINES, MSGPACK, items_of
from hyperplan.problems import Invalid, Problem
from hyperplan.secret import Secret

MOST_PROBLEMS = 1000
"""Problems that are told."""


class TooMany(Exception):
    """More feedback than one request may hold."""


class BadBatch(Invalid):
    """A batch of which nothing was taken: `problems` are the first, and `detail` says how many are bad."""

    def __init__(self, problems: Sequence[Problem], bad: int, count: int) -> None:
        super().__init__(problems[:MOST_PROBLEMS])
        listed = f"; the first {MOST_PROBLEMS} problems are listed" if len(problems) > MOST_PROBLEMS else ""
        self.detail = f"{bad} of {count} cannot be taken, and so none was{listed}"


class Batches:
    """Reads batches, held against endpoints as `endpoint_of` gives them (None for one that there is not).

    `now` is when they were received, in nanoseconds since 1970, and `most` how much one of them may hold.
    Entities that are personal are hashed with the `secret`.
    """

    def __init__(
        self, endpoint_of: Callable[[str], Endpoint | None], now: int, most: int, secret: Secret | None = None
    ) -> None:
        self._endpoint_of = endpoint_of
        self._secret = secret
        self._now = now
        self._most = most
        self._known: dict[str, Endpoint | None] = {}

    def read(self, kind: str, body: bytes) -> list[Feedback]:
        """The feedback in a body of a media type.

        Raises:
            BadBatch: some of it is bad.
            Invalid: the body cannot be read.
            UnreadType: its type is none that is read.
            TooMany: it holds too much.
        """
        sent = _at_once(kind, body)
        if sent is None:
            return self._slowly(kind, body)
        self._check(len(sent))
        try:
            return [self._feedback(one) for one in sent]
        except Invalid:
            return self._slowly(kind, body)

    def _slowly(self, kind: str, body: bytes) -> list[Feedback]:
        items = items_of(kind, body)
        self._check(len(items))
        good: list[Feedback] = []
        problems: list[Problem] = []
        for item in items:
            try:
                good.append(self._feedback(read_sent(item.data)))
            except Invalid as error:
                if len(problems) <= MOST_PROBLEMS:
                    problems += (Problem(item.pointer + one.pointer, one.detail, item.line) for one in error.problems)
        if problems:
            raise BadBatch(problems, len(items) - len(good), len(items))
        return good

    def _check(self, count: int) -> None:
        if count > self._most:
            detail = f"feedback for {count} predictions is more than the {self._most} of one request; send several"
            raise TooMany(detail)

    def _feedback(self, sent: SentFeedback) -> Feedback:
        name = sent.endpoint
        if name not in self._known:
            self._known[name] = self._endpoint_of(name)
        endpoint = self._known[name]
        if endpoint is None:
            raise Invalid([Problem("/endpoint", f"there is no endpoint {name[:100]!r}")])
        return feedback_of(sent, endpoint, now=self._now, secret=self._secret)


def _at_once(kind: str, body: bytes) -> Sequence[SentFeedback] | None:
    """What a body holds, if it is as good as it looks."""
    try:
        return _DECODERS[kind](body) if kind in _DECODERS else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


_json = msgspec.json.Decoder(list[SentFeedback] | SentFeedback)
_line = msgspec.json.Decoder(SentFeedback)
_msgpack = msgspec.msgpack.Decoder(list[SentFeedback] | SentFeedback)


def _several(sent: Any) -> Sequence[SentFeedback]:
    return sent if isinstance(sent, list) else [sent]


_DECODERS: Mapping[str, Callable[[bytes], Sequence[SentFeedback]]] = {
    "": lambda body: _several(_json.decode(body)),
    JSON: lambda body: _several(_json.decode(body)),
    LINES: _line.decode_lines,
    MSGPACK: lambda body: _several(_msgpack.decode(body)),
}
"""How a good body is read in one go, by its media type."""
