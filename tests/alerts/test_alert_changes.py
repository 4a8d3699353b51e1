"""Which edits of an endpoint may be behind skew: releases and changes of routing."""

from typing import Any

import pytest

from hyperplan.alerts import Change, changes_between
from hyperplan.documents import Document
from hyperplan.endpoint import Endpoint, read_endpoint


def endpoint(split: dict[str, float], url: str = "http://127.0.0.1:9/", **routing: Any) -> Endpoint:
    models = {name: {"url": url, "protocol": "json"} for name in ("gbm@1", "gbm@2", "spare@1")}
    return read_endpoint(
        Document(
            {
                "name": "flight-delay",
                "match": {"path": "/predict"},
                "protocol": "json",
                "task": "binary",
                "schema": {"features": {"distance": {"type": "float"}}},
                "models": models,
                "routing": {"split": split, **routing},
            }
        )
    )


def changed(before: Endpoint | None, after: Endpoint) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.kind, each.words, each.models) for each in changes_between(before, after, number=7, time=1)]


ALONE = endpoint({"gbm@1": 1})


def test_a_model_that_gets_its_first_share_is_released() -> None:
    after = endpoint({"gbm@1": 9, "gbm@2": 1})
    assert changed(ALONE, after) == [("release", "gbm@2 released with revision 7", ("gbm@2",))]


def test_a_model_that_is_replaced_under_its_name_is_released() -> None:
    assert changed(ALONE, endpoint({"gbm@1": 1}, url="http://127.0.0.1:8/"))[0][0] == "release"


def test_a_fallback_is_released_too() -> None:
    assert changed(ALONE, endpoint({"gbm@1": 1}, fallback=["spare@1"]))[0][2] == ("spare@1",)


def test_the_first_revision_changes_nothing_since_nothing_was_served_before() -> None:
    assert changed(None, ALONE) == []


def test_other_weights_are_a_change_of_routing_of_the_models_whose_share_moved() -> None:
    before, after = endpoint({"gbm@1": 9, "gbm@2": 1}), endpoint({"gbm@1": 5, "gbm@2": 5})
    assert changed(before, after) == [("routing", "routing changed by revision 7", ("gbm@1", "gbm@2"))]


@pytest.mark.parametrize("after", [ALONE, endpoint({"gbm@1": 5}), endpoint({"gbm@1": 1}, shadow=["gbm@2"])])
def test_what_gives_no_model_other_traffic_is_no_change(after: Endpoint) -> None:
    assert changed(ALONE, after) == []


def test_a_change_has_the_time_of_its_revision() -> None:
    (change,) = changes_between(ALONE, endpoint({"gbm@1": 1, "gbm@2": 1}), number=2, time=5)
    assert isinstance(change, Change)
    assert change.time == 5
