"""Benchmarks: what things cost, measured with the real programs on this machine, never in a timed test.

Machines are noisy, so whatever is compared runs in one go, interleaved, and figures are medians of several rounds.
`python -m bench` measures the external processor next to its peers, `python -m bench.soak` what minutes of full load do, and `python -m bench.edits` how soon requests feel an edit.
"""
