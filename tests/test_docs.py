"""What the documentation shows is what Hyperplan takes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperplan.endpoint import parse_endpoint

ROOT = Path(__file__).parents[1]


def documents() -> Iterator[tuple[str, str]]:
    """Every whole endpoint document in the documentation, with the page it is on."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            if block.startswith("name:"):
                yield page.name, block


@pytest.mark.parametrize(("page", "text"), list(documents()))
def test_an_endpoint_document_that_is_shown_is_valid(page: str, text: str) -> None:
    assert parse_endpoint(text).name, page


def test_there_are_documents_to_look_at() -> None:
    assert {page for page, _ in documents()} >= {"README.md", "models.md"}
