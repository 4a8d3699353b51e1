"""Our sidecar with one worker that has a supervisor: what exporting from another process costs.

`python -m bench.supervised OPTIONS`, with the options of `hyperplan sidecar`. That command starts no supervisor for one worker.
"""

import sys
from typing import Any

from cli.main import main
from extproc import sidecar
from extproc.workers import Supervisor


def _supervised(settings: Any, telemetry: Any) -> Supervisor:
    return Supervisor(1, sidecar.sockets_in(settings.run), lambda report: telemetry.absorb(report.told()))


if __name__ == "__main__":
    sidecar._service = _supervised  # the one place that decides
    sys.argv[1:1] = ["sidecar"]
    main()
