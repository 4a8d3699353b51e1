"""How soon a label is found at its prediction, among ten million samples, while feedback goes on coming in."""

import asyncio
import random
import statistics

from bench.judgement import Bar, Line, Measured, Options, Part
from bench.loop.feedback import ASKED, joins

SAMPLES = 10_000_000

JOINED = Line("label joined to its prediction, 10 million samples, while ingesting, p99 in ms", (Bar("p99", 50.0),))


def measure(options: Options) -> Measured:
    """The figure."""
    samples = options.sized(SAMPLES, ASKED)
    milliseconds = asyncio.run(joins(samples, random.Random(options.seed)))
    p99 = statistics.quantiles(milliseconds, n=100)[98]
    beside = {"samples": samples, "median": round(statistics.median(milliseconds), 1)}
    return Measured([JOINED.judged({"p99": p99}, beside)])


PART = Part("labels at their predictions", (JOINED,), measure)
