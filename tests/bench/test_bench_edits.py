"""How the benchmark measures edits: by requests where there is an Envoy, and by the logs of the sidecars that have none."""

from bench import edits
from bench.edits import Edited
from bench.figures import Figure


async def test_edits_are_seen_at_one_sidecar_and_at_each_of_several() -> None:
    alone, alone_by_model, several = await edits.measure(edits=2, sidecars=4, real=1, show=lambda _line: None)
    assert (alone.sidecars, alone_by_model.sidecars, several.sidecars) == (1, 1, 4)
    assert (len(alone.seconds), len(alone_by_model.seconds)) == (2, 2)
    assert len(several.seconds) == 10 * 4, "every sidecar is heard of at each edit"
    assert all(0 < seconds < edits.PATIENCE for one in (alone, alone_by_model, several) for seconds in one.seconds)
    assert alone.errors + alone_by_model.errors + several.errors == 0


def test_the_slowest_hundredth_of_edits_is_held_to_the_bar_of_so_many_sidecars() -> None:
    slow = [0.1] * 98 + [1.0] * 2
    held = {figure.figure: figure.holds for figure in edits.figures([Edited("split", 1, slow, 0, 0)])}
    assert held == {
        "edit of a split to the first request on it, 1 sidecar: p99, s": False,
        "requests that failed during edits": True,
    }
    assert edits.figures([Edited("split", 500, slow, 0, 0)])[0].holds
    assert edits.figures([Edited("split", 1, [0.1] * 99 + [1.0], 0, 0)])[0].holds


def test_a_request_that_failed_during_an_edit_fails_a_figure() -> None:
    assert edits.figures([Edited("split", 1, [0.1], 0, 1)])[-1] == Figure(
        "requests that failed during edits", 1.0, "<= 0", False
    )
