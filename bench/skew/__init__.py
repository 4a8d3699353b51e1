"""What the skew engine is held to, on real data, beside Evidently and NannyML.

`data` are the data sets and `serving` how their rows become looks; `faults` is what goes wrong on purpose. Each module of `parts`
measures one or two figures and knows nothing of the others, so that one that fails stops no other. `peers` runs the two other
programs, each in an environment of its own, on the same rows.

Nothing here decides what skew is: profiles, detectors and alerts are those that control calls.
"""
