"""How flights become numbers."""

from pathlib import Path
from typing import TYPE_CHECKING

import joblib  # type: ignore[import-untyped]
import numpy as np
import pytest

from demo.flights import CATEGORIES, NUMBERS, each
from demo.models import Encoder, encoder_of, load

if TYPE_CHECKING:
    import pandas as pd

ENCODER = Encoder(("dep_delay", "distance"), {"origin": ("EWR", "JFK")})


def test_a_row_is_its_numbers_and_a_one_at_its_category() -> None:
    assert ENCODER.of_rows([[5.0, 800, "JFK"]]).tolist() == [[5.0, 800.0, 0.0, 1.0]]


def test_what_is_missing_is_nan_and_an_unknown_category_is_none_of_them() -> None:
    encoded = ENCODER.of_rows([[None, 800, "LGA"], [5.0, None, None]])
    np.testing.assert_array_equal(encoded, [[np.nan, 800, 0, 0], [5, np.nan, 0, 0]])


def test_training_and_serving_encode_alike(few_flights: "pd.DataFrame") -> None:
    encoder = encoder_of(few_flights, NUMBERS, CATEGORIES)
    rows = [[flight.row[name] for name in encoder.features] for flight in each(few_flights)]
    np.testing.assert_array_equal(encoder.of_rows(rows), encoder.of_frame(few_flights))


def test_a_model_outlives_its_file(model_path: Path) -> None:
    model = load(model_path)
    row = [[None] * len(model.encoder.features)]
    assert (model.name, model.version) == ("gbm", "1")
    assert 0 < model.probabilities(model.encoder.of_rows(row))[0] < 1


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    joblib.dump({"no": "model"}, tmp_path / "other.joblib")
    with pytest.raises(TypeError, match="holds no model of the demo"):
        load(tmp_path / "other.joblib")
