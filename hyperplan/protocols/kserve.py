"""KServe's V1 inference protocol: TensorFlow Serving's row form, and nothing else of it.

See https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hyperplan.protocols.base import PLAIN, Body, Form, filled_list, listed_rows, member, named, written
from hyperplan.protocols.tfserving import TFServing


class KServe(TFServing):
    """`{"instances": [{...}, ...]}` and `{"predictions": [...]}`."""

    name = "kserve"

    def rows(self, message: Any) -> list[Any]:
        return named(listed_rows(member(message, "instances"), "instances"), self.speaker.features)

    def form(self, message: Any) -> Form:  # noqa: ARG002 - there is but one
        return PLAIN

    def request(self, rows: Sequence[Mapping[str, Any]], form: Form = PLAIN) -> Body:  # noqa: ARG002
        return written({"instances": rows})

    def predictions(self, message: Any) -> list[Any]:
        return filled_list(member(message, "predictions"), "predictions")

    def answer(self, predictions: Sequence[Any], form: Form = PLAIN) -> Body:  # noqa: ARG002
        return written({"predictions": predictions})
