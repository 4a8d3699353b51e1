"""`hyperplan skew join`: which rows belong together, what is compared, and what is printed of them."""

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.commands import skew as command
from cli.failure import Failure
from cli.skew_join import Side, join
from hyperplan.problems import Invalid
from hyperplan.schema import Category, Float, Schema

assert command
SCHEMA = """
features:
  delay: { type: float, unit: min }
  who: { type: string, pii: true }
"""


def written(path: Path, query: str) -> Path:
    duckdb.execute(f"COPY ({query}) TO '{path}'")
    return path


@pytest.fixture
def served(tmp_path: Path) -> Path:
    return written(
        tmp_path / "served.parquet", "SELECT i AS id, 60.0 * (i % 97) AS delay, 'p' || i AS who FROM range(1000) t(i)"
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    query = "SELECT i AS id, i % 97 AS delay, 'P' || i AS who, i % 2 AS label FROM range(100, 1100) t(i)"
    return written(tmp_path / "log.csv", query)


def test_rows_of_one_key_are_compared(served: Path, log: Path) -> None:
    joined = join(Side(served), log, "id")
    assert (joined.pairs, joined.only_served, joined.only_logged, joined.repeated) == (900, 100, 100, 0)
    assert [one.feature for one in joined.features] == ["delay", "who"]
    assert joined.left_out == ["label"]
    names = [one.comparison.relation.name for one in joined.features if one.comparison.relation]
    assert names == ["scale", "recoded"]


def test_a_schema_says_units_and_what_is_personal(served: Path, log: Path) -> None:
    schema = Schema(features={"delay": Float(unit="min"), "who": Category(pii=True)})
    delay, who = join(Side(served), log, "id", schema).features
    assert delay.comparison.relation
    assert delay.comparison.relation.sentence == "served 60 times larger: seconds where the log has minutes"
    assert {example.served for example in who.examples} == {"(personal)"}


def test_keys_are_printed_as_hashes(served: Path, log: Path) -> None:
    printed = CliRunner().invoke(
        app, ["skew", "join", "--key", "id", "--served", str(served), "--log", str(log), "--json"]
    )
    found = json.loads(printed.output)
    assert printed.exit_code == 1
    keys = {example["key"] for feature in found["features"] for example in feature["examples"]}
    assert keys
    assert all(len(key) == 16 and not key.isdigit() for key in keys)


def test_a_sentence_is_printed_for_each_feature(served: Path, log: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text(SCHEMA)
    arguments = ["skew", "join", "--key", "id", "--served", str(served), "--log", str(log), "--schema", str(schema)]
    printed = CliRunner().invoke(app, arguments)
    assert "900 rows on both sides; 100 only served, 100 only in the log" in printed.output
    assert (
        "delay differs in 99 % of the rows: served 60 times larger: seconds where the log has minutes" in printed.output
    )


def test_equal_files_exit_with_zero(log: Path) -> None:
    printed = CliRunner().invoke(app, ["skew", "join", "--key", "id", "--served", str(log), "--log", str(log)])
    assert printed.exit_code == 0
    assert "delay is equal in every row" in printed.output


def test_keys_that_stand_twice_are_left_out_and_counted(tmp_path: Path, log: Path) -> None:
    twice = written(
        tmp_path / "twice.parquet", "SELECT 100 + i // 2 AS id, 1 AS delay FROM range(10) t(i) UNION ALL SELECT 500, 2"
    )
    joined = join(Side(twice), log, "id")
    assert (joined.pairs, joined.repeated) == (1, 10)


def test_codes_with_leading_zeros_are_texts(tmp_path: Path) -> None:
    one = written(tmp_path / "one.csv", "SELECT i AS id, '0' || i % 9 AS code FROM range(200) t(i)")
    other = written(tmp_path / "other.csv", "SELECT i AS id, i % 9 AS code FROM range(200) t(i)")
    (code,) = join(Side(one), other, "id").features
    assert code.comparison.relation
    assert code.comparison.relation.details["by"] == "leading zeros"


def test_the_log_may_be_put_in_the_order_of_time(tmp_path: Path) -> None:
    values = "hash(i) % 1000 AS x"
    one = written(tmp_path / "one.parquet", f"SELECT i + 3 AS id, {values} FROM range(500) t(i)")
    other = written(
        tmp_path / "other.parquet", f"SELECT i AS id, {values}, i AS at FROM range(500) t(i) ORDER BY hash(i)"
    )
    (x,) = join(Side(one), other, "id", time_column="at").features
    assert x.comparison.relation
    assert x.comparison.relation.details == {"rows": 3}


def test_rows_of_samples_are_joined_like_those_of_a_file(log: Path) -> None:
    rows = [
        {"prediction_id": str(i), "entity": None, "id": i, "delay": i % 97 * 60.0, "who": f"P{i}"}
        for i in range(100, 200)
    ]
    joined = join(Side(None, rows), log, "id")
    assert joined.pairs == 100
    assert [one.comparison.share > 0.9 for one in joined.features] == [True, False]


@pytest.mark.parametrize(("key", "time"), [("nobody", None), ("id", "never")])
def test_columns_that_are_not_there_are_named(served: Path, log: Path, key: str, time: str | None) -> None:
    with pytest.raises(Invalid, match="no such column; there is: id, delay, who"):
        join(Side(served), log, key, time_column=time)


def test_keys_that_never_meet_are_told(served: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.parquet", "SELECT 'k' || i AS id, i AS delay FROM range(10) t(i)")
    with pytest.raises(Invalid, match="no key of the served rows is in the log"):
        join(Side(served), other, "id")


@pytest.mark.parametrize("sides", [[], ["--served", "a.parquet", "--endpoint", "e"]])
def test_what_was_served_is_a_file_or_samples(sides: list[str], log: Path) -> None:
    printed = CliRunner().invoke(app, ["skew", "join", "--key", "id", "--log", str(log), *sides])
    assert isinstance(printed.exception, Failure)
