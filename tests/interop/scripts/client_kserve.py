"""KServe's own client. `client_kserve.py URL`, rows on standard input; the predictions go to standard output."""

import asyncio
import json
import sys

from kserve import InferenceRESTClient, RESTConfig

client = InferenceRESTClient(RESTConfig(protocol="v1"))
answer = asyncio.run(client.infer(sys.argv[1], {"instances": json.load(sys.stdin)}, model_name="flights"))
print(json.dumps(answer["predictions"]))
