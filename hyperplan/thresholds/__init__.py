"""Thresholds: from what a model says to what is decided, and which of them is best, learnt from what turned out.

`block` is the endpoint document's; `decider` decides and `answer` writes decisions into answers, in the sidecar. Neither they nor this package import numpy. The rest learns:
`evidence` from outcomes, by `cells` of scores and their `calibration`, what `aims` call best (`binary`, `several`), or from scores alone (`rates`, `start`); `lesson` says whether it is worth a change.
"""
