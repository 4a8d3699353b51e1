"""What a report costs: ten columns of a million rows against a million rows, beside Evidently's preset on the same frames.

Both start from columns in memory and end with what was found. Rows are drawn at random; nothing changed between the two, so neither has more to
say than the other. Of the rounds the median counts.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import children
from bench.environments import LONGEST
from bench.judgement import Bar, Line, Measured, Options, Part
from bench.skew import peers
from bench.skew.data import Columns
from cli.failure import Failure
from cli.skewing import looks_of_columns, series_of_columns, skew_of
from hyperplan.schema import Float, Schema

ROWS = 1_000_000
COLUMNS = 10
ROUNDS = 3

REPORT = Line(
    "report on 1,000,000 rows by 10, Evidently's seconds by ours", (Bar("times faster", 50.0, at_least=True),)
)


def columns(rows: int, seed: int) -> Columns:
    """Ten columns: continuous ones, amounts with two digits, counts."""
    drawn = np.random.default_rng(seed)
    found: Columns = {}
    for number in range(COLUMNS):
        match number % 3:
            case 0:
                values = drawn.normal(number, 1 + number, rows)
            case 1:
                values = np.round(drawn.lognormal(number / 3, 1.0, rows), 2)
            case _:
                values = drawn.poisson(3 * number, rows).astype(np.float64)
        found[f"x{number}"] = values
    return found


def ours(reference: Columns, serving: Columns) -> float:
    """Seconds of our report."""
    schema = Schema(features={name: Float() for name in reference})
    began = time.monotonic()
    skew_of(schema, series_of_columns(schema, reference), looks_of_columns(schema, serving))
    return time.monotonic() - began


def theirs(reference: Columns, serving: Columns) -> dict[str, Any]:
    """Seconds of Evidently's report, as its script measures them, and its version.

    Raises:
        Failure: it is not installed, or failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers.write(folder / "reference.parquet", reference)
        peers.write(folder / "serving.parquet", serving)
        job = {key: str(folder / f"{key}.parquet") for key in ("reference", "serving")}
        found: dict[str, Any] = peers.ENVIRONMENTS.run("evidently", "evidently_report", job)
        return found


def command(reference: Columns, serving: Columns) -> float:
    """Seconds of the command on files, start-up and all."""
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{key}.parquet" for key in ("reference", "serving")]
        for path, values in zip(paths, (reference, serving), strict=True):
            peers.write(path, values)
        given = ["--reference", str(paths[0]), "--serving", str(paths[1]), "--json"]
        began = time.monotonic()
        done = children.run([*peers.HYPERPLAN, "skew", *given], timeout=LONGEST)
        seconds = time.monotonic() - began
    if done.returncode not in (0, 1):
        raise Failure(f"hyperplan skew failed: {done.stderr[-200:]}")
    json.loads(done.stdout)
    return seconds


def measure(options: Options) -> Measured:
    """The figure, in one run: both in turn, on the same data."""
    rows = options.sized(ROWS, 10_000)
    reference, serving = columns(rows, options.seed), columns(rows, options.seed + 1)
    rounds = []
    for number in range(ROUNDS):
        options.say(f"  round {number + 1} of {ROUNDS}")
        took = ours(reference, serving)
        found = theirs(reference, serving)
        rounds.append(
            {"ours, s": took, f"evidently {found['version']}, s": found["seconds"], "ratio": found["seconds"] / took}
        )
    whole = command(reference, serving)
    ratio = statistics.median(one["ratio"] for one in rounds)
    took = statistics.median(one["ours, s"] for one in rounds)
    beside = {"rows": rows, "our seconds": round(took, 3), "our command on files, s": round(whole, 3)}
    return Measured([REPORT.judged({"times faster": ratio}, beside)], {"seconds of a report": rounds})


PART = Part("a report on a million rows, beside Evidently's", (REPORT,), measure)
