"""From text, or plain data, to an endpoint: the only way there is.

So wherever a bad document comes from it gets the same list of everything that is wrong with it.
"""

import re

from hyperplan.documents import Document, located, parse, readable
from hyperplan.endpoint.checks import problems_of
from hyperplan.endpoint.document import Endpoint
from hyperplan.problems import Invalid


def parse_endpoint(text: str) -> Endpoint:
    """Read an endpoint document, YAML or JSON.

    Raises:
        Invalid: with everything that is wrong with it.
    """
    return read_endpoint(parse(text))


def read_endpoint(document: Document) -> Endpoint:
    """Read an endpoint from plain data, as `parse_endpoint` does from text.

    Checks of what the document means run on all that could be read of it, whatever else is wrong. What they say counts
    unless it may only follow from something that could not be read.
    """
    reading = readable(Endpoint, document)
    problems = list(reading.problems)
    if reading.value is not None:
        found = [problem for problem in problems_of(reading.value) if not reading.in_doubt(problem.pointer)]
        problems += [problem for problem in found if not _follows(problem.pointer, reading.lost)]
    if problems or reading.value is None:
        raise Invalid(located(problems, document.lines))
    return reading.value


_FOLLOWS = (
    (r"/routing/(split|fallback|shadow)/.+|/routing/default", r"/models"),
    (r"/models/[^/]+/(protocol|signature|paths(/.+)?)|/paths(/.+)?|/routing/default", r"/protocol"),
    (r"/models/[^/]+/timeout", r"/timeout"),
    (r"/routing/default", r"/routing/split(/.+)?|/paths(/.+)?|/schema(/features)?|/models/.+|/on_failure"),
    (r"/models/[^/]+/rule", r"/schema(/.+)?|/task"),
    (r"/models/[^/]+/(protocol|features/.+)", r"/schema(/features(/.+)?)?"),
    (r"/routing/shadow/.+", r"/routing/split(/.+)?"),
    (r"/routing/sticky", r"/entity(/.+)?"),
    (r"/entity/feature|/slices/.+", r"/schema(/features)?"),
    (r"/thresholds(/.+)?", r"/task|/protocol|/models|/paths(/.+)?|/thresholds/.+"),
    (r"/experiment/(arms/.+|unit|metric/of)", r"/(models|routing|task)(/.+)?"),
    (r"/experiment/(arms|control)", r"/experiment/arms(/.+)?"),
    (r"/experiment/before", r"/experiment/unit"),
    (r"/exploration(/.+)?", r"/task|/routing(/.+)?|/experiment(/.+)?|/exploration/.+"),
)
"""Where a check may fail, by its pointer, only because something elsewhere was lost."""


def _follows(place: str, lost: frozenset[str]) -> bool:
    return any(
        re.fullmatch(wrong, place) and any(re.fullmatch(cause, other) for other in lost) for wrong, cause in _FOLLOWS
    )
