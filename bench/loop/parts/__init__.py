"""The parts of the benchmark, one module each. `PART` is what a module is for."""
