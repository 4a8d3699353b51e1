"""Trains the demo's two models on the flights of January to June: will a flight arrive more than 15 minutes late?

`gbm@1` is gradient boosting, `logit@1` a logistic regression: the best model and the simple one, close enough that
which to serve is a real question. Each is first fitted to January to May and measured on June, which it has not seen;
then it is fitted to the whole half-year and saved. Nothing is drawn at random, so the same flights give the same
models.

Next to the models stand the flights they were trained on, as Parquet: the reference that serving is compared with.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import duckdb
import pandas as pd
import typer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from demo.flights import CATEGORIES, FEATURES, NUMBERS, TAIL_NUMBER, for_training, load
from demo.models import Encoder, Model, encoder_of

VERSION = "1"
"""The version of both models."""
HELD_OUT_MONTH = 6
"""The month that the models are measured on."""
TRAINING_DATA = "training.parquet"
"""The name of the file of training data. Its columns: `scheduled` (UTC), the features, `tailnum` and `late`."""

_SEED = 2013

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A model that was trained and saved.

    `auc` is the area under the ROC curve on the held-out month: the probability that a late flight is given a higher
    score than one that is not. `seconds` is how long fitting and measuring took.
    """

    name: str
    version: str
    path: Path
    rows: int
    auc: float
    seconds: float

    @property
    def label(self) -> str:
        """The model as endpoints name it."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Training:
    """What training left behind: the models, and the data they have seen, as Parquet in the order of time."""

    models: tuple[Trained, ...]
    data: Path
    rows: int


def train(flights: "pd.DataFrame", folder: Path, progress: Progress = lambda _: None) -> Training:
    """Train both models on the labelled flights of January to June and write everything into a folder.

    `progress` is told, in a line, what is about to happen and what came out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = for_training(flights)
    data = folder / TRAINING_DATA
    progress(f"writing {len(known):,} flights to {data.name}")
    write_parquet(known, data)
    encoder = encoder_of(known, NUMBERS, CATEGORIES)
    estimators = {"gbm": _gradient_boosting, "logit": _logistic_regression}
    # One thread: several wait for one another in busy loops, which on a machine that does other things takes far longer.
    with threadpool_limits(1):
        models = tuple(
            _trained(name, estimator, encoder, known, folder, progress) for name, estimator in estimators.items()
        )
    return Training(models, data, len(known))


def write_parquet(flights: "pd.DataFrame", path: Path) -> None:
    """Write flights as Parquet, `scheduled` as a plain timestamp in UTC. DuckDB does it: pandas would need pyarrow."""
    columns = ", ".join(f'"{name}"' for name in ("scheduled", *FEATURES, TAIL_NUMBER, "late"))
    target = str(path).replace("'", "''")
    with duckdb.connect() as connection:
        connection.register("flights", flights.assign(scheduled=flights["scheduled"].dt.tz_localize(None)))
        connection.execute(f"COPY (SELECT {columns} FROM flights) TO '{target}' (FORMAT parquet)")


def _trained(
    name: str,
    estimator: Callable[[], Any],
    encoder: Encoder,
    flights: "pd.DataFrame",
    folder: Path,
    progress: Progress,
) -> Trained:
    started = time.monotonic()
    progress(f"training {name}@{VERSION} on {len(flights):,} flights")
    matrix, late = encoder.of_frame(flights), flights["late"].to_numpy(dtype=bool)
    held_out = (flights["month"] == HELD_OUT_MONTH).to_numpy(dtype=bool)
    before = estimator().fit(matrix[~held_out], late[~held_out])
    auc = float(roc_auc_score(late[held_out], before.predict_proba(matrix[held_out])[:, 1]))
    path = folder / f"{name}.joblib"
    Model(name, VERSION, encoder, estimator().fit(matrix, late)).save(path)
    seconds = time.monotonic() - started
    progress(f"{name}@{VERSION}: AUC {auc:.3f} on the held-out month, {seconds:.1f} s")
    return Trained(name, VERSION, path, len(flights), auc, seconds)


def _gradient_boosting() -> Any:
    """15 trees: 100 are no better on the held-out month, and take four times as long to answer."""
    return HistGradientBoostingClassifier(max_iter=15, learning_rate=0.4, early_stopping=False, random_state=_SEED)


def _logistic_regression() -> Any:
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=200))


def main(folder: Annotated[Path, typer.Argument(help="Where the models and the training data go.")]) -> None:
    """Train the demo's models."""
    train(load(), folder, typer.echo)


if __name__ == "__main__":
    typer.run(main)
