"""The key of personal values: equal values have equal hashes under one key, and the key never shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperplan.sample import hashed
from hyperplan.secret import Secret, is_hashed_entity, is_hashed_value

KEY, OTHER = Secret(b"k" * 64), Secret(b"o" * 64)


def test_a_key_that_is_short_is_none() -> None:
    with pytest.raises(ValueError, match="openssl rand"):
        Secret(b" too short to be a key          \n")


def test_white_space_around_a_key_is_not_part_of_it() -> None:
    assert Secret(b"k" * 64 + b"\r\n").value("N1") == KEY.value("N1")


@given(st.text())
def test_one_key_says_the_same_and_another_something_else(text: str) -> None:
    assert KEY.value(text) == Secret(b"k" * 64).value(text) != OTHER.value(text)
    assert KEY.entity(text) != OTHER.entity(text)
    assert KEY.value(text) != hashed(text)
    assert is_hashed_value(KEY.value(text))
    assert is_hashed_entity(KEY.entity(text))


def test_a_number_is_one_however_it_is_written_and_null_is_no_secret() -> None:
    assert KEY.value(5.0) == KEY.value(5) != KEY.value("5")
    assert KEY.value(None) == hashed(None)


def test_a_process_that_is_told_the_key_hashes_alike() -> None:
    told = Secret.from_bytes(KEY.to_bytes())
    assert (told.value("N1"), told.entity("N1")) == (KEY.value("N1"), KEY.entity("N1"))


def test_the_key_does_not_show() -> None:
    assert "kk" not in repr(KEY)
    assert KEY.fingerprint in repr(KEY)
    assert KEY.fingerprint != OTHER.fingerprint
