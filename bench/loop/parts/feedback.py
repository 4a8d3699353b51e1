"""How much feedback control acknowledges as durable in a second: one process, over HTTP, with the store that comes by default."""

import asyncio
import random
import statistics

from bench.judgement import Bar, Line, Measured, Options, Part
from bench.loop.feedback import BATCH, rates

ROUNDS, FEEDBACK = 5, 100_000
"""Rounds, whose median is told, and the feedback of each."""

DURABLY = Line("feedback ingested durably a second, one process", (Bar("rate", 20_000.0, at_least=True),))


def measure(options: Options) -> Measured:
    """The figure."""
    found = asyncio.run(rates(ROUNDS, options.sized(FEEDBACK, BATCH), random.Random(options.seed)))
    return Measured([DURABLY.judged({"rate": statistics.median(found)}, {"rounds": [round(rate) for rate in found]})])


PART = Part("feedback taken in durably", (DURABLY,), measure)
