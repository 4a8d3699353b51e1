"""MLflow's own client. `client_mlflow.py URL`, rows on standard input; the predictions go to standard output."""

import json
import sys
from urllib.parse import urlsplit

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

address = urlsplit(sys.argv[1])
client = ScoringServerClient(address.hostname, address.port)
predictions = client.invoke(pd.DataFrame(json.load(sys.stdin))).get_predictions()
print(json.dumps(predictions.to_numpy().tolist()))
