"""`python -m bench.skew`: what the skew engine finds, how often it is wrong and what it costs, beside Evidently and NannyML."""

from bench.report import run_command
from bench.suite import Suite, command

SUITE = Suite(
    "skew",
    """Hold the skew engine to its figures, on real data, beside Evidently and NannyML. Takes some forty minutes.

    `make bench-skew` installs the data and the other two first, each into an environment of its own under build/skew. A figure whose part
    fails has the reason for a value, and does not hold.
    """,
    {
        # What is timed comes first, while nothing else runs.
        "speed": "bench.skew.parts.speed",
        "wide": "bench.skew.parts.wide",
        "query": "bench.skew.parts.query",
        "ingest": "bench.skew.parts.ingest",
        "quiet": "bench.skew.parts.quiet",
        "calendar": "bench.skew.parts.calendar",
        "units": "bench.skew.parts.units",
        "renames": "bench.skew.parts.renames",
        "sources": "bench.skew.parts.sources",
        "beside": "bench.skew.parts.beside",
    },
)

if __name__ == "__main__":
    run_command(command(SUITE))
