"""Experiments: arms compared so that one may look at any time, what they must not cost, and the verdict in words.

`units` folds rows into randomisation units, `compare` bets on their assignment (`assignment`, `wealth`, `effects`, `covariate`), `paired` compares two models on the same
rows, `rates` and `sample_ratio` watch over both, `power` plans, `design` is the block of the endpoint document, and `verdict` says what to do.
"""
