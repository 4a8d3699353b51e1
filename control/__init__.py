"""The control plane: what operators talk to, and what watches over the traffic.

The registry keeps every revision of every endpoint; the API edits it and hands plans to sidecars; the OTLP receiver
takes in samples and counters, the store keeps them, and skew is computed from its windows.
"""
