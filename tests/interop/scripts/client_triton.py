"""Triton's client for the Open Inference Protocol. `client_triton.py URL json|binary MODEL`, rows on standard input.

The predictions go to standard output. Metadata come first, as they do in a client that looks before it asks. MODEL is the arm that is
to answer.
"""

import json
import sys

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

TYPES = {float: "FP64", int: "INT64", str: "BYTES"}

url, encoding, arm = sys.argv[1:]
binary = encoding == "binary"
rows = json.load(sys.stdin)
client = InferenceServerClient(url.removeprefix("http://"))
assert client.is_server_ready()
assert client.get_model_metadata("flights")["name"] == "flights"
inputs = []
for name, value in rows[0].items():
    column = np.array([[row[name]] for row in rows], dtype=object if isinstance(value, str) else type(value))
    tensor = InferInput(name, column.shape, TYPES[type(value)])
    tensor.set_data_from_numpy(column, binary_data=binary)
    inputs.append(tensor)
output = InferRequestedOutput("predict_proba", binary_data=binary)
answer = client.infer(
    "flights", inputs, outputs=[output], headers={"x-force-model": arm}, parameters={"content_type": "pd"}
)
print(json.dumps(answer.as_numpy("predict_proba").tolist()))
