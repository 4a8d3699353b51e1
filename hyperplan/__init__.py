"""Hyperplan's domain: what both planes agree on.

Schemas, endpoints, routing, protocols, plans, samples, profiles and skew, as values and pure functions. Nothing in
this package opens a file, a socket or a clock, so everything in it can be tested with plain values, and the data plane,
the control plane and a notebook can all import it. It imports none of them.

The sidecar imports this package on a small memory budget: only `hyperplan.profile` and `hyperplan.skew` may import
numpy or scipy, and the sidecar imports neither.
"""

__version__ = "0.1.0"
