"""What clients and models see of an Envoy that runs on our resources."""

import random
import time
import uuid
from collections.abc import Awaitable, Callable

import httpx
import msgspec
import pytest

from extproc.xds import Resources, XdsServer
from hyperplan.endpoint import WITHHELD_HEADERS, Match
from hyperplan.plan import CompiledPlan, model_cluster
from tests.envoy.running import (
    ChoosingSidecar,
    ModelServer,
    RunningEnvoy,
    Served,
    endpoint_document,
    endpoint_of,
    plan,
    resources,
)

EnvoyWith = Callable[[Resources], Awaitable[RunningEnvoy]]
Server = Callable[..., Awaitable[ModelServer]]
Choosing = Callable[..., Awaitable[ChoosingSidecar]]
PATH = "/v1/models/delay:predict"


async def test_without_a_sidecar_the_default_model_answers_at_the_path_of_its_own_url(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    envoy = await envoy_with(resources(endpoint_document({"gbm@1": model.url("/invocations?deep=1")})))
    response = await client.post(envoy.url + PATH + "?mine=1", content=b'{"instances": []}')
    assert (response.status_code, response.content) == (200, model.answer)
    assert response.headers["x-hyperplan-model"] == "gbm@1"
    [seen] = model.seen
    assert (seen.path, seen.body) == ("/invocations?deep=1", b'{"instances": []}')
    assert seen.headers["host"] == f"127.0.0.1:{model.port}"


async def test_without_a_sidecar_a_closed_endpoint_answers_503_and_asks_no_model(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    envoy = await envoy_with(resources(endpoint_document({"gbm@1": model.url()}, on_failure="closed")))
    response = await client.post(envoy.url + PATH, content=b"{}")
    assert (response.status_code, model.seen) == (503, [])


async def test_the_arm_that_the_sidecar_chose_answers(
    envoy_with: EnvoyWith, model_server: Server, sidecar_choosing: Choosing, client: httpx.AsyncClient
) -> None:
    default, chosen = await model_server(answer=b"default"), await model_server(answer=b"chosen")
    routing = {"split": {"a@1": 2, "b@1": 1}}
    document = endpoint_document({"a@1": default.url("/a"), "b@1": chosen.url("/b")}, routing=routing)
    await sidecar_choosing(document, "b@1")
    envoy = await envoy_with(resources(document))
    response = await client.post(envoy.url + PATH, content=b"{}")
    assert (response.content, response.headers["x-hyperplan-model"]) == (b"chosen", "b@1")
    assert [seen.path for seen in chosen.seen] == ["/b"]
    assert default.seen == []


async def test_a_model_that_takes_longer_than_the_endpoint_allows_is_a_504(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(hangs=True)
    envoy = await envoy_with(resources(endpoint_document({"a@1": model.url()}, timeout=0.2)))
    response = await client.post(envoy.url + PATH, content=b"{}")
    assert response.status_code == 504


async def test_clients_cannot_set_the_headers_of_hyperplan_and_envoy(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    envoy = await envoy_with(resources(endpoint_document({"a@1": model.url()})))
    mine = {
        "x-hyperplan-arm": "arm/delay/none@1",
        "x-hyperplan-violations": "3",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-request-id": "mine",
        "x-mine": "stays",
    }
    response = await client.post(envoy.url + PATH, content=b"{}", headers=mine)
    assert response.status_code == 200
    assert "x-hyperplan-violations" not in response.headers
    headers = model.seen[0].headers
    assert [name for name in headers if name.startswith("x-hyperplan-")] == []
    assert "x-envoy-upstream-rq-timeout-ms" not in headers
    assert headers["x-mine"] == "stays"
    assert uuid.UUID(headers["x-request-id"]).version == 4


async def test_the_prediction_id_is_a_fresh_one_for_each_request(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(headers={"x-hyperplan-prediction-id": "of the model"})
    envoy = await envoy_with(resources(endpoint_document({"a@1": model.url()})))
    ids = [
        (await client.post(envoy.url + PATH, content=b"{}", headers={"x-request-id": "same"})).headers.get_list(
            "x-hyperplan-prediction-id"
        )
        for _ in range(2)
    ]
    assert ids == [[seen.headers["x-request-id"]] for seen in model.seen]
    assert ids[0] != ids[1]


async def test_violations_that_the_sidecar_noted_reach_the_client(
    envoy_with: EnvoyWith, model_server: Server, sidecar_choosing: Choosing, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    document = endpoint_document({"a@1": model.url()})
    await sidecar_choosing(document, "a@1", x_hyperplan_violations="2")
    envoy = await envoy_with(resources(document))
    response = await client.post(envoy.url + PATH, content=b"{}")
    assert response.headers["x-hyperplan-violations"] == "2"


async def test_credentials_reach_the_model_and_not_the_sidecar(
    envoy_with: EnvoyWith, model_server: Server, sidecar_choosing: Choosing, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    document = endpoint_document({"a@1": model.url()})
    sidecar = await sidecar_choosing(document, "a@1")
    envoy = await envoy_with(resources(document))
    credentials = dict.fromkeys(WITHHELD_HEADERS, "secret")
    await client.post(envoy.url + PATH, content=b"{}", headers=credentials)
    assert WITHHELD_HEADERS.isdisjoint(sidecar.headers[0])
    assert credentials.items() <= model.seen[0].headers.items()


async def test_a_body_far_over_the_limit_is_a_413_and_one_at_the_limit_passes(
    envoy_with: EnvoyWith, model_server: Server, sidecar_choosing: Choosing, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    document = endpoint_document({"a@1": model.url()}, max_body=2 << 20)
    await sidecar_choosing(document, "a@1")
    envoy = await envoy_with(resources(document))
    statuses = [(await client.post(envoy.url + PATH, content=b"x" * (size << 20))).status_code for size in (2, 3)]
    assert (statuses, [len(seen.body) for seen in model.seen]) == ([200, 413], [2 << 20])


async def test_a_path_that_is_no_endpoint_is_a_404_with_a_problem_document(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    envoy = await envoy_with(resources(endpoint_document({"a@1": model.url()})))
    response = await client.post(envoy.url + PATH + "/more", content=b"{}")
    assert (response.status_code, response.json()["status"]) == (404, 404)
    assert response.headers["content-type"] == "application/problem+json"


async def test_another_method_on_an_endpoint_is_a_405_that_says_which_it_wants(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    envoy = await envoy_with(resources(endpoint_document({"a@1": model.url()})))
    response = await client.get(envoy.url + PATH)
    assert (response.status_code, response.json()["status"]) == (405, 405)
    assert (response.headers["allow"], response.headers["content-type"]) == ("POST", "application/problem+json")


async def test_hosts_tell_endpoints_at_one_path_apart(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    servers = {name: await model_server(answer=name.encode()) for name in ("any", "shop", "shop-8443", "common")}
    matches = {
        "any": {"path": "/predict"},
        "shop": {"path": "/predict", "host": "shop.example"},
        "shop-8443": {"path": "/predict", "host": "shop.example:8443"},
        "common": {"path": "/common"},
    }
    documents = [
        endpoint_document({"a@1": server.url()}, name=name, match=matches[name]) for name, server in servers.items()
    ]
    envoy = await envoy_with(resources(*documents))

    async def answer(host: str, path: str = "/predict") -> str:
        return (await client.post(envoy.url + path, content=b"{}", headers={"host": host})).text

    hosts = ("other.example", "shop.example", "SHOP.example", "shop.example:80", "shop.example:8443")
    assert [await answer(host) for host in hosts] == ["any", "shop", "shop", "shop", "shop-8443"]
    assert {await answer(host, "/common") for host in hosts} == {"common"}


async def test_envoy_finds_the_endpoint_that_the_sidecar_finds(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    hosts, paths = (None, "shop.example", "shop.example:8443"), ("/", "/a", "/a/b", "/a/bc", "/a/b/", "/ab", "/A", "/b")
    source = random.Random(3)
    matches = source.sample([Match(path=path, host=host) for host in hosts for path in paths], 12)
    documents = [
        endpoint_document({f"m{number}@1": model.url()}, name=f"e{number}", match=msgspec.to_builtins(match))
        for number, match in enumerate(matches)
    ]
    compiled = CompiledPlan(plan(*documents))
    envoy = await envoy_with(resources(*documents))
    found = []
    for host in ("other.example", "Shop.example", "shop.example:80", "shop.example:8443"):
        for path in (*paths, "/a/", "/a/b/c", "/abc", "/c"):
            for query in ("", "?", "?a/b"):
                response = await client.post(envoy.url + path + query, content=b"{}", headers={"host": host})
                endpoint = compiled.find(host, path)
                wanted = None if endpoint is None else next(iter(endpoint.document.models))
                assert response.headers.get("x-hyperplan-model") == wanted, (host, path, query)
                assert response.status_code == (404 if endpoint is None else 200)
                found.append(wanted)
    assert len(set(found)) > 9


@pytest.mark.parametrize("path", ["/a/", "/a/bc?d", "/a/b/c", "/a%2Fb", "/"])
async def test_a_path_that_only_begins_or_ends_like_an_endpoint_is_passed_on_or_not_found(
    path: str, envoy_with: EnvoyWith, xds: XdsServer, model_server: Server, client: httpx.AsyncClient
) -> None:
    model, app = await model_server(), await model_server(answer=b"app")
    documents = [
        endpoint_document({"a@1": model.url()}, name=name, match={"path": path})
        for name, path in (("short", "/a"), ("long", "/a/b"))
    ]
    envoy = await envoy_with(resources(*documents, default_upstream=app.url()))
    assert (await client.post(envoy.url + path, content=b"{}")).content == b"app"
    assert (await client.post(envoy.url + "/a/b?c", content=b"{}")).headers["x-hyperplan-model"] == "a@1"
    await xds.apply(resources(*documents))
    response = await client.post(envoy.url + path, content=b"{}")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert [seen.path for seen in app.seen] == [path]


async def test_a_stuck_sidecar_costs_the_message_timeout_and_no_more(
    envoy_with: EnvoyWith, model_server: Server, sidecar_choosing: Choosing, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    document = endpoint_document({"a@1": model.url()})
    sidecar = await sidecar_choosing(document, "a@1")
    sidecar.stuck = True
    envoy = await envoy_with(resources(document))
    began = time.monotonic()
    response = await client.post(envoy.url + PATH, content=b"{}")
    assert (response.status_code, len(sidecar.headers)) == (200, 1)
    assert 0.5 <= time.monotonic() - began < 2


async def test_models_by_name_and_with_tls_are_taken_by_envoy(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    named = await model_server()
    models = {
        "named@1": f"http://localhost:{named.port}/named",
        "secure@1": f"https://localhost:{named.port}/secure",
        "secure-address@1": f"https://127.0.0.1:{named.port}/secure",
        "six@1": "http://[::1]:9/six",
    }
    document = endpoint_document(models)
    envoy = await envoy_with(resources(document))
    response = await client.post(envoy.url + PATH, content=b"{}")
    assert (response.status_code, named.seen[0].headers["host"]) == (200, f"localhost:{named.port}")
    assert {model_cluster(endpoint_of(document), name) for name in models} <= await envoy.clusters()


async def test_a_dead_sidecar_costs_next_to_nothing(
    envoy_with: EnvoyWith, model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server()
    envoy = await envoy_with(resources(endpoint_document({"a@1": model.url()})))
    durations = []
    for _ in range(5):
        began = time.monotonic()
        await client.post(envoy.url + PATH, content=b"{}")
        durations.append(time.monotonic() - began)
    assert min(durations) < 0.25


@pytest.mark.parametrize(("on_failure", "status"), [("open", 200), ("closed", 503)])
async def test_what_the_sidecar_does_not_know_yet_is_what_on_failure_says(
    on_failure: str,
    status: int,
    served: Callable[..., Awaitable[Served]],
    model_server: Server,
    client: httpx.AsyncClient,
) -> None:
    model = await model_server()
    delay = await served(endpoint_document({"a@1": model.url()}, on_failure=on_failure))
    assert (await client.post(delay.url, content=b"{}")).status_code == 200
    await delay.sidecar.adopt(plan(number=2))
    response = await client.post(delay.url, content=b"{}")
    assert (response.status_code, len(model.seen)) == (status, 1 + (status == 200))
    assert ("x-hyperplan-model" in response.headers) == (status == 200)


async def test_an_endpoint_that_is_closed_without_a_sidecar_needs_no_model_that_speaks_as_its_clients_do(
    served: Callable[..., Awaitable[Served]], model_server: Server, client: httpx.AsyncClient
) -> None:
    model = await model_server(headers={"content-type": "application/json"})
    document = endpoint_document({"a@1": model.url()}, on_failure="closed", max_body=2 << 20)
    document["models"]["a@1"]["protocol"] = "mlflow"
    delay = await served(document)
    large = b'{"instances": [{"x": 1.5}]' + b" " * (3 << 19) + b"}"
    for body in (b'{"instances": [{"x": 1.5}]}', large):
        response = await client.post(delay.url, content=body, headers={"content-type": "application/json"})
        assert (response.status_code, response.json()) == (200, {"predictions": [0.5]})
    assert all(b"dataframe_split" in seen.body for seen in model.seen)
    await delay.sidecar.stop()
    assert (await client.post(delay.url, content=large)).status_code == 503
    assert len(model.seen) == 2
