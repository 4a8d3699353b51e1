"""The key of personal values: read from a file or a variable, and never shown."""

from pathlib import Path

import pytest

from cli.failure import Failure
from cli.keys import KEY, read_secret

TEXT = "5e" * 32


def test_a_key_is_read_from_a_file_or_a_variable_and_the_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "hyperplan.key"
    file.write_text(TEXT + "\n")
    of_file, of_variable = read_secret(file, {KEY: "another key that is long enough"}), read_secret(None, {KEY: TEXT})
    assert of_file is not None
    assert of_variable is not None
    assert of_file.value("N1") == of_variable.value("N1")


def test_without_either_there_is_none() -> None:
    assert read_secret(None, {}) is None
    assert read_secret(None, {KEY: ""}) is None


def test_what_is_no_key_is_told_with_its_place_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "hyperplan.key"
    file.write_text("hunter2")
    with pytest.raises(Failure, match=r"--key-file .*hyperplan\.key holds no key: .*openssl rand") as failure:
        read_secret(file, {})
    assert "hunter2" not in str(failure.value)
    file.write_text("")
    with pytest.raises(Failure, match="holds no key"):
        read_secret(file, {})
    with pytest.raises(Failure, match=r"none\.key"):
        read_secret(tmp_path / "none.key", {})
