"""Chaos: what clients see when something breaks, under a steady load, with real processes that are really broken.

Three models of three frameworks answer two endpoints, each the others' fallback, and a rule is the last resort. `python -m bench.chaos`
breaks one thing after the other and judges what every single request got: `faults.py` is the table of what is broken and of what the
design says clients see then, `judgement.py` holds one against the other.
"""
