"""The hot path is compiled where that was asked for, and only there."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "setup.py"


def hot() -> list[str]:
    """The files that setup.py compiles."""
    for statement in ast.parse(SETUP.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "HOT":
            found: list[str] = ast.literal_eval(statement.value)
            return found
    raise AssertionError("setup.py names no hot path")


@pytest.mark.parametrize("file", hot())
def test_each_file_of_the_hot_path_is_the_code_that_runs(file: str) -> None:
    wanted = any(Path(place).parts[-2:] == ("build", "compiled") for place in sys.path)
    spec = importlib.util.find_spec(file.removesuffix(".py").replace("/", "."))
    assert spec is not None
    assert spec.origin is not None
    assert spec.origin.endswith(".so") == wanted
