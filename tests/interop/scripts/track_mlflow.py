"""Log two runs that do the same to an MLflow tracking server, register what they made, and print what the client knows of both."""

import json
import sys

import mlflow
import pandas

COMMIT = "4fd2c81e9f0a4b6d8c7e1f2a3b4c5d6e7f8091a2"


def track() -> dict:
    frame = pandas.DataFrame({"dep_delay": [0.0, 5.0, 40.0, 60.0], "late": [0, 0, 1, 1]})
    dataset = mlflow.data.from_pandas(frame, source="/data/flights.parquet", name="flights", targets="late")
    held_out = mlflow.data.from_pandas(frame.head(2), source="/data/held-out.parquet", name="held out")
    with mlflow.start_run(run_name="logit") as run:
        mlflow.log_input(dataset, context="training")
        mlflow.log_input(held_out, context="evaluation")
        mlflow.log_params({"C": 0.5, "fit_intercept": True, "penalty": None})
        mlflow.set_tags(
            {"mlflow.source.git.commit": COMMIT, "estimator_class": "sklearn.linear_model.LogisticRegression"}
        )
        mlflow.log_metric("auc", 0.5, step=0)
        mlflow.log_metric("auc", 1.0, step=1)
        mlflow.log_metric("odds", float("inf"))
        client.create_model_version("flights", f"{run.info.artifact_uri}/model", run.info.run_id)
    info = mlflow.get_run(run.info.run_id).info
    return {
        "run": info.run_id,
        "experiment": info.experiment_id,
        "digest": dataset.digest,
        "user": info.user_id,
        "end": info.end_time,
        "commit": COMMIT,
    }


mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("delays")
client = mlflow.MlflowClient()
client.create_registered_model("flights")
runs = [track(), track()]
client.set_registered_model_alias("flights", "champion", "2")
print(json.dumps(runs))
