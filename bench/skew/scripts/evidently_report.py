"""Time Evidently's DataDriftPreset on two files that are in memory before. Runs in an environment of its own."""

import json
import sys
import time
import warnings

import pandas as pd
from evidently import Dataset, Report, __version__
from evidently.presets import DataDriftPreset

warnings.simplefilter("ignore")


def main():
    """Read a job, and answer it."""
    job = json.load(sys.stdin)
    reference, serving = (pd.read_parquet(job[name]) for name in ("reference", "serving"))
    started = time.monotonic()
    report = Report([DataDriftPreset()])
    result = report.run(Dataset.from_pandas(serving), Dataset.from_pandas(reference))
    result.dict()
    print(json.dumps({"version": __version__, "seconds": time.monotonic() - started}))


main()
