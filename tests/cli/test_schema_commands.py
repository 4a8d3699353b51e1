"""Schemas inferred from real files, files checked against them, and versions compared, by the commands that do so."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli.checking import check_file
from cli.commands import schema as commands
from cli.failure import Failure
from cli.inferring import infer_file
from hyperplan.endpoint import parse_endpoint
from hyperplan.schema import Bool, Category, Float, Int, NumberList, Schema, String
from hyperplan.schema.document import parse_schema, written_schema

FLIGHTS = """
SELECT i AS flight, (i % 90 - 5)::DOUBLE / 2 AS dep_delay_min, CASE WHEN i % 7 > 0 THEN (i % 24)::TINYINT END AS hour,
       ['AA', 'DL', 'NO'][i % 3 + 1] AS carrier, 'N' || (i % 400) AS tailnum, i % 5 = 0 AS weekend, [i % 10, 2.5]::FLOAT[2] AS place,
       CASE WHEN i = 3 THEN 'nan'::FLOAT ELSE 1.5 END AS rate, now() AS at
FROM range(2000) t(i)
"""


def run(*arguments: str | Path) -> Result:
    """A command in this process, which raises what `main` would report."""
    return CliRunner().invoke(commands.group, list(map(str, arguments)), catch_exceptions=False, standalone_mode=True)


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "flights.parquet"
    duckdb.execute(f"COPY ({FLIGHTS}) TO '{path}'")
    return path


def test_the_schema_of_a_parquet_file_is_what_its_columns_show(flights: Path) -> None:
    found = infer_file(flights, without=["weekend"])
    assert found.schema.features == {
        "flight": Int(),
        "dep_delay_min": Float(min=-25, max=65, description="in min? its name ends so; if so, set unit: min"),
        "hour": Int(min=0, max=35, nullable=True),
        "carrier": Category(values=("AA", "DL", "NO")),
        "tailnum": String(),
        "place": NumberList(length=2, min=0, max=13.5),
        "rate": Float(nullable=True),
    }
    assert list(found.left_out) == ["at"]


def test_the_schema_of_a_csv_file_is_what_all_its_texts_can_be_read_as(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(
        "number,flag,code,gaps,list,mixed\n" + '1.5,TRUE,007,NA,"[1, 2]",5\n' * 30 + '2,false,7,4,"[3, 4]",x\n' * 30
    )
    assert infer_file(path).schema.features == {
        "number": Float(min=1.25, max=2.25),
        "flag": Bool(),
        "code": Category(values=("007", "7")),
        "gaps": Int(nullable=True),
        "list": NumberList(length=2, min=0, max=5.5),
        "mixed": Category(values=("5", "x")),
    }


@pytest.mark.parametrize("option", [[], ["--endpoint", "flight-delay"]])
def test_what_infer_prints_is_a_schema_that_the_data_meets(flights: Path, tmp_path: Path, option: list[str]) -> None:
    printed = run("infer", flights, *option)
    (tmp_path / "s.yaml").write_text(printed.stdout)
    assert parse_schema(printed.stdout) == infer_file(flights).schema
    assert "left out: at is of the type TIMESTAMP WITH TIME ZONE" in printed.stderr
    assert run("check", flights, "--schema", tmp_path / "s.yaml").exit_code == 0
    if option:
        assert parse_endpoint(printed.stdout).name == "flight-delay"


COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "DOUBLE": st.floats(allow_infinity=False),
    "FLOAT": st.floats(width=32, allow_infinity=False),
    "BIGINT": st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5),
    "DECIMAL(9,3)": st.integers(-999_999_999, 999_999_999).map(lambda n: n / 1000),
    "BOOLEAN": st.booleans(),
    "VARCHAR": st.sampled_from(["a", "b", "01", "1", "true", "NA", "", "é", "1e5", "-0.5"]) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
    "DOUBLE[]": st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=2),
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[Any]]]:
    """The types of some columns, and rows."""
    kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=4))
    pools = [draw(st.lists(COLUMNS[kind] | st.none(), min_size=1, max_size=4)) for kind in kinds]
    return kinds, draw(st.lists(st.tuples(*map(st.sampled_from, pools)).map(list), min_size=1, max_size=40))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_data_meets_the_schema_that_is_inferred_from_it(
    tmp_path: Path, suffix: str, table: tuple[list[str], list[Any]]
) -> None:
    kinds, rows = table
    path = tmp_path / f"data.{suffix}"
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE t ({', '.join(f'c{i} {kind}' for i, kind in enumerate(kinds))}, filler BOOLEAN)"
        )
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(kinds))}, true)", rows)
        connection.execute(f"COPY t TO '{path}'")
    schema = infer_file(path).schema
    assert check_file(path, schema).breaks == []
    assert parse_schema(written_schema(schema)) == schema


BROKEN = """distance,hour,carrier,dist,label
100.5,5,01,,0
-3,NA,DL,,1
far,6.5,ZZ,,0
far,7,ZZ,,0
"""
SCHEMA = """
features:
  distance: { type: float, min: 0 }
  hour: { type: int }
  carrier: { type: category, values: ["01", DL], on_unseen: reject }
  miles: { type: float, nullable: true, aliases: [dist] }
  origin: { type: string }
"""


def test_what_breaks_a_schema_is_counted_with_examples_and_fails(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(BROKEN)
    (tmp_path / "s.yaml").write_text(SCHEMA)
    result = run("check", tmp_path / "data.csv", "--schema", tmp_path / "s.yaml", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["rows"], found["broken_rows"], found["unknown"]) == (4, 4, ["label"])
    breaks = {(one["feature"], one["kind"]): one for one in found["breaks"]}
    assert {key: one["rows"] for key, one in breaks.items()} == {
        ("distance", "range"): 1,
        ("distance", "type"): 2,
        ("hour", "null"): 1,
        ("hour", "type"): 1,
        ("carrier", "category"): 2,
        ("miles", "renamed"): 4,
        ("origin", "missing"): 4,
    }
    assert breaks["distance", "type"]["examples"] == [{"row": 2, "got": '"far"'}]
    assert (breaks["carrier", "category"]["action"], breaks["hour", "null"]["share"]) == ("reject", 0.25)
    shown = run("check", tmp_path / "data.csv", "--schema", tmp_path / "s.yaml").stdout
    assert "4 of 4 rows break the schema" in shown
    assert "not checked: label" in shown


def test_text_in_a_typed_file_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    duckdb.execute(f"COPY (SELECT '5' AS x, 5 AS s) TO '{path}'")
    breaks = check_file(path, Schema(features={"x": Float(), "s": String()})).breaks
    assert [(one.feature, one.kind, one.examples[0].got) for one in breaks] == [
        ("x", "type", '"5"'),
        ("s", "type", "5"),
    ]


SIGNATURE = [
    {"type": "double", "name": "dep_delay", "required": True},
    {"type": "long", "name": "hour", "required": False},
    {"type": "string", "name": "carrier"},
    {"type": "boolean", "name": "weekend", "optional": True},
    {"type": "datetime", "name": "at", "required": True},
]
MLMODEL = f"artifact_path: model\nflavors: {{}}\nsignature:\n  inputs: '{json.dumps(SIGNATURE)}'\n  outputs: '[]'\n"


@pytest.mark.parametrize("given_as", ["folder", "MLmodel", "signature", "inputs"])
def test_the_schema_of_an_mlflow_model_is_its_signature(tmp_path: Path, given_as: str) -> None:
    (tmp_path / "MLmodel").write_text(MLMODEL)
    (tmp_path / "signature.json").write_text(json.dumps({"inputs": json.dumps(SIGNATURE), "outputs": None}))
    (tmp_path / "inputs.json").write_text(json.dumps(SIGNATURE))
    paths = {"folder": ".", "MLmodel": "MLmodel", "signature": "signature.json", "inputs": "inputs.json"}
    result = run("infer", tmp_path / paths[given_as], "--leave-out", "carrier")
    assert parse_schema(result.stdout).features == {
        "dep_delay": Float(),
        "hour": Int(required=False, nullable=True),
        "weekend": Bool(required=False, nullable=True),
    }
    assert "left out: at is of the type datetime" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flavors: {}", "no signature"),
        ("signature: {inputs: 'x'}", "no JSON"),
        ('[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 7]}}]', "has no name"),
        ("[5]", "no column of a signature"),
        ('[{"type": "datetime", "name": "at"}]', "at is of the type datetime"),
        ("[]", "has no column"),
    ],
)
def test_a_signature_that_names_no_feature_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(Failure) as refused:
        run("infer", tmp_path)
    assert said in str(refused.value.problems[0])


def test_two_versions_are_compared_and_what_is_required_of_them_is_tested(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text("features: {x: {type: float, max: 10}}")
    new.write_text("features: {x: {type: float}}")
    assert run("compare", old, new).stdout.splitlines() == [
        "x: the range was at most 10 and is any number now; a model may get what it has never seen [noticed by models]",
        "backward compatible: yes; forward compatible: no",
    ]
    assert run("compare", old, new, "--require", "backward").exit_code == 0
    assert run("compare", old, new, "--require", "full").exit_code == 1
    assert json.loads(run("compare", old, old, "--json").stdout) == {"backward": True, "forward": True, "changes": []}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "data.csv"], "--schema FILE or --endpoint NAME"),
        (["check", "data.csv", "--schema", "s.yaml"], "cannot be read"),
        (["infer", "nothing.parquet"], "no schema can be inferred"),
        (["compare", "s.yaml", "s.yaml", "--require", "both"], "must be backward, forward or full"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(arguments: list[str], said: str) -> None:
    with pytest.raises(Failure, match=said):
        run(*arguments)


def test_a_column_that_is_to_be_left_out_must_be_there(flights: Path) -> None:
    with pytest.raises(Failure) as refused:
        run("infer", flights, "--leave-out", "delayed")
    assert "has no column 'delayed' to leave out; the file has: flight, dep_delay_min" in str(refused.value.problems[0])
