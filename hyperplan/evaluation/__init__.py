"""What another policy would have earned on the traffic that there was, from samples with their propensities (off-policy evaluation).

`policy` is who would have been chosen; `logged` what is evaluated, as arrays, and what had to be left out; `estimators` are inverse propensity scoring, its
self-normalised form and the doubly robust one, with the `outcome_model` that this needs; `interval` says how far they may be off; `evaluate` puts it all
together, and refuses where too little is known.
"""
