"""The `hyperplan` command: one function for each command, thin, and importing what it needs only when it is called.

The sidecar must not pay for control's libraries, nor `hyperplan --help` for any of them.
"""

import sys

from cli.app import command_line
from cli.commands import (
    alerts,
    endpoints,
    experiment,
    exploration,
    export,
    feedback,
    lineage,
    monitoring,
    privacy,
    processes,
    rollouts,
    samples,
    schema,
    skew,
    thresholds,
)
from cli.failure import Failure, report
from hyperplan.problems import Invalid

COMMANDS = (
    processes,
    endpoints,
    lineage,
    schema,
    samples,
    feedback,
    export,
    privacy,
    monitoring,
    experiment,
    exploration,
    thresholds,
    rollouts,
    skew,
    alerts,
)
"""In the order in which `--help` lists them."""


def main() -> None:
    """Run the command line."""
    try:
        command_line()()
    except Failure as failure:
        report(failure, as_json="--json" in sys.argv[1:])
        sys.exit(1)
    except Invalid as error:
        report(Failure.of("the configuration", error), as_json="--json" in sys.argv[1:])
        sys.exit(1)
    except ModuleNotFoundError as error:
        sys.exit(
            f"error: this command needs a part that is not installed ({error.name}): pip install 'hyperplan[demo]'"
        )


if __name__ == "__main__":
    main()
