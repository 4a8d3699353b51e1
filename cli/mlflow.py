"""Lineages out of an MLflow tracking server, over its REST API (https://mlflow.org/docs/latest/rest-api.html).

Read with plain HTTP: MLflow's own client would bring its server along. What the run says under MLflow's names is put under ours; what has no name
here is kept under `extra`, or left with MLflow, to which the lineage leads.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx

from cli.addresses import checked_url
from cli.failure import Failure
from hyperplan.lineage import Data, Lineage, Run

API = "api/2.0/mlflow"
PATIENCE = 30
"""Seconds that the server may take to answer."""
LARGEST = sys.float_info.max
"""What MLflow keeps of an infinity."""


class Found(NamedTuple):
    """A lineage, and what is to be said of it to who asked for it."""

    lineage: Lineage
    remarks: list[str]


class Registered(NamedTuple):
    """A version of a registered model, by its number or by an alias of it."""

    name: str
    version: str | None
    alias: str | None


def parse_registered(text: str) -> Registered:
    """Read `name/3`, or `name@champion`, as MLflow's `models:/` URIs have them.

    Raises:
        Failure: it is neither.
    """
    for mark in "/@":
        name, found, which = text.removeprefix("models:/").rpartition(mark)
        if found and name and which:
            return Registered(name, which, None) if mark == "/" else Registered(name, None, which)
    raise Failure(f"--registered: {text!r} must be name/version or name@alias, like flights/3 or flights@champion")


class MLflow:
    """A tracking server. Credentials are those of MLflow's own clients: MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN."""

    def __init__(self, url: str, environment: Mapping[str, str] = os.environ) -> None:
        self._url = checked_url(url, "--mlflow").rstrip("/")
        token, user = environment.get("MLFLOW_TRACKING_TOKEN"), environment.get("MLFLOW_TRACKING_USERNAME")
        self._http = httpx.Client(
            base_url=f"{self._url}/{API}/",
            timeout=PATIENCE,
            headers={"authorization": f"Bearer {token}"} if token else {},
            auth=(user, environment.get("MLFLOW_TRACKING_PASSWORD", "")) if user and not token else None,
        )

    def __enter__(self) -> "MLflow":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def run_of(self, registered: Registered) -> tuple[str, dict[str, Any]]:
        """The run that made a version of a registered model, and what the registry says of it.

        Raises:
            Failure: the server cannot be reached, knows no such version, or not which run made it.
        """
        if registered.alias is not None:
            asked = {"name": registered.name, "alias": registered.alias}
            version = self._get("registered-models/alias", asked, "model_version")
        else:
            asked = {"name": registered.name, "version": registered.version or ""}
            version = self._get("model-versions/get", asked, "model_version")
        if not version.get("run_id"):
            raise Failure(f"version {version.get('version')} of {registered.name} names no run; give --run")
        return version["run_id"], {"registered_model": registered.name, "registered_version": version["version"]}

    def lineage(self, run_id: str, extra: Mapping[str, Any] | None = None) -> Found:
        """What a run says of itself.

        Raises:
            Failure: the server cannot be reached, or knows no such run.
        """
        run = self._get("runs/get", {"run_id": run_id}, "run")
        experiment = self._get("experiments/get", {"experiment_id": run["info"]["experiment_id"]}, "experiment")
        return lineage_of(run, experiment["name"], self._url, extra or {})

    def _get(self, path: str, asked: Mapping[str, str], part: str) -> Any:
        """A part of an answer."""
        try:
            response = self._http.get(path, params=asked)
        except httpx.HTTPError as error:
            raise Failure(f"MLflow at {self._url} cannot be reached: {error or type(error).__name__}") from None
        try:
            said = response.json()
        except ValueError:
            said = None
        if response.is_error and isinstance(said, dict) and "error_code" in said:
            raise Failure(f"MLflow at {self._url} says: {said.get('message') or said['error_code']}")
        if response.is_error or not isinstance(said, dict) or part not in said:
            what = f"what answers at {self._url} is no MLflow tracking server"
            raise Failure(f"{what} ({response.status_code} {response.reason_phrase}); is --mlflow right?")
        return said[part]


def lineage_of(run: Mapping[str, Any], experiment: str, server: str, extra: Mapping[str, Any]) -> Found:
    """The lineage in a run, as `runs/get` answers with it."""
    info, data = run["info"], run.get("data", {})
    tags, parameters = _pairs(data.get("tags", [])), _pairs(data.get("params", []))
    metrics = {each["key"]: float(each["value"]) for each in data.get("metrics", [])}
    finite = {name: value for name, value in metrics.items() if abs(value) < LARGEST}
    inputs = run.get("inputs", {}).get("dataset_inputs", [])
    training, others = _training(inputs)
    page = f"{server}/#/experiments/{info['experiment_id']}/runs/{info['run_id']}"
    more = dict(extra) | {
        "run_name": info.get("run_name"),
        "source": tags.get("mlflow.source.name"),
        "datasets": [_described(each) for each in others],
    }
    ended = info.get("end_time") or info.get("start_time")
    lineage = Lineage(
        algorithm=_first(tags, "estimator_class", "estimator_name", "algorithm") or parameters.get("algorithm"),
        parameters=dict(parameters),
        data=_data(training),
        code_revision=tags.get("mlflow.source.git.commit"),
        metrics=finite,
        author=tags.get("mlflow.user") or info.get("user_id") or None,
        trained_at=_time(int(ended)) if ended else None,
        run=Run(server=server, experiment=experiment, id=info["run_id"], url=page),
        extra={name: value for name, value in more.items() if value},
    )
    return Found(lineage, list(_remarks(info, lineage, sorted(metrics.keys() - finite.keys()))))


def _remarks(info: Mapping[str, Any], lineage: Lineage, infinite: list[str]) -> Iterable[str]:
    if info.get("status") != "FINISHED":
        yield f"the run is {str(info.get('status', 'of no known status')).lower()}, not finished"
    if infinite:
        yield f"left out, being no numbers: the metrics {', '.join(infinite)}"
    if lineage.data is None or lineage.data.hash is None:
        yield "the run names no data; log it with mlflow.log_input(dataset, context='training')"
    if lineage.code_revision is None:
        yield "the run names no commit of its code; a run repeats another only if both name theirs"


def _training(inputs: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The datasets that the run says are for training, or all if it says of none, and the others."""
    marked = [each for each in inputs if _context(each).startswith("train")]
    unmarked = [each for each in inputs if not _context(each)]
    training = marked or unmarked or inputs
    return training, [each for each in inputs if each not in training]


def _data(training: list[dict[str, Any]]) -> Data | None:
    """Several datasets are one: their hashes together, and all their rows."""
    described = [_described(each) for each in training]
    if not described:
        return None
    rows = [each["rows"] for each in described]
    hashes = sorted({each["hash"] for each in described if each["hash"]})
    places = sorted({each["uri"] for each in described if each["uri"]})
    return Data(
        uri=" ".join(places) or None,
        hash="+".join(hashes) or None,
        rows=sum(rows) if all(count is not None for count in rows) else None,
    )


def _described(dataset_input: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset in our words. MLflow keeps its source and its profile as texts of JSON, whose form depends on where it came from."""
    dataset = dataset_input["dataset"]
    source, profile = _json(dataset.get("source")), _json(dataset.get("profile"))
    uri = next(
        (source[key] for key in ("uri", "url", "path", "delta_table_name", "table_name") if source.get(key)), None
    )
    rows = profile.get("num_rows")
    return {
        "name": dataset.get("name"),
        "context": _context(dataset_input) or None,
        "uri": uri if isinstance(uri, str) else None,
        "hash": dataset.get("digest"),
        "rows": rows if isinstance(rows, int) else None,
    }


def _context(dataset_input: Mapping[str, Any]) -> str:
    return _pairs(dataset_input.get("tags", [])).get("mlflow.data.context", "").lower()


def _pairs(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {each["key"]: each["value"] for each in found}


def _first(tags: Mapping[str, str], *names: str) -> str | None:
    return next((tags[name] for name in names if tags.get(name)), None)


def _json(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat().replace("+00:00", "Z")
