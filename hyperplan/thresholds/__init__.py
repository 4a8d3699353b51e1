"""Thresholds: from what a model says to what is decided, and which of them is best, learnt from what turned out.

`block` and `decider` are the sidecar's too, so neither they nor this package import numpy.
"""
