"""What a command says when it cannot do what it was asked to: a sentence, never a traceback."""

import json
import sys
from collections.abc import Sequence

from hyperplan.problems import Invalid, Problem

LISTED = 20
"""Problems that are listed on a terminal; --json has all."""


class Failure(Exception):
    """A command failed for a reason that its user can understand. `problems` lists the details, if there are any."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)

    @staticmethod
    def of(what: str, error: Invalid) -> "Failure":
        """The failure of a document that was refused."""
        return Failure(f"{what} is not valid", error.problems)


def report(failure: Failure, *, as_json: bool) -> None:
    """Say what went wrong: on standard error, each thing once, or as JSON on standard output if JSON was asked for."""
    if as_json:
        errors = [{"pointer": p.pointer, "detail": p.detail, "line": p.line} for p in failure.problems]
        print(json.dumps({"error": failure.message, "errors": errors}))
    else:
        print(f"error: {failure.message}", file=sys.stderr)
        problems = [problem for problem in failure.problems if not failure.message.endswith(problem.detail)]
        for problem in problems[:LISTED]:
            print(f"  {problem}", file=sys.stderr)
        if (more := len(problems) - LISTED) > 0:
            print(f"  and {more:,} more; --json has them", file=sys.stderr)
