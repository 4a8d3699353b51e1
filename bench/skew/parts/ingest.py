"""Samples that control acknowledges as durable in a second, one process: `python -m bench.ingest`, with the store that comes by default."""

import json
import sys

from bench import children
from bench.judgement import Bar, Line, Measured, Options, Part
from cli.failure import Failure

SAMPLES = 100_000
LONGEST = 600.0

DURABLY = Line("samples ingested durably a second, one process", (Bar("rate", 20_000.0, at_least=True),))


def measure(options: Options) -> Measured:
    """The figure, and what each store did."""
    given = ["--json", "--store", "duckdb", "--samples", str(options.sized(SAMPLES, 2_048))]
    done = children.run([sys.executable, "-m", "bench.ingest", *given], timeout=LONGEST)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failure(f"bench.ingest failed: {said[-1] if said else done.returncode}")
    found = json.loads(done.stdout)
    rates = [one["rate"] for store in found["stores"] for one in store["rounds"]]
    (figure,) = found["figures"]
    return Measured([DURABLY.judged({"rate": figure["value"]}, {"rounds": [round(rate) for rate in rates]})])


PART = Part("samples taken in durably", (DURABLY,), measure)
