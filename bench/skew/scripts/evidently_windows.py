"""Ask Evidently's DataDriftPreset about window after window. Runs in an environment of its own: a job comes on stdin, JSON goes out."""

import json
import sys
import time
import warnings

import pandas as pd
from evidently import DataDefinition, Dataset, Report, __version__
from evidently.presets import DataDriftPreset

warnings.simplefilter("ignore")


def flagged(reference, current):
    """The columns that the preset calls drifted."""
    report = Report([DataDriftPreset()], include_tests=True)
    result = report.run(current, reference).dict()
    found = []
    for test in result["tests"]:
        column = test.get("metric_config", {}).get("params", {}).get("column")
        if column is not None and str(test["status"]).upper().endswith("FAIL"):
            found.append(column)
    return found


def main():
    """Read a job, and answer it."""
    job = json.load(sys.stdin)
    reference, serving = (pd.read_parquet(job[name]) for name in ("reference", "serving"))
    definition = DataDefinition(numerical_columns=job["numbers"], categorical_columns=job["categories"])
    windows, begin, seconds = [], 0, 0.0
    for end in job["ends"]:
        started = time.monotonic()
        try:
            before = Dataset.from_pandas(reference, data_definition=definition)
            now = Dataset.from_pandas(serving.iloc[begin:end].reset_index(drop=True), data_definition=definition)
            windows.append({"end": end, "flagged": flagged(before, now)})
        except Exception as error:
            windows.append({"end": end, "flagged": [], "error": f"{type(error).__name__}: {error}"})
        seconds += time.monotonic() - started
        begin = end
    print(json.dumps({"version": __version__, "seconds": seconds, "windows": windows}))


main()
