"""Fits the two flights models with the library that servers read them with. `fit.py FLIGHTS FOLDER`: a CSV file of flights with
their label `late`, and where the models go, as gbm.joblib and logit.joblib.

Pipelines over the columns of a data frame, as people train them.
"""

import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

source, folder = sys.argv[1:]
flights = pd.read_csv(source)
late = flights.pop("late").astype(bool)
words = [name for name in flights if flights[name].dtype.kind not in "if"]
numbers = [name for name in flights if name not in words]
estimators = {
    "gbm": HistGradientBoostingClassifier(max_iter=15, early_stopping=False, random_state=1),
    "logit": LogisticRegression(max_iter=200),
}
for name, estimator in estimators.items():
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words), (StandardScaler(), numbers)
    )
    joblib.dump(make_pipeline(columns, estimator).fit(flights, late), Path(folder) / f"{name}.joblib")
