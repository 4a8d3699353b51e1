"""A reference of three million rows by a thousand columns, and a report on 300,000 more, in time and memory.

The columns are generated chunk by chunk and never all there, as a file that is larger than memory would be read. A process of its own does all
of it: profiles the chunks, keeps the series, looks at the rest and says what it found. One column in a hundred is shifted in what is served,
or a report that finds nothing would be no report.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench import children
from bench.judgement import Bar, Line, Measured, Options, Part
from bench.skew.data import Columns
from cli.failure import Failure
from cli.skewing import skew_of
from hyperplan.profile import Profile
from hyperplan.schema import Float, Schema
from hyperplan.skew.case import Look

TRAINING, SERVED, COLUMNS = 3_000_000, 300_000, 1_000
CHUNK = 100_000
LOOK = 10_000
SHIFTED_EVERY = 100
LONGEST = 3_600.0

WIDE = Line(
    "3,000,000 rows by 1,000 columns and a report on 300,000 more",
    (
        Bar("minutes", 10.0),
        Bar("GB", 4.0),
        Bar("share of shifted columns found", 1.0, at_least=True),
        Bar("others found", 0.0),
    ),
)


def name(number: int) -> str:
    """What a column is called."""
    return f"c{number:04}"


def chunk(rows: int, columns: int, seed: int, moved: float = 0.0) -> Columns:
    """Rows of all columns: continuous ones, amounts with two digits, counts. One in a hundred is moved by so many deviations."""
    drawn = np.random.default_rng(seed)
    found: Columns = {}
    for number in range(columns):
        values = drawn.standard_normal(rows)
        if number % SHIFTED_EVERY == 0:
            values += moved
        if number % 4 == 1:
            np.round(np.exp(values), 2, out=values)
        elif number % 4 == 2:
            np.floor(10 * np.abs(values), out=values)
        found[name(number)] = values
    return found


def chunks(rows: int, columns: int, size: int, seed: int, moved: float = 0.0) -> Iterator[Columns]:
    """Chunk after chunk."""
    for number, begin in enumerate(range(0, rows, size)):
        yield chunk(min(size, rows - begin), columns, seed + number, moved)


def report(
    training: int, served: int, columns: int, seed: int, chunk_rows: int = CHUNK, look_rows: int = LOOK
) -> dict[str, Any]:
    """Profile the one, report on the other; how long each took, and the most memory that was in use."""
    schema = Schema(features={name(number): Float() for number in range(columns)})
    began = time.monotonic()
    reference = [Profile.of_columns(schema, one) for one in chunks(training, columns, chunk_rows, seed)]
    profiled = time.monotonic()
    looks = [
        Look(number * look_rows * 10**9, (number + 1) * look_rows * 10**9, Profile.of_columns(schema, one))
        for number, one in enumerate(chunks(served, columns, look_rows, seed + 10**6, 0.5))
    ]
    found = skew_of(schema, reference, looks)
    ended = time.monotonic()
    moved = {name(number) for number in range(0, columns, SHIFTED_EVERY)}
    told = {one.feature for one in found}
    return {
        "profiling, s": profiled - began,
        "report, s": ended - profiled,
        "minutes": (ended - began) / 60,
        "GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "share": len(told & moved) / len(moved),
        "others": len(told - moved),
    }


def measure(options: Options) -> Measured:
    """The figure, out of a process of its own."""
    training, served = options.sized(TRAINING, 10 * CHUNK), options.sized(SERVED, 5 * LOOK)
    columns = COLUMNS if options.scale >= 1 else max(20, round(COLUMNS * options.scale))
    arguments = [str(number) for number in (training, served, columns, options.seed)]
    done = children.run([sys.executable, "-m", "bench.skew.parts.wide", *arguments], timeout=LONGEST)
    if done.returncode:
        raise Failure(
            f"the process failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"
        )
    found = json.loads(done.stdout)
    values = {
        "minutes": found["minutes"],
        "GB": found["GB"],
        "share of shifted columns found": found["share"],
        "others found": float(found["others"]),
    }
    beside = {
        "rows": training + served,
        "columns": columns,
        "profiling, s": round(found["profiling, s"], 1),
        "report, s": round(found["report, s"], 1),
    }
    return Measured([WIDE.judged(values, beside)])


PART = Part("a wide reference, streamed", (WIDE,), measure)

if __name__ == "__main__":
    print(json.dumps(report(*map(int, sys.argv[1:]))))
