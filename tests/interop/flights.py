"""The flights of the demo as these servers are asked about them, and the models that are in all of them.

Models are fitted, and called directly, in the environment of one of the servers: all have the same versions of what reads a model.
Only whole flights are asked about: a tensor has no null.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from demo.flights import CATEGORIES, NUMBERS, for_replay, for_training, load
from tests.interop.servers import run_script

Rows = list[dict[str, Any]]
Predictions = list[list[float]]
WHOLE_NUMBERS = ("distance", "hour")
MODELS = ("gbm", "logit")
ENVIRONMENT = "mlflow"
"""Where models are fitted and called directly."""

SCHEMA: dict[str, Any] = {
    "on_violation": "reject",
    "features": {
        **{name: {"type": "int" if name in WHOLE_NUMBERS else "float"} for name in NUMBERS},
        **{name: {"type": "category"} for name in CATEGORIES},
    },
}


class Flights(NamedTuple):
    """The folder of the models, and rows that they have not seen, in the order of the schema."""

    folder: Path
    rows: Rows
    known: dict[tuple[str, str], Predictions]

    def path(self, model: str) -> Path:
        """The file of a model."""
        return self.folder / f"{model}.joblib"

    def expected(self, model: str, rows: Rows) -> Predictions:
        """What a model answers when it is called directly with these rows: the probability of each class."""
        return self.known[model, json.dumps(rows)]


def prepare(folder: Path) -> Flights:
    """Fit the models on a few thousand flights, and ask them about the batches that tests send: the last bit of a prediction may
    depend on the rows beside it."""
    features = [*NUMBERS, *CATEGORIES]
    whole = load().dropna(subset=features)
    for_training(whole)[[*features, "late"]].iloc[::25].to_csv(folder / "flights.csv", index=False)
    run_script(ENVIRONMENT, "fit", str(folder / "flights.csv"), str(folder))
    rows: Rows = json.loads(for_replay(whole, 60)[features].to_json(orient="records", double_precision=15))
    flights = Flights(folder, rows, {})
    batches = [rows, rows[:2], rows[:3], *([row] for row in rows)]
    for model in MODELS:
        answers = json.loads(run_script(ENVIRONMENT, "predict", str(flights.path(model)), given=json.dumps(batches)))
        flights.known.update(
            ((model, json.dumps(batch)), answer) for batch, answer in zip(batches, answers, strict=True)
        )
    return flights


class Client(NamedTuple):
    """What a client of a protocol sends and reads, written out here by hand: the tests must not trust what they test."""

    protocol: str
    path: str
    body: Callable[[Rows], Any]
    predictions: Callable[[Any], Sequence[Any]]


def _split(rows: Rows) -> Any:
    return {"dataframe_split": {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}}


def _tensors(rows: Rows) -> Any:
    datatypes = {float: "FP64", int: "INT64", str: "BYTES"}
    inputs = [
        {"name": name, "shape": [len(rows), 1], "datatype": datatypes[type(value)], "data": [row[name] for row in rows]}
        for name, value in rows[0].items()
    ]
    return {"id": "one", "parameters": {"content_type": "pd"}, "inputs": inputs}


def _of_tensor(answer: Any) -> Sequence[Any]:
    (output,) = answer["outputs"]
    count, width = output["shape"]
    data = output["data"]
    nested = (
        data if data and isinstance(data[0], list) else [data[at : at + width] for at in range(0, len(data), width)]
    )
    assert len(nested) == count
    return nested


def _predictions(answer: Any) -> Sequence[Any]:
    found: Sequence[Any] = answer["predictions"]
    return found


CLIENTS = (
    Client("tfserving", "/v1/models/flights:predict", lambda rows: {"instances": rows}, _predictions),
    Client("mlflow", "/invocations", _split, _predictions),
    Client("oip", "/v2/models/flights/infer", _tensors, _of_tensor),
)
