"""Experiments: arms compared so that one may look at any time, what they must not cost, and the verdict in words.

`units` folds rows into randomisation units, `compare` bets on their assignment (`assignment`, `wealth`, `effects`, `covariate`), `paired` compares two models on the same
rows by their `losses`, `rates` and `sample_ratio` watch over both, `design` is the block of the endpoint document, and `verdict` says what to do; `judge` puts that together.
`running` reads off the revisions which experiment runs, a `look` is what is kept and shown of one, `shadowed` judges shadows, and `power` and `outlook` say how long it takes.
"""
