"""The demo's endpoint document is one, and fits the demo's data."""

import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import demo.endpoint
from demo.client import PATH
from demo.endpoint import NAME, app, document, document_of_experiment
from demo.faults import in_seconds, renamed
from demo.flights import CATEGORIES, FEATURES, TAIL_NUMBER, Row, each, for_training
from demo.models import encoder_of
from hyperplan.endpoint import parse_endpoint
from hyperplan.schema import violations_of
from hyperplan.schema.features import Category

if TYPE_CHECKING:
    import pandas as pd

ENDPOINT = parse_endpoint(document({}))


def kinds(rows: list[Row]) -> Counter[tuple[str, str]]:
    return Counter((violation.feature, violation.kind) for violation in violations_of(ENDPOINT.schema, rows))


@pytest.fixture(scope="module")
def rows(few_flights: "pd.DataFrame") -> list[Row]:
    return [flight.row for flight in each(few_flights)]


def test_the_file_itself_is_an_endpoint_document() -> None:
    text = Path(demo.endpoint.__file__).with_name("endpoint.yaml").read_text()
    assert parse_endpoint(text) == ENDPOINT
    assert ENDPOINT.name == NAME


def test_with_the_experiment_it_is_one_too_and_the_rest_stays() -> None:
    found = parse_endpoint(document_of_experiment({"gbm@1": "http://127.0.0.1:7001"}))
    assert (found.match, found.schema, found.models["logit@1"]) == (
        ENDPOINT.match,
        ENDPOINT.schema,
        ENDPOINT.models["logit@1"],
    )
    assert found.models["gbm@1"].port() == 7001
    assert found.experiment is not None
    assert found.experiment.control_arm() == "prior@1"
    assert found.routing.shadow == ("logit@1",)


def test_the_document_is_part_of_the_package() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "*.yaml" in pyproject["tool"]["setuptools"]["package-data"].get("demo", [])


def test_the_endpoint_is_where_the_client_asks() -> None:
    assert ENDPOINT.match.path == PATH


def test_models_are_put_where_their_servers_are() -> None:
    endpoint = parse_endpoint(document({"logit@1": "http://127.0.0.1:4321/"}))
    assert endpoint.models["logit@1"].url == "http://127.0.0.1:4321/v1/models/logit:predict"
    assert endpoint.models["gbm@1"] == ENDPOINT.models["gbm@1"]


def test_the_filled_in_document_keeps_its_comments() -> None:
    assert "# a plane is always answered by the same model" in document({"gbm@1": "http://gbm:8501"})


def test_each_model_falls_back_to_the_other() -> None:
    assert ENDPOINT.routing.chain("gbm@1") == ("gbm@1", "logit@1")
    assert ENDPOINT.routing.chain("logit@1") == ("logit@1", "gbm@1")


def test_the_schema_has_what_rows_hold_and_its_categories_are_those_of_training(flights: "pd.DataFrame") -> None:
    features = ENDPOINT.schema.features
    assert set(features) == {*FEATURES, TAIL_NUMBER}
    encoder = encoder_of(for_training(flights), (), CATEGORIES)
    listed = {name: feature.values for name, feature in features.items() if isinstance(feature, Category)}
    assert listed == encoder.categories


def test_every_number_has_a_unit() -> None:
    features = ENDPOINT.schema.features
    assert [name for name in (*FEATURES, TAIL_NUMBER) if features[name].unit is None] == [*CATEGORIES, TAIL_NUMBER]


def test_real_flights_break_nothing(flights: "pd.DataFrame") -> None:
    every_third = [flight.row for flight in each(flights.iloc[::3])]
    assert kinds(every_third) == {}


def test_delays_in_seconds_leave_the_range_for_most_flights(rows: list[Row]) -> None:
    found = kinds([in_seconds(row) for row in rows])
    assert set(found) == {("dep_delay", "range")}
    assert found["dep_delay", "range"] > len(rows) / 2


def test_a_renamed_distance_is_recognised(rows: list[Row]) -> None:
    assert kinds([renamed(row) for row in rows]) == {("distance", "renamed"): len(rows)}


@pytest.mark.parametrize("fault", [in_seconds, renamed])
def test_no_fault_makes_the_endpoint_reject(fault: Callable[[Row], Row], rows: list[Row]) -> None:
    violations = list(violations_of(ENDPOINT.schema, [fault(row) for row in rows]))
    assert ENDPOINT.schema.harshest(violations) == "warn"


def test_the_document_can_be_printed() -> None:
    printed = CliRunner().invoke(app, ["--model", "gbm@1=http://gbm:8501"])
    assert printed.exit_code == 0
    assert printed.output == document({"gbm@1": "http://gbm:8501"})


@pytest.mark.parametrize("model", ["gbm@1", "gbm@1=", "gbm@2=http://gbm:8501"])
def test_an_address_of_no_model_is_refused(model: str) -> None:
    refused = CliRunner().invoke(app, ["--model", model])
    assert refused.exit_code == 2
    assert "--model" in refused.output
