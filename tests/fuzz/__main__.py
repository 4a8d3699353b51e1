"""Runs one entry under atheris: `python -m tests.fuzz h2 -max_total_time=60`; what follows the entry is for libFuzzer.

It begins with the entry's corpus and with the folders that are named; what it learns goes to the first of these, or
nowhere. An input that breaks an invariant is left in `run/fuzz/`; put it into `corpus/` under a name that says what it
is, and it is a regression test.
"""

import importlib
import logging
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
FOUND = Path("run/fuzz")
LONGEST = 4096
"""Bytes of an input. All bounds are lowered so far that this reaches them."""


def main(name: str, *arguments: str) -> None:
    corpus = HERE / "corpus" / name
    if not corpus.is_dir():
        raise SystemExit(f"there is no entry {name!r}, only {sorted(entry.name for entry in corpus.parent.iterdir())}")
    with atheris.instrument_imports(include=["extproc.transports.h2"]):
        entry = importlib.import_module(f"tests.fuzz.{name}")
    logging.disable()  # that connections end is what this is about
    FOUND.mkdir(parents=True, exist_ok=True)
    options = [argument for argument in arguments if argument.startswith("-")]
    folders = [argument for argument in arguments if not argument.startswith("-")]
    with tempfile.TemporaryDirectory() as learnt, entry.low_bounds():
        defaults = [f"-artifact_prefix={FOUND}/", f"-max_len={LONGEST}", "-timeout=10"]
        command = [sys.argv[0], *defaults, *options, *(folders or [learnt]), str(corpus)]
        atheris.Setup(command, entry.once, **_mutator(entry))
        atheris.Fuzz()


def _mutator(entry: object) -> dict[str, object]:
    """An entry that knows how its inputs are built changes them by itself."""
    mutated = getattr(entry, "mutated", None)
    if mutated is None:
        return {}
    return {"custom_mutator": lambda data, limit, seed: mutated(data, limit, seed, atheris.Mutate)}


if __name__ == "__main__":
    main(*sys.argv[1:] or [""])
