"""`python -m bench.loop`: how often what is concluded from feedback is wrong, how soon it is right, and what it costs, beside statsmodels and others."""

from bench.report import run_command
from bench.suite import Suite, command

SUITE = Suite(
    "loop",
    """Hold the loop to its figures: feedback, experiments, rollouts, thresholds and exploration, by simulation with known truth.

    `make bench-loop` installs the peers first, each into an environment of its own under build/loop. A figure whose part fails has the reason
    for a value, and does not hold.
    """,
    {
        # What is timed comes first, while nothing else runs.
        "feedback": "bench.loop.parts.feedback",
        "join": "bench.loop.parts.join",
        "experiments": "bench.loop.parts.experiments",
        "rollouts": "bench.loop.parts.rollouts",
        "thresholds": "bench.loop.parts.thresholds",
        "evaluation": "bench.loop.parts.evaluation",
        "beside": "bench.loop.parts.beside",
    },
)

if __name__ == "__main__":
    run_command(command(SUITE))
