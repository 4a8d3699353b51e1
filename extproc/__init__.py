"""Hyperplan's data plane: the sidecar that Envoy asks.

It answers Envoy on unix sockets (ext_proc for requests, xDS for clusters and routes), sends out what it observed over
OTLP, and keeps itself on the newest plan. It is small on purpose, since one runs next to every Envoy: it imports the
domain, never the control plane, and neither numpy nor scipy.
"""
