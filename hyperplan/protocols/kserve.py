"""KServe's V1 inference protocol: TensorFlow Serving's row form, and nothing else of it.

See https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol.
"""

from typing import Any

from hyperplan.protocols.base import filled_list, member
from hyperplan.protocols.tfserving import TFServing


class KServe(TFServing):
    """`{"instances": [{...}, ...]}` and `{"predictions": [...]}`."""

    name = "kserve"

    def rows(self, body: Any) -> list[Any]:
        return filled_list(member(body, "instances"), "instances")

    def predictions(self, body: Any) -> list[Any]:
        return filled_list(member(body, "predictions"), "predictions")
