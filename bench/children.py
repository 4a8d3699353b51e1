"""Commands that are run to their end, and end when we do, however that comes: a benchmark that is killed leaves nothing running."""

import subprocess
from collections.abc import Sequence

from cli.processes import ending_with_us


def run(command: Sequence[str], *, timeout: float, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program, by its path, with text for its standard input; what it wrote.

    Raises:
        TimeoutExpired: it took longer than so many seconds, and was ended.
    """
    command = ending_with_us(command)
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=timeout, check=False)
