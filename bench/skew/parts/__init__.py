"""The parts of the benchmark, one or two figures each."""
