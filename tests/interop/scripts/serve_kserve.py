"""Serves a scikit-learn model with KServe's Python server. `serve_kserve.py MODEL PORT`, in KServe's own environment.

The server, its protocol and its errors are KServe's; what a model must bring along is how it predicts. The socket is handed
over, since the server would listen on all addresses.
"""

import socket
import sys
from typing import Any

import joblib
import pandas as pd
from kserve import Model, ModelServer
from kserve.errors import InvalidInput
from kserve.protocol.rest.server import RESTServer


class Flights(Model):
    """A scikit-learn model that answers rows with the probability of each class."""

    def __init__(self, path: str) -> None:
        super().__init__("flights")
        self._model = joblib.load(path)
        self.ready = True

    def predict(self, payload: Any, *_: Any, **__: Any) -> Any:
        """Predict rows as V1 has them."""
        try:
            return {"predictions": self._model.predict_proba(pd.DataFrame(payload["instances"])).tolist()}
        except (ValueError, KeyError) as error:
            raise InvalidInput(str(error)) from error


path, port = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", int(port)))
server = ModelServer(enable_grpc=False)
server.register_model(Flights(path))
RESTServer("kserve.model_server:app", server.dataplane, server.model_repository_extension, int(port)).run([listener])
