"""What a model says when it is called in a process and not over a network. `predict.py MODEL`, batches of rows on standard input;
the probabilities of the classes, for each batch, go to standard output.
"""

import json
import sys

import joblib
import pandas as pd

model = joblib.load(sys.argv[1])
print(json.dumps([model.predict_proba(pd.DataFrame(rows)).tolist() for rows in json.load(sys.stdin)]))
