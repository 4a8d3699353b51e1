"""The registry keeps every revision, lets one of two writers win, and never holds endpoints that contradict each other."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
import pytest

from control.registry import Change, Entry, NoSuchEndpoint, NoSuchRevision, Registry, Stale, Write
from hyperplan.endpoint import Endpoint
from hyperplan.problems import Invalid

MakeEndpoint = Callable[..., Endpoint]
OpenRegistry = Callable[[], Registry]


def apply(registry: Registry, endpoint: Endpoint, expected: int | None = None) -> Entry:
    return registry.put(endpoint, Change.APPLY, Write("ann", "because", expected))


def timed(seconds: float) -> Callable[[Endpoint], Endpoint]:
    return lambda endpoint: msgspec.structs.replace(endpoint, timeout=seconds)


def test_what_was_put_is_there_with_its_author_and_reason(registry: Registry, endpoint: MakeEndpoint) -> None:
    apply(registry, endpoint())
    entry, found = registry.get("flight-delay")
    assert found == endpoint()
    assert (entry.number, entry.change, entry.author, entry.reason) == (1, Change.APPLY, "ann", "because")
    assert entry.created_at.tzinfo is not None


def test_putting_the_same_again_writes_nothing(registry: Registry, endpoint: MakeEndpoint) -> None:
    written: list[int] = []
    registry.on_write = lambda: written.append(1)
    assert [apply(registry, endpoint()).number for _ in range(3)] == [1, 1, 1]
    assert registry.plan().number == 1
    assert written == [1]


def test_another_order_of_the_arms_is_another_endpoint_because_the_first_of_equals_is_the_default(
    registry: Registry, endpoint: MakeEndpoint
) -> None:
    apply(registry, endpoint(routing={"split": {"gbm@1": 1, "logit@1": 1}}))
    apply(registry, endpoint(routing={"split": {"logit@1": 1, "gbm@1": 1}}))
    entry, found = registry.get("flight-delay")
    assert (entry.number, found.routing.default_model()) == (2, "logit@1")


def test_the_plan_holds_the_newest_revision_of_each_endpoint_and_its_number_grows(
    registry: Registry, endpoint: MakeEndpoint
) -> None:
    assert (registry.plan().number, registry.plan().endpoints, registry.number()) == (0, (), 0)
    for made in (endpoint("b", "/b"), endpoint("a", "/a"), endpoint("b", "/b", timeout=3), endpoint("c", "/c")):
        apply(registry, made)
    registry.delete("c", Write())
    plan = registry.plan()
    assert [(planned.endpoint.name, planned.revision) for planned in plan.endpoints] == [("a", 1), ("b", 2)]
    assert plan.number == registry.number() == 5


def test_the_plan_is_the_same_after_a_restart(open_registry: OpenRegistry, endpoint: MakeEndpoint) -> None:
    first = open_registry()
    apply(first, endpoint("a", "/a"))
    apply(first, endpoint("b", "/b"))
    first.delete("a", Write())
    plan = first.plan()
    first.close()
    assert open_registry().plan() == plan


def test_an_endpoint_that_was_deleted_can_be_made_again_and_its_history_goes_on(
    registry: Registry, endpoint: MakeEndpoint
) -> None:
    apply(registry, endpoint())
    registry.delete("flight-delay", Write())
    with pytest.raises(NoSuchEndpoint):
        registry.get("flight-delay")
    assert registry.entries() == []
    assert apply(registry, endpoint(), expected=0).number == 3
    history = [
        (entry.number, entry.change, entry.endpoint is None) for entry in registry.history("flight-delay", limit=9)
    ]
    assert history == [(3, Change.APPLY, False), (2, Change.DELETE, True), (1, Change.APPLY, False)]


def test_what_is_deleted_cannot_be_deleted_or_edited(registry: Registry, endpoint: MakeEndpoint) -> None:
    apply(registry, endpoint())
    registry.delete("flight-delay", Write())
    with pytest.raises(NoSuchEndpoint):
        registry.delete("flight-delay", Write())
    with pytest.raises(NoSuchEndpoint):
        registry.edit("flight-delay", Change.ROUTING, Write(), timed(3))
    assert registry.number() == 2


def test_an_unknown_endpoint_is_answered_with_those_that_are_known(registry: Registry, endpoint: MakeEndpoint) -> None:
    for name in ("b", "a"):
        apply(registry, endpoint(name, f"/{name}"))
    for ask in (
        lambda: registry.get("c"),
        lambda: registry.history("c", limit=1),
        lambda: registry.delete("c", Write()),
    ):
        with pytest.raises(NoSuchEndpoint, match=r"'c'; known: a, b$"):
            ask()


def test_of_many_known_endpoints_some_are_named(registry: Registry, endpoint: MakeEndpoint) -> None:
    for number in range(30):
        apply(registry, endpoint(f"e{number:02}", f"/{number}"))
    with pytest.raises(NoSuchEndpoint, match=r"known: e00, .*, e19, \.\.\. \(30 in all\)"):
        registry.get("x")


@pytest.mark.parametrize("number", [-1, 0, 2, 2**62, 2**63, 10**40])
def test_a_revision_that_never_was_is_said_to_be_none(registry: Registry, endpoint: MakeEndpoint, number: int) -> None:
    apply(registry, endpoint())
    with pytest.raises(NoSuchRevision, match=f"no revision {number}"):
        registry.revision("flight-delay", number)


def test_the_revision_of_a_deletion_says_so(registry: Registry, endpoint: MakeEndpoint) -> None:
    apply(registry, endpoint())
    registry.delete("flight-delay", Write())
    assert registry.revision("flight-delay", 1)[1] == endpoint()
    with pytest.raises(NoSuchRevision, match="deleted"):
        registry.revision("flight-delay", 2)


def test_history_is_read_in_pages(registry: Registry, endpoint: MakeEndpoint) -> None:
    for seconds in range(1, 8):
        apply(registry, endpoint(timeout=seconds))
    pages = [registry.history("flight-delay", limit=3, before=before) for before in (None, 5, 2, 1)]
    assert [[entry.number for entry in page] for page in pages] == [[7, 6, 5], [4, 3, 2], [1], []]


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_a_write_from_another_revision_is_stale_and_changes_nothing(
    registry: Registry, endpoint: MakeEndpoint, expected: int
) -> None:
    apply(registry, endpoint())
    apply(registry, endpoint(timeout=2))
    write = Write(expected=expected)
    attempts: list[Callable[[], object]] = [
        partial(registry.put, endpoint(timeout=3), Change.APPLY, write),
        partial(registry.edit, "flight-delay", Change.SCHEMA, write, timed(3)),
        partial(registry.delete, "flight-delay", write),
    ]
    for attempt in attempts:
        with pytest.raises(Stale) as caught:
            attempt()
        assert caught.value.current == 2
    assert registry.number() == 2


def test_a_write_that_expects_an_endpoint_that_is_not_there_is_stale(
    registry: Registry, endpoint: MakeEndpoint
) -> None:
    with pytest.raises(Stale) as caught:
        apply(registry, endpoint(), expected=1)
    assert caught.value.current is None


def test_endpoints_cannot_share_a_path_unless_their_hosts_differ(registry: Registry, endpoint: MakeEndpoint) -> None:
    apply(registry, endpoint("a", match={"path": "/p", "host": "a.example.org"}))
    apply(registry, endpoint("b", match={"path": "/p", "host": "b.example.org"}))
    apply(registry, endpoint("c", match={"path": "/p"}))
    with pytest.raises(Invalid) as caught:
        apply(registry, endpoint("d", match={"path": "/p"}))
    [problem] = caught.value.problems
    assert problem.pointer == "/match"
    assert "'c'" in problem.detail
    registry.delete("c", Write())
    apply(registry, endpoint("d", match={"path": "/p"}))


def test_an_edit_that_makes_no_sense_is_refused(registry: Registry, endpoint: MakeEndpoint) -> None:
    apply(registry, endpoint())
    with pytest.raises(Invalid) as caught:
        registry.edit("flight-delay", Change.MODEL, Write(), lambda old: msgspec.structs.replace(old, models={}))
    assert "/routing/split/gbm@1" in {problem.pointer for problem in caught.value.problems}
    assert registry.number() == 1


# Many at once.


def together(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each piece of work returns or raises, when all begin at the same moment."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return work()
        except (Stale, Invalid) as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@pytest.mark.parametrize("registries", [1, 2])
def test_of_two_writers_from_one_revision_one_wins_and_the_other_is_told(
    open_registry: OpenRegistry, endpoint: MakeEndpoint, registries: int
) -> None:
    opened = [open_registry() for _ in range(registries)]
    apply(opened[0], endpoint(timeout=1))
    for number in range(1, 11):
        puts = [
            partial(opened[writer % registries].put, made, Change.APPLY, Write(expected=number))
            for writer, made in enumerate((endpoint(timeout=number * 10), endpoint(timeout=number * 10 + 1)))
        ]
        results = together(puts)
        [winner] = [result for result in results if isinstance(result, Entry)]
        [loser] = [result for result in results if isinstance(result, Stale)]
        assert (winner.number, loser.current) == (number + 1, number + 1)
        assert opened[0].get("flight-delay")[1] == winner.endpoint


def test_edits_that_name_no_revision_are_all_made(open_registry: OpenRegistry, endpoint: MakeEndpoint) -> None:
    registries = [open_registry() for _ in range(2)]
    apply(registries[0], endpoint())

    def added(writer: int) -> Callable[[Endpoint], Endpoint]:
        def edited(old: Endpoint) -> Endpoint:
            return msgspec.structs.replace(old, models=old.models | {f"new@{writer}": old.models["spare@1"]})

        return edited

    edits = [partial(registries[w % 2].edit, "flight-delay", Change.MODEL, Write(), added(w)) for w in range(8)]
    results = together(edits)
    assert sorted(entry.number for entry in results) == list(range(2, 10))
    assert {f"new@{writer}" for writer in range(8)} < set(registries[0].get("flight-delay")[1].models)
    assert len(registries[1].history("flight-delay", limit=100)) == 9


def test_of_two_endpoints_put_at_once_on_one_path_one_is_refused(
    open_registry: OpenRegistry, endpoint: MakeEndpoint
) -> None:
    registries = [open_registry() for _ in range(2)]
    for number in range(5):
        made = zip(registries, "ab", strict=True)
        results = together([partial(apply, used, endpoint(f"{name}{number}", f"/{number}")) for used, name in made])
        assert sorted(type(result).__name__ for result in results) == ["Entry", "Invalid"]


def test_readers_see_whole_plans_while_others_write(registry: Registry, endpoint: MakeEndpoint) -> None:
    apply(registry, endpoint("a", "/a", timeout=1))
    apply(registry, endpoint("b", "/b", timeout=1))

    def write() -> None:
        for seconds in range(2, 22):
            registry.edit("a", Change.APPLY, Write(), timed(seconds))
            registry.edit("b", Change.APPLY, Write(), timed(seconds))

    def read() -> list[tuple[int, float, float]]:
        plans = [registry.plan() for _ in range(60)]
        return [(plan.number, *(planned.endpoint.timeout for planned in plan.endpoints)) for plan in plans]  # type: ignore[misc]

    _, *seen = together([write, read, read])
    for number, first, second in {one for reader in seen for one in reader}:
        assert (first, second) == ((number + 1) // 2, number // 2)


def test_a_registry_reads_each_revision_once(registry: Registry, endpoint: MakeEndpoint) -> None:
    apply(registry, endpoint("a", "/a"))
    apply(registry, endpoint("b", "/b"))
    before = {planned.endpoint.name: planned.endpoint for planned in registry.plan().endpoints}
    apply(registry, endpoint("b", "/b", timeout=3))
    after = {planned.endpoint.name: planned.endpoint for planned in registry.plan().endpoints}
    assert after["a"] is before["a"]
    assert after["b"].timeout == 3


def test_what_another_process_writes_is_read(open_registry: OpenRegistry, endpoint: MakeEndpoint) -> None:
    ours, theirs = open_registry(), open_registry()
    apply(ours, endpoint())
    assert ours.plan().number == 1
    apply(theirs, endpoint(timeout=3))
    assert ours.plan().endpoints[0].endpoint.timeout == 3


def test_a_commit_is_on_disk_when_it_returns(registry: Registry, endpoint: MakeEndpoint, tmp_path: Any) -> None:
    apply(registry, endpoint())
    connection = sqlite3.connect(tmp_path / "registry.sqlite")
    assert connection.execute("SELECT count(*) FROM revisions").fetchone() == (1,)
    connection.close()
