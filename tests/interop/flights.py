"""The flights of the demo as these servers are asked about them, and the model that is in all of them.

The model is a scikit-learn pipeline over the columns of a data frame, as people train them. Only whole flights are asked about: a
tensor has no null.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib  # type: ignore[import-untyped]
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from demo.flights import CATEGORIES, NUMBERS, for_replay, for_training, load

Rows = list[dict[str, Any]]
WHOLE_NUMBERS = ("distance", "hour")

SCHEMA: dict[str, Any] = {
    "on_violation": "reject",
    "features": {
        **{name: {"type": "int" if name in WHOLE_NUMBERS else "float"} for name in NUMBERS},
        **{name: {"type": "category"} for name in CATEGORIES},
    },
}


class Flights(NamedTuple):
    """A model that was trained and saved, and rows that it has not seen, in the order of the schema."""

    path: Path
    estimator: Any
    rows: Rows

    def expected(self, rows: Rows) -> list[list[float]]:
        """What the model answers when it is called in this process: the probability of each class."""
        found: list[list[float]] = self.estimator.predict_proba(pd.DataFrame(rows)).tolist()
        return found


def train(folder: Path) -> Flights:
    """Train the model on a few thousand flights."""
    features = [*NUMBERS, *CATEGORIES]
    whole = load().dropna(subset=features)
    known, later = for_training(whole).iloc[::25], for_replay(whole, 60)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(CATEGORIES)), remainder="passthrough"
    )
    classifier = HistGradientBoostingClassifier(max_iter=15, early_stopping=False, random_state=1)
    estimator = make_pipeline(columns, classifier).fit(known[features], known["late"].astype(bool))
    path = folder / "model.joblib"
    joblib.dump(estimator, path)
    return Flights(path, estimator, json.loads(later[features].to_json(orient="records", double_precision=15)))


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
