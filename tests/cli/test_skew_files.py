"""`hyperplan skew` of two files: what becomes looks and references, and what it says and exits with."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.commands import skew as command
from cli.failure import Failure
from cli.skewing import looks_of_file, series_of_file
from hyperplan.problems import Invalid
from hyperplan.schema import Category, Float, Schema
from hyperplan.skew import detect as detection
from hyperplan.skew.case import Case
from hyperplan.skew.finding import Finding

SCHEMA = Schema(features={"x": Float(aliases=("ex",)), "who": Category(nullable=True)})
assert command


def write(query: str, path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Training data, and what was served: x is large in the middle of it."""
    when = "TIMESTAMP '2024-01-01' + INTERVAL (i) MINUTE AS at"
    query = f"SELECT i % 10 AS x, CASE WHEN i % 5 = 0 THEN NULL ELSE 'a' || i % 3 END AS who, i % 2 AS label, {when} FROM range(2000) t(i)"
    write(query, tmp_path / "train.parquet")
    served = query.replace("i % 10 AS x", "CASE WHEN i BETWEEN 800 AND 1199 THEN 900 ELSE i % 10 END AS x")
    write(served, tmp_path / "served.parquet")
    return tmp_path


def large(case: Case) -> Iterator[Finding]:
    """Finds x when some of the newest look is large."""
    profile = case.looks[-1].profile.features["x"]
    if profile.numbers and profile.numbers.moments.largest > 100:
        look = case.looks[-1]
        yield Finding(
            feature="x",
            kind="feature",
            finding="scale",
            effect=9.0,
            evidence=20.0,
            sentence="x is large",
            since=look.start,
            until=look.end,
        )


@pytest.fixture
def detecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "DETECTORS", (large,))


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["skew", *map(str, arguments)], catch_exceptions=False)
    return done.exit_code, done.stdout


def test_a_reference_is_a_series_of_profiles_in_order_and_a_look_is_a_hundred_rows(folder: Path) -> None:
    series = series_of_file(folder / "train.parquet", SCHEMA)
    assert [profile.rows for profile in series] == [500] * 4
    assert series[0].features["who"].null == 100
    looks = looks_of_file(folder / "served.parquet", SCHEMA, [])
    assert [(look.start, look.end) for look in looks] == [(number * 100, number * 100 + 100) for number in range(20)]
    assert {look.profile.rows for look in looks} == {100}


def test_a_time_column_orders_rows_and_dates_looks(folder: Path) -> None:
    write(f"""SELECT * FROM '{folder}/served.parquet' ORDER BY "at" DESC""", folder / "back.csv")
    looks = looks_of_file(folder / "back.csv", SCHEMA, [], "at")
    midnight = 1_704_067_200 * 10**9
    assert [look.start for look in looks[:2]] == [midnight, midnight + 100 * 60 * 10**9]


def test_columns_that_the_reference_has_too_are_left_alone_and_others_are_profiled_by_hashes(folder: Path) -> None:
    looks = looks_of_file(folder / "served.parquet", SCHEMA, ["x", "who", "label"])
    assert looks[0].profile.unknown.counts == {"at": 100}
    (stranger,) = looks[0].profile.unknown_profiles.values()
    assert stranger.values is not None
    assert len(stranger.values.counts) == 100
    assert not any("2024" in kept for kept in stranger.values.counts)


def test_a_feature_may_come_under_its_alias_or_not_at_all_in_what_was_served(folder: Path) -> None:
    write(f"SELECT x AS ex FROM '{folder}/served.parquet'", folder / "other.parquet")
    (look, *_) = looks_of_file(folder / "other.parquet", SCHEMA, [])
    features = look.profile.features
    assert (features["x"].missing, features["who"].missing) == (0, 100)
    with pytest.raises(Invalid, match="who"):
        series_of_file(folder / "other.parquet", SCHEMA)


@pytest.mark.usefixtures("detecting")
def test_what_broke_in_the_middle_is_told_with_the_rows_that_it_was_in_and_exits_with_1(folder: Path) -> None:
    code, printed = run("--reference", folder / "train.parquet", "--serving", folder / "served.parquet", "--json")
    assert code == 1
    (finding,) = json.loads(printed)
    assert {
        "feature": "x",
        "kind": "feature",
        "finding": "scale",
        "effect": 9.0,
        "sentence": "x is large",
    }.items() <= finding.items()
    assert 800 <= finding["since_row"] < finding["until_row"] <= 1200
    code, printed = run(
        "--reference", folder / "train.parquet", "--serving", folder / "served.parquet", "--time-column", "at", "--json"
    )
    assert json.loads(printed)[0]["since"].startswith("2024-01-01T1")
    code, printed = run("--reference", folder / "train.parquet", "--serving", folder / "served.parquet", "--exit-zero")
    assert code == 0
    assert "x is large" in printed


def test_files_that_are_alike_say_so_and_exit_with_0(folder: Path) -> None:
    code, printed = run("--reference", folder / "train.parquet", "--serving", folder / "train.parquet")
    assert (code, printed) == (0, "nothing found: what was served is like what was trained on\n")
    code, printed = run("--reference", folder / "train.parquet", "--serving", folder / "train.parquet", "--json")
    assert (code, json.loads(printed)) == (0, [])


def test_a_schema_can_be_given_and_what_cannot_be_read_is_a_sentence(folder: Path) -> None:
    (folder / "schema.yaml").write_text("features: { x: { type: float, unit: min } }\n")
    given = ("--reference", folder / "train.parquet", "--serving", folder / "train.parquet")
    assert run(*given, "--schema", folder / "schema.yaml")[0] == 0
    with pytest.raises(Failure, match="two files"):
        run("--reference", folder / "train.parquet")
    with pytest.raises(Failure) as failed:
        run("--reference", folder / "none.parquet", "--serving", folder / "train.parquet")
    assert "no such file" in failed.value.problems[0].detail
