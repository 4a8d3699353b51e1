"""The plan on disk."""

from pathlib import Path

from extproc.plans import Shelf
from hyperplan.endpoint import parse_endpoint
from hyperplan.plan import Plan, PlannedEndpoint
from tests.extproc.conversation import DOCUMENT

PLAN = Plan(7, (PlannedEndpoint(3, parse_endpoint(DOCUMENT)),))


def test_a_plan_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    Shelf(tmp_path / "new" / "folder").save(PLAN)
    assert Shelf(tmp_path / "new" / "folder").load() == PLAN


def test_an_empty_shelf_has_no_plan(tmp_path: Path) -> None:
    assert Shelf(tmp_path).load() is None


def test_a_plan_that_cannot_be_read_is_no_plan(tmp_path: Path) -> None:
    for garbage in (b"", b"\xff", b"{}", b'{"number": 1, "endpoints": [{}]}', b"[" * 100_000):
        (tmp_path / "plan.json").write_bytes(garbage)
        assert Shelf(tmp_path).load() is None


def test_saving_replaces_the_plan_as_a_whole(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.save(PLAN)
    shelf.save(Plan(8))
    assert shelf.load() == Plan(8)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
