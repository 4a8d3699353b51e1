"""Load from `wrk` (Debian's package of that name): so many connections, each with one request at a time.

The bodies are given to wrk in a script that prepares every request before it begins, so that the generator itself costs
next to nothing, and prints what it saw as JSON.
"""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cli.failure import Failure

_SCRIPT = """
local bodies = {{ {bodies} }}
local requests, turn = {{}}, 0
function init()
  wrk.headers["content-type"] = "application/json"
  for index, body in ipairs(bodies) do requests[index] = wrk.format("POST", nil, nil, body) end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


class Load(NamedTuple):
    """What a load saw. Latencies are in milliseconds.

    `refused` counts answers that were no 2xx or 3xx, `broken` requests without an answer.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def errors(self) -> int:
        """Requests that did not get what they asked for."""
        return self.refused + self.broken


def write_script(path: Path, bodies: Sequence[bytes]) -> None:
    """Write the script that posts these bodies in turn."""
    path.write_text(_SCRIPT.format(bodies=", ".join(_quoted(body) for body in bodies)))


async def load(url: str, script: Path, *, connections: int, seconds: float) -> Load:
    """Load a URL for so many whole seconds.

    Raises:
        Failure: wrk is not there, or does not end well.
    """
    if shutil.which("wrk") is None:
        raise Failure("the benchmark needs wrk: apt-get install wrk")
    arguments = ["-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(script), url]
    wrk = await asyncio.create_subprocess_exec(
        "wrk", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await wrk.communicate()
    lines = output.decode().splitlines()
    if wrk.returncode or not lines or not lines[-1].startswith("{"):
        raise Failure("wrk failed:\n" + "\n".join(lines[-5:]))
    return Load(**json.loads(lines[-1]))


def _quoted(body: bytes) -> str:
    """A string of Lua's that needs no escapes: JSON holds no `]==]`."""
    return f"[==[{body.decode()}]==]"
