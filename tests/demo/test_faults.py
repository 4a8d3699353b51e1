"""The mistakes of the demo's feeds."""

from hypothesis import given
from hypothesis import strategies as st

from demo.faults import in_seconds, renamed

delays = st.none() | st.integers(-60, 1500).map(float)
rows = st.fixed_dictionaries({"dep_delay": delays, "distance": st.integers(17, 5000), "carrier": st.just("UA")})


@given(rows)
def test_seconds_change_the_departure_delay_and_nothing_else(row: dict[str, object]) -> None:
    sent = in_seconds(row)
    assert sent["dep_delay"] == (None if row["dep_delay"] is None else row["dep_delay"] * 60)  # type: ignore[operator]
    assert {**sent, "dep_delay": row["dep_delay"]} == row


@given(rows)
def test_a_renamed_distance_keeps_its_value_and_its_place(row: dict[str, object]) -> None:
    sent = renamed(row)
    assert list(sent) == ["dist" if name == "distance" else name for name in row]
    assert list(sent.values()) == list(row.values())


@given(rows)
def test_faults_leave_the_row_itself_alone(row: dict[str, object]) -> None:
    before = dict(row)
    in_seconds(row)
    renamed(row)
    assert row == before
