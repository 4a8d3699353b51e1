"""How traffic is shared among models, and what an edit of the shares changes, and how soon."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable

from scipy.stats import chisquare

from tests.end_to_end.stacks import PATIENCE, Hyperplan, document, load, row
from tests.envoy.running import ModelServer

ModelServers = Callable[..., Awaitable[ModelServer]]

ENTITIES = [f"N{number}" for number in range(2000)]
"""Always the same, so that what is chosen for them is too."""
IMPROBABLE = 0.001
"""A split whose shares were less probable than this would not be what it says."""


def probability(arms: dict[str, str], weights: dict[str, float]) -> float:
    """How probable it is that shares are as far from the weights as these, or farther (chi-square)."""
    counts, total = Counter(arms.values()), sum(weights.values())
    assert counts.keys() <= weights.keys()
    observed = [counts[arm] for arm in weights]
    return float(chisquare(observed, [weight / total * len(arms) for weight in weights.values()]).pvalue)


async def test_entities_stay_with_their_model_and_only_those_that_must_move_do(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    before, after = {"a@1": 50.0, "b@1": 30.0, "c@1": 20.0}, {"a@1": 50.0, "b@1": 30.0, "c@1": 70.0}
    models = {name: model.url(f"/{name}") for name in before}
    routing, unobserved = {"split": before, "sticky": True}, {"rate": 0, "max_per_second": 1}
    await hyperplan.apply(document("sticky", models, routing=routing, sampling=unobserved, on_failure="closed"))
    first = await hyperplan.arms_of("sticky", ENTITIES)
    assert probability(first, before) > IMPROBABLE
    again = ENTITIES[::10]
    assert await hyperplan.arms_of("sticky", again) == {entity: first[entity] for entity in again}

    await hyperplan.edit_routing("sticky", split=after)
    await hyperplan.in_force("sticky")
    second = await hyperplan.arms_of("sticky", ENTITIES)
    assert probability(second, after) > IMPROBABLE
    # The model whose weight grew draws from the others, and nothing else moves.
    moved = [entity for entity in ENTITIES if second[entity] != first[entity]]
    assert {second[entity] for entity in moved} == {"c@1"}

    await hyperplan.edit_routing("sticky", split=before)
    await hyperplan.in_force("sticky")
    assert await hyperplan.arms_of("sticky", moved[::10]) == {entity: first[entity] for entity in moved[::10]}


async def test_requests_without_an_entity_are_shared_by_the_weights(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    weights = {"a@1": 80.0, "b@1": 20.0}
    models = {name: model.url(f"/{name}") for name in weights}
    await hyperplan.apply(document("drawn", models, routing={"split": weights, "sticky": True}))
    arms: dict[str, str] = {}
    for turn in range(300):
        response = await hyperplan.predict("drawn")
        arms[str(turn)] = response.headers["x-hyperplan-model"]
    # What is drawn differs from run to run, so the test must not be one that fails in every thousandth.
    assert probability(arms, weights) > 1e-9


async def test_a_request_that_names_an_arm_without_traffic_gets_it_and_its_sample_says_so(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    model = await model_server()
    models = {name: model.url(f"/{name}") for name in ("a@1", "b@1")}
    routing = {"split": {"a@1": 1, "b@1": 0}, "force_header": "x-force-model"}
    await hyperplan.apply(document("forced", models, routing=routing, sampling={"rate": 1, "max_per_second": 1000}))
    tried = await hyperplan.predict("forced", row(), x_force_model="b@1")
    usual = await hyperplan.predict("forced", row(), x_force_model="c@1")
    assert [each.headers["x-hyperplan-model"] for each in (tried, usual)] == ["b@1", "a@1"]
    sample = await hyperplan.sample("forced", tried)
    assert (sample["chosen"], sample["forced"], sample["propensity"]) == ("b@1", True, 1.0)
    asked = {"payload": row().decode(), "headers": {"X-Force-Model": "b@1"}}
    told = (await hyperplan.api.post("/v1/endpoints/forced/dry-run", json=asked)).json()
    assert (told["how"], [arm["arm"] for arm in told["arms"]]) == ("forced", ["b@1"])


async def test_a_drained_model_gets_no_request_once_the_sidecars_follow_and_none_fails(
    hyperplan: Hyperplan, model_server: ModelServers
) -> None:
    stays, leaves = await model_server(), await model_server()
    models = {"a@1": stays.url("/a"), "b@1": leaves.url("/b")}
    routing = {"split": {"a@1": 1, "b@1": 1}, "fallback": ["b@1"]}
    await hyperplan.apply(document("drains", models, routing=routing))
    async with load(lambda: hyperplan.predict("drains", row())) as sent:
        await sent.more(50)
        drained = await hyperplan.api.post("/v1/endpoints/drains/models/b@1/drain", headers={"if-match": "1"})
        assert drained.is_success, drained.text
        plan = (await hyperplan.api.get("/v1/endpoints/drains/revisions/2")).json()["plan"]
        sidecars = (await hyperplan.api.get("/v1/sidecars", params={"plan": plan, "wait": PATIENCE})).json()
        assert any(sidecar["applied"] >= plan for sidecar in sidecars)
        await sent.more(50)  # what was under way has ended
        seen = len(leaves.seen)
        await sent.more(100)
        assert (seen > 0, len(leaves.seen)) == (True, seen)
    assert sent.statuses() == {200}


async def test_an_edit_of_the_weights_is_seen_within_a_second(hyperplan: Hyperplan, model_server: ModelServers) -> None:
    model = await model_server()
    models = {"a@1": model.url("/a"), "b@1": model.url("/b")}
    await hyperplan.apply(document("soon", models, routing={"split": {"a@1": 1, "b@1": 0}}))
    seconds = []
    for turn in range(10):
        new, old = ("b@1", "a@1") if turn % 2 == 0 else ("a@1", "b@1")
        await hyperplan.edit_routing("soon", split={new: 1, old: 0})
        edited = time.monotonic()
        while (await hyperplan.predict("soon", row())).headers["x-hyperplan-model"] != new:
            assert time.monotonic() < edited + PATIENCE
        seconds.append(time.monotonic() - edited)
    print("an edit was seen after", [f"{one * 1000:.0f} ms" for one in seconds])
    # Another process may hold the machine for a second now and then.
    assert sorted(seconds)[len(seconds) // 2] < 1.0
