"""Scripts in environments of their own: how a peer that cannot live beside us is asked. A job goes in as JSON, the last line that it prints comes out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench import children
from bench.suite import BUILT
from cli.failure import Failure

LONGEST = 1800.0
"""Seconds that a script may take."""


class Environments(NamedTuple):
    """The environments of a suite's peers, in a folder each, made by a command; and the scripts that run in them."""

    folder: Path
    scripts: Path
    made_by: str

    @staticmethod
    def of(suite: str) -> "Environments":
        """Those of a suite."""
        return Environments(BUILT / suite, Path(__file__).parent / suite / "scripts", f"make bench-{suite}")

    def run(self, peer: str, script: str, job: Mapping[str, Any]) -> Any:
        """What a script says in a peer's environment to a job.

        Raises:
            Failure: the peer is not installed, or the script failed.
        """
        python = self.folder / peer / "bin" / "python"
        if not python.exists():
            raise Failure(f"{python} is not there: run `{self.made_by}`, which installs the peers first")
        command = [str(python), str(self.scripts / f"{script}.py")]
        done = children.run(command, timeout=LONGEST, given=json.dumps(job))
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise Failure(f"{peer} failed: {said[-1] if said else done.returncode}")
        return json.loads(done.stdout.splitlines()[-1])
