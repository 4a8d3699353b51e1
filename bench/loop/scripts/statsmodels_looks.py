"""Ask statsmodels' t-test for two means of unequal variances about experiments, once at their end and at every look. A job comes on stdin, JSON goes out."""

import json
import sys

import numpy as np
import statsmodels
from statsmodels.stats.weightstats import ttest_ind


def main():
    """Read a job, and answer it."""
    job = json.load(sys.stdin)
    given = np.load(job["file"])
    value, treated = given["value"], given["treated"] > 0.5
    once, ever = 0, 0
    for outcome, arm in zip(value, treated, strict=True):
        found = [significant(outcome[:end], arm[:end], job["alpha"]) for end in job["looks"]]
        once += found[-1]
        ever += any(found)
    print(json.dumps({"version": statsmodels.__version__, "once": once / len(value), "ever": ever / len(value)}))


def significant(outcome, arm, alpha):
    if arm.sum() < 2 or (~arm).sum() < 2 or outcome.std() == 0:
        return False
    return bool(ttest_ind(outcome[arm], outcome[~arm], usevar="unequal")[1] <= alpha)


main()
