"""What the benchmark compares our external processor with: empty ones, in the languages that people write them in.

Each parses what Envoy sends, answers every message with the empty answer of its kind, and does nothing else, so what it
costs is what its gRPC library costs. Each is written as someone who knows that language would for speed, and built for
release. All take the path of a unix socket as their only argument, take it over from one that is gone, and end on SIGTERM.
"""
