"""One prediction, explained, by nothing but its id."""

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from control.explaining import Explaining, find
from control.explanation import Explanation
from control.problems import bad_parameter, not_found
from control.stores import Store


@get("/v1/predictions/{prediction_id:str}", sync_to_thread=True)
def get_prediction(
    store: NamedDependency[Store],
    explaining: NamedDependency[Explaining],
    prediction_id: FromPath[str],
    endpoint: FromQuery[str | None] = None,
) -> Explanation:
    """All that is known of a prediction: its trace, the features as they were served, the schema, the routing and who set it, the arm and its probability, who answered,
    what shadows answered, all feedback, and the models with the runs that made them.

    One that was not sampled is told as such, with what is known all the same. `endpoint` is needed only where several have had the same id.
    """
    found = find(store, prediction_id)
    if endpoint is None and len(found) > 1:
        raise bad_parameter("endpoint", f"must say which is meant: {', '.join(found)} have all had this id")
    name = endpoint if endpoint is not None else next(iter(found), None)
    if name is None or name not in found:
        of = f" of {endpoint}" if endpoint is not None else ""
        elsewhere = f"; {', '.join(found)} has one of this id" if found else ""
        detail = (
            "it was not sampled and nobody sent feedback for it, or both have been removed since, or the id is none"
        )
        raise not_found(f"nothing is known of a prediction {prediction_id!r}{of}: {detail}{elsewhere}")
    return explaining.explain(prediction_id, name, found[name])


handlers: list[Any] = [get_prediction]
