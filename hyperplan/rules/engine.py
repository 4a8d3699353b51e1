"""The engine that evaluates CEL: `cel` of the distribution common-expression-language, written in Rust.

Only its extension module is loaded. The package imports its command line tool with it, which costs half a second and 12 MB;
the module itself takes a millisecond and two.
"""

import functools
import importlib.machinery
import importlib.util
from typing import Any

Program = Any
"""A compiled expression. `execute` takes the variables."""


class EngineFailed(ValueError):
    """The engine refused an expression or a row; the message is its own, in one line."""


def compile_expression(expression: str) -> Program:
    """Compile an expression.

    Raises:
        EngineFailed: it is none.
    """
    try:
        return _engine().compile(expression)
    except BaseException as error:
        raise _failed(error) from None


def execute(program: Program, features: dict[str, Any]) -> Any:
    """What an expression comes to for the features of a row.

    Raises:
        EngineFailed: it comes to nothing for these.
    """
    try:
        return program.execute({"features": features})
    except BaseException as error:
        raise _failed(error) from None


def _failed(error: BaseException) -> EngineFailed:
    """A failure of the engine: an exception, or a panic of Rust, which Python is told of beside the tree of exceptions."""
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    first = str(error).split("\n")[0].split(". ")[0]
    return EngineFailed(first[:300])


@functools.cache
def _engine() -> Any:
    package = importlib.util.find_spec("cel")
    where = package.submodule_search_locations if package else None
    spec = importlib.machinery.PathFinder.find_spec("cel.cel", where) if where else None
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("No module named 'cel'", name="cel")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
