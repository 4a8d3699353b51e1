"""Training is repeatable and leaves behind what profiles need."""

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from demo.flights import FEATURES, each, for_training
from demo.models import load
from demo.training import Training, train

if TYPE_CHECKING:
    import pandas as pd


def test_the_same_flights_give_the_same_models(few_flights: "pd.DataFrame", training: Training, tmp_path: Path) -> None:
    again = train(few_flights, tmp_path)
    assert [(model.label, model.auc) for model in again.models] == [
        (model.label, model.auc) for model in training.models
    ]
    for first, second in zip(training.models, again.models, strict=True):
        one, other = load(first.path), load(second.path)
        matrix = one.encoder.of_frame(few_flights)
        np.testing.assert_array_equal(one.probabilities(matrix), other.probabilities(matrix))


def test_both_models_are_far_better_than_chance(training: Training) -> None:
    assert [model.label for model in training.models] == ["gbm@1", "logit@1"]
    assert all(model.auc > 0.85 for model in training.models)


def test_training_tells_how_far_it_is(few_flights: "pd.DataFrame", tmp_path: Path) -> None:
    told: list[str] = []
    train(few_flights, tmp_path, told.append)
    assert [line.split(":")[0].split(" on ")[0] for line in told[1:]] == [
        "training gbm@1",
        "gbm@1",
        "training logit@1",
        "logit@1",
    ]


def test_the_training_data_are_the_labelled_flights_in_the_order_of_time(
    few_flights: "pd.DataFrame", training: Training
) -> None:
    known = list(each(for_training(few_flights)))
    columns = ", ".join(FEATURES)
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT scheduled, late, tailnum, {columns} FROM read_parquet(?)", [str(training.data)]
        )
        rows = found.fetchall()
    assert training.rows == len(rows) == len(known)
    for flight, (scheduled, late, tailnum, *values) in zip(known, rows, strict=True):
        assert flight.scheduled.replace(tzinfo=None) == scheduled
        assert flight.late == late
        assert flight.row.get("tailnum") == tailnum
        assert [flight.row[name] for name in FEATURES] == values
