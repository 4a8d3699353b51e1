"""Saves a scikit-learn model as MLflow serves it. `save_mlflow.py MODEL FOLDER`, in MLflow's own environment."""

import sys

import joblib
import mlflow.sklearn

model, folder = sys.argv[1:]
mlflow.sklearn.save_model(
    joblib.load(model), folder, serialization_format="cloudpickle", pyfunc_predict_fn="predict_proba"
)
