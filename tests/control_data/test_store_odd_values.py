"""What no database must stumble over: quotes, bytes that text cannot hold, clocks that are wrong."""

from collections.abc import Callable

import pytest

from control.stores import Store
from control.stores.samples import LATEST, Question
from hyperplan.sample import Sample
from tests.support.databases import EVERYWHERE

MakeSample = Callable[..., Sample]

pytestmark = EVERYWHERE

NASTY = [
    "it's",
    "a\\'; DROP TABLE samples; --",
    "back\\slash\\n",
    "line\nend\ttab\r",
    '"double"',
    "100%s %(x)s {y} $1 ?",
    "\u2028 \U0001f600 ä",
    "\0nul",
    "",
]


@pytest.mark.parametrize("text", NASTY)
def test_any_text_is_kept_and_found_by(store: Store, make_sample: MakeSample, text: str) -> None:
    store.ingest([make_sample(f"p{text}", endpoint=f"e{text}", entity=text, chosen=text, answered=text)])
    assert len(store.samples.find(Question(f"e{text}", entity=text, chosen=text))) == 1
    assert store.samples.get(f"e{text}", f"p{text}") is not None
    assert store.windows.find(f"e{text}", 0, LATEST)[0].profile.rows == 1
    assert store.ingest([make_sample(f"p{text}", endpoint=f"e{text}", entity=text)]) == 0


def test_samples_of_clocks_that_are_wrong_go_to_their_own_time(store: Store, make_sample: MakeSample) -> None:
    store.ingest([make_sample("past", time=0), make_sample("future", time=LATEST), make_sample("now")])
    found = store.samples.find(Question("flight-delay"))
    assert [sample.prediction_id for sample in found] == ["future", "now", "past"]
    starts = [bucket.key.start for bucket in store.windows.find("flight-delay", 0, LATEST + 1)]
    assert starts[0] == 0
    assert starts[-1] == LATEST - LATEST % (60 * 10**9)
