"""What the demo's tests share: the flights, read once, and models trained on a few of them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo import flights as data
from demo.training import Training, train

if TYPE_CHECKING:
    import pandas as pd


@pytest.fixture(scope="session")
def flights() -> "pd.DataFrame":
    return data.load()


@pytest.fixture(scope="session")
def few_flights(flights: "pd.DataFrame") -> "pd.DataFrame":
    """Every fortieth flight of the year."""
    return flights.iloc[::40]


@pytest.fixture(scope="session")
def training(few_flights: "pd.DataFrame", tmp_path_factory: pytest.TempPathFactory) -> Training:
    return train(few_flights, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def model_path(training: Training) -> Path:
    """The file of gbm@1."""
    return training.models[0].path


@pytest.fixture(scope="session")
def model_server(model_path: Path) -> Iterator[str]:
    """The address of a process that serves gbm@1 under the name that the replaying client asks for."""
    command = [sys.executable, "-m", "demo.model_server", "--model", str(model_path), "--name", "flight-delay"]
    process = subprocess.Popen([*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = re.fullmatch(r"flight-delay@1 answers at (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert ready, "the server ended before it was ready"
        yield ready[1]
    finally:
        process.terminate()
        process.communicate(timeout=10)
