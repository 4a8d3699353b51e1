"""Outcomes are arrays of one length, selected by masks."""

import numpy as np
import pytest

from hyperplan.outcomes import Coded, Outcomes


def outcomes(arms: list[str | None]) -> Outcomes:
    size = len(arms)
    numbers, codes = np.arange(size, dtype=np.float64), np.zeros(size, np.int32)
    return Outcomes(
        task="binary",
        prediction_id=np.array([f"p{index}" for index in range(size)], object),
        row=codes,
        time=np.arange(size),
        labelled_at=np.arange(size) + 10,
        entity=Coded.of([None] * size),
        arm=Coded.of(arms),
        answered=Coded.of(arms),
        revision=np.ones(size, np.int64),
        propensity=numbers,
        inclusion=np.full(size, 0.25),
        forced=np.zeros(size, np.bool_),
        score=numbers,
        label=numbers,
        reward=numbers,
        predicted=codes - 1,
        truth_score=numbers,
        slices={"origin": Coded.of(["EWR"] * size)},
    )


def test_texts_are_codes_into_their_names() -> None:
    coded = Coded.of(["b", None, "a", "b"])
    assert (coded.codes.tolist(), coded.names) == ([1, -1, 0, 1], ("a", "b"))
    assert coded.texts() == ["b", None, "a", "b"]
    assert coded.equal("b").tolist() == [True, False, False, True]
    assert coded.equal(None).tolist() == [False, True, False, False]
    assert not coded.equal("c").any()


def test_rows_are_selected_by_arm_and_by_time_with_all_that_belongs_to_them() -> None:
    found = outcomes(["a", "b", "a", None]).of_arm("a")
    assert (found.prediction_id.tolist(), found.slices["origin"].codes.tolist()) == (["p0", "p2"], [0, 0])
    assert found.between(1, 3).arm.texts() == ["a"]
    assert (len(found), found.weight.tolist()) == (2, [4.0, 4.0])


def test_arrays_of_several_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="several lengths"):
        outcomes(["a"]).where(np.array([True])).__class__(
            **{
                **{name: getattr(outcomes(["a"]), name) for name in Outcomes.__struct_fields__},
                "score": np.zeros(2),
            }
        )
