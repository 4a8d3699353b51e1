"""The control plane: what operators talk to, and what watches over the traffic.

The registry keeps every revision of every endpoint; the API edits it and hands plans to sidecars; the OTLP receiver
takes in samples, feedback and counters, and the store keeps them. Jobs read the store: they tell of skew, judge experiments, take the steps of
rollouts, learn thresholds and set the weights of what explores.
"""
