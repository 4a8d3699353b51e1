"""Plans out of a folder of documents."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from extproc.plans import BadPlan, FolderSource, folder
from extproc.plans.folder import plan_of
from hyperplan.plan import Plan
from hyperplan.problems import Invalid
from tests.extproc.conversation import DOCUMENT
from tests.support.waiting import eventually

OTHER = DOCUMENT.replace("name: flight-delay", "name: other").replace("flight-delay:predict", "other:predict")


async def next_of(plans: AsyncIterator[Plan | BadPlan]) -> Plan | BadPlan:
    return await asyncio.wait_for(anext(plans), 10)


def test_each_document_is_an_endpoint() -> None:
    plan = plan_of({"a.yaml": DOCUMENT, "b.yaml": OTHER}, Plan(4))
    assert plan.number == 5
    assert [planned.endpoint.name for planned in plan.endpoints] == ["flight-delay", "other"]


def test_only_what_changed_gets_a_new_revision() -> None:
    first = plan_of({"a.yaml": DOCUMENT, "b.yaml": OTHER}, Plan(0))
    second = plan_of({"a.yaml": DOCUMENT.replace("gbm@1: 50", "gbm@1: 60"), "b.yaml": OTHER}, first)
    assert [planned.revision for planned in second.endpoints] == [2, 1]


def test_an_unchanged_folder_is_the_same_plan() -> None:
    first = plan_of({"a.yaml": DOCUMENT}, Plan(0))
    assert plan_of({"a.yaml": DOCUMENT + "\n# a comment"}, first) is first


def test_everything_wrong_is_named_with_its_file() -> None:
    with pytest.raises(Invalid) as refused:
        plan_of({"a.yaml": DOCUMENT.replace("min: -60", "min: x"), "b.yaml": "name: ["}, Plan(0))
    text = str(refused.value)
    assert "a.yaml: /schema/features/dep_delay/min" in text
    assert "b.yaml" in text


def test_two_documents_with_one_path_are_refused() -> None:
    with pytest.raises(Invalid, match="same path"):
        plan_of({"a.yaml": DOCUMENT, "b.yaml": DOCUMENT.replace("name: flight-delay", "name: other")}, Plan(0))


async def test_an_edit_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(DOCUMENT)
    plans = FolderSource(tmp_path).plans(Plan(0))
    first = await next_of(plans)
    assert isinstance(first, Plan)
    (tmp_path / "a.yaml").write_text(DOCUMENT.replace("gbm@1: 50", "gbm@1: 60"))
    second = await next_of(plans)
    assert isinstance(second, Plan)
    assert (first.number, second.number) == (1, 2)


async def test_a_bad_document_is_reported_once_and_its_cure_is_a_plan(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff")
    plans = FolderSource(tmp_path).plans(Plan(0))
    assert isinstance(await next_of(plans), BadPlan)
    (tmp_path / "a.yaml").write_text(DOCUMENT)
    assert isinstance(await next_of(plans), Plan)


async def test_other_files_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# not a document")
    (tmp_path / "a.json").write_text('{"name": 1}')
    assert "README" not in str(await next_of(FolderSource(tmp_path).plans(Plan(0))))


async def test_documents_that_did_not_change_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("a.yaml", DOCUMENT), ("b.yaml", OTHER)):
        (tmp_path / name).write_text(text)
    reads, looks = [], []
    read, look = folder._text, FolderSource._marks

    def reading(path: Path) -> str | Invalid:
        reads.append(path.name)
        return read(path)

    def looking(source: FolderSource) -> Any:
        looks.append(1)
        return look(source)

    monkeypatch.setattr(folder, "_text", reading)
    monkeypatch.setattr(FolderSource, "_marks", looking)
    monkeypatch.setattr(folder, "INTERVAL", 0.001)
    plans = FolderSource(tmp_path).plans(Plan(0))
    await next_of(plans)
    second = asyncio.ensure_future(next_of(plans))
    await eventually(lambda: len(looks) > 20)
    assert reads == ["a.yaml", "b.yaml"]
    (tmp_path / "a.yaml").unlink()
    assert isinstance(await second, Plan)
