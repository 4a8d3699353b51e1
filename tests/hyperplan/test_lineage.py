"""What a model version was made of: read, compared, and told when it repeats."""

import doctest
import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.documents import Document, read
from hyperplan.lineage import Data, Lineage, Made, Run, problems_of_lineage, recipe_of, repeats_of, side_by_side
from hyperplan.problems import Invalid

WHOLE = {
    "algorithm": "gbm",
    "parameters": {"rate": 0.1},
    "data": {"uri": "s3://flights", "hash": "e3b0", "rows": 9, "from": "2026-01-01", "to": "2026-02-01T00:00:00Z"},
    "code_revision": "4fd2",
    "metrics": {"auc": 0.9, "trees": 100},
    "author": "ada",
    "trained_at": "2026-02-02T12:00:00Z",
    "run": {"server": "http://mlflow", "experiment": "flights", "id": "r-1", "url": "http://mlflow/#/r-1"},
    "extra": {"ticket": 7},
}
BASE = Lineage(algorithm="gbm", data=Data(hash="e3b0"), code_revision="4fd2", parameters={"rate": 0.1})


def made(model: str, order: int, lineage: Lineage = BASE, endpoint: str = "flights") -> Made:
    return Made(endpoint, model, order, order, lineage)


def with_(**fields: Any) -> Lineage:
    return Lineage(**({name: getattr(BASE, name) for name in BASE.__struct_fields__} | fields))


def test_a_whole_lineage_is_read() -> None:
    assert list(problems_of_lineage(read(Lineage, Document(WHOLE)))) == []


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ({"trained": "2026-01-01"}, "/trained"),
        ({"data": {"rows": -1}}, "/data/rows"),
        ({"data": {"size": 1}}, "/data/size"),
        ({"metrics": {"auc": "high"}}, "/metrics/auc"),
        ({"run": "r-1"}, "/run"),
    ],
)
def test_what_has_no_place_or_another_type_is_refused_where_it_stands(written: Any, place: str) -> None:
    with pytest.raises(Invalid) as error:
        read(Lineage, Document(written))
    assert [problem.pointer for problem in error.value.problems] == [place]


def test_times_that_are_none_or_run_backwards_are_refused() -> None:
    found = problems_of_lineage(
        Lineage(trained_at="yesterday", data=Data(since="2026-02-01", until="2026-01-01T00:00:00Z"))
    )
    assert [problem.pointer for problem in found] == ["/trained_at", "/data/from"]


def test_the_same_data_code_and_parameters_are_a_repeat_whatever_else_is_said() -> None:
    again = with_(author="bob", metrics={"auc": 0.91}, run=Run(id="r-2"), parameters={"rate": "0.1"})
    (found,) = repeats_of(made("gbm@2", 2, again), [made("gbm@1", 1), made("gbm@2", 2, again)])
    assert (found.model, found.revision, found.same_run) == ("gbm@1", 1, False)
    assert found.sentence == "gbm@2 repeats gbm@1 (revision 1): the same data, code and parameters"


@pytest.mark.parametrize(
    "other",
    [
        with_(data=Data(hash="ffff")),
        with_(code_revision="0000"),
        with_(parameters={"rate": 0.2}),
        with_(algorithm="logit"),
        with_(data=None),
    ],
)
def test_another_data_code_parameter_or_algorithm_is_no_repeat(other: Lineage) -> None:
    assert repeats_of(made("gbm@2", 2), [made("gbm@1", 1, other)]) == []


@pytest.mark.parametrize("unknown", [with_(data=Data(uri="s3://flights")), with_(code_revision=None)])
def test_who_does_not_name_data_or_code_repeats_nothing_that_is_known(unknown: Lineage) -> None:
    assert repeats_of(made("gbm@2", 2, unknown), [made("gbm@1", 1, unknown)]) == []


def test_a_model_behind_another_endpoint_is_named_with_it() -> None:
    (found,) = repeats_of(made("gbm@1", 2, endpoint="churn"), [made("gbm@1", 1)])
    assert (found.endpoint, found.sentence) == (
        "flights",
        "gbm@1 repeats gbm@1 of flights (revision 1): the same data, code and parameters",
    )


def test_the_same_run_at_another_place_trained_nothing_twice() -> None:
    one = with_(run=Run(server="http://mlflow", id="r-1"))
    (found,) = repeats_of(made("best@1", 2, one), [made("gbm@1", 1, one)])
    assert (found.same_run, found.sentence) == (True, "best@1 is of the same run as gbm@1 (revision 1)")


def test_a_model_does_not_repeat_itself_nor_what_came_later() -> None:
    assert repeats_of(made("gbm@1", 1), [made("gbm@1", 1), made("gbm@1", 3), made("gbm@2", 2)]) == []


def test_a_model_that_was_trained_anew_under_its_old_name_repeats_what_it_was() -> None:
    anew = with_(trained_at="2026-03-01")
    assert [
        each.revision for each in repeats_of(made("gbm@1", 4, anew), [made("gbm@1", 1), made("gbm@1", 4, anew)])
    ] == [1]


@given(
    st.dictionaries(
        st.text(),
        st.integers(-(1 << 53), 1 << 53) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_parameters_mean_the_same_as_the_texts_that_a_tracking_server_makes_of_them(parameters: dict[str, Any]) -> None:
    texts = {name: str(value) for name, value in parameters.items()}
    assert recipe_of(with_(parameters=parameters)) == recipe_of(with_(parameters=texts))


def test_versions_stand_side_by_side_with_what_only_one_of_them_says() -> None:
    found = side_by_side([{"a": 1, "b": {"c": [1]}}, {"b": {"c": [1], "d": None}, "e": 1.0}])
    assert [(line.pointer, line.values, line.same) for line in found] == [
        ("/a", [1, None], False),
        ("/b/c", [[1], [1]], True),
        ("/b/d", [None, None], True),
        ("/e", [None, 1.0], False),
    ]


@pytest.mark.parametrize("module", ["repeats", "side_by_side"])
def test_the_examples_are_true(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"hyperplan.lineage.{module}")).failed == 0
