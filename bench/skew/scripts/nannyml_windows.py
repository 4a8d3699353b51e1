"""Ask NannyML's univariate drift about window after window. Runs in an environment of its own: a job comes on stdin, JSON goes out."""

import json
import os
import sys
import time
import warnings

os.environ.setdefault("NML_DISABLE_USAGE_LOGGING", "1")
warnings.simplefilter("ignore")

import nannyml  # noqa: E402 - it reports its use unless it was told otherwise before
import pandas as pd  # noqa: E402
from nannyml.chunk import Chunk, Chunker  # noqa: E402


class Ends(Chunker):
    """Chunks that end at the given rows; the reference, which has no such rows, is cut into ten, as it is by default."""

    def __init__(self, ends, rows):
        super().__init__()
        self.ends, self.rows = ends, rows

    def _split(self, data):
        ends = self.ends if len(data) == self.rows else [len(data) * part // 10 for part in range(1, 11)]
        begin, chunks = 0, []
        for end in ends:
            chunks.append(Chunk(key=str(end), data=data.iloc[begin:end], start_index=begin, end_index=end - 1))
            begin = end
        return chunks


def main():
    """Read a job, and answer it."""
    job = json.load(sys.stdin)
    reference, serving = (pd.read_parquet(job[name]) for name in ("reference", "serving"))
    serving = serving.iloc[: job["ends"][-1]]
    names = job["numbers"] + job["categories"]
    started = time.monotonic()
    try:
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=names,
            treat_as_categorical=job["categories"],
            chunker=Ends(job["ends"], len(serving)),
        )
        calculator.fit(reference)
        frame = calculator.calculate(serving).filter(period="analysis").to_df()
        windows = []
        for position, end in enumerate(job["ends"]):
            row = frame.iloc[position]
            windows.append({"end": end, "flagged": [n for n in names if bool(row[(n, "jensen_shannon", "alert")])]})
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        windows = [{"end": end, "flagged": [], "error": why} for end in job["ends"]]
    print(json.dumps({"version": nannyml.__version__, "seconds": time.monotonic() - started, "windows": windows}))


main()
