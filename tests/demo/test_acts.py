"""The script of the demo."""

import pytest

from demo import acts

ROW = {"dep_delay": 2.0, "distance": 500.0}


@pytest.mark.parametrize("act", acts.ACTS)
def test_every_act_has_its_time_on_stage(act: acts.Act) -> None:
    assert 0 <= act.begins < act.ends <= 1
    assert acts.caption(act.begins) == act.caption


def test_the_feed_is_right_outside_of_its_accidents() -> None:
    assert acts.as_sent(ROW, 0.1) == ROW
    assert acts.as_sent(ROW, 0.99) == ROW


def test_the_feed_sends_seconds_for_a_while() -> None:
    assert acts.as_sent(ROW, acts.SECONDS.begins) == {"dep_delay": 120.0, "distance": 500.0}


def test_the_feed_renames_the_distance_for_a_while() -> None:
    assert acts.as_sent(ROW, acts.RENAME.begins) == {"dep_delay": 2.0, "dist": 500.0}


def test_the_accidents_do_not_overlap() -> None:
    assert acts.SECONDS.ends <= acts.RENAME.begins
