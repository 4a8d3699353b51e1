"""Two models in three servers that nobody here wrote, behind three endpoints: whichever protocol clients speak, whichever server answers."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.stacks import Hyperplan, Log
from tests.interop.conftest import FORCE, document, named
from tests.interop.flights import CLIENTS, MODELS, Client, Flights
from tests.interop.servers import SERVERS, Running, Server, run_script

each_client = pytest.mark.parametrize("client", CLIENTS, ids=[client.protocol for client in CLIENTS])
each_model = pytest.mark.parametrize("model", MODELS)
each_server = pytest.mark.parametrize("server", SERVERS, ids=[server.name for server in SERVERS])


@each_model
@each_server
async def test_a_server_called_directly_gives_what_the_model_gives(
    served: Mapping[str, Running], flights: Flights, server: Server, model: str
) -> None:
    spoken = {"kserve": "tfserving"}.get(server.protocol, server.protocol)
    client = next(client for client in CLIENTS if client.protocol == spoken)
    async with httpx.AsyncClient(timeout=30) as http:
        url = served[named(model, server)].address.url + server.path
        answer = await http.post(url, json=client.body(flights.rows))
    assert client.predictions(answer.json()) == flights.expected(model, flights.rows)


@each_client
@each_server
@each_model
@pytest.mark.parametrize("count", [1, 60])
async def test_predictions_are_those_of_the_model_to_the_last_bit(
    hyperplan: Hyperplan, flights: Flights, client: Client, server: Server, model: str, count: int
) -> None:
    rows, arm = flights.rows[:count], named(model, server)
    answer = await hyperplan.client.post(client.path, json=client.body(rows), headers={FORCE: arm})
    assert (answer.status_code, answer.headers["x-hyperplan-model"]) == (200, arm), answer.text
    assert client.predictions(answer.json()) == flights.expected(model, rows)


@each_client
async def test_servers_of_different_frameworks_share_the_traffic_and_clients_cannot_tell(
    hyperplan: Hyperplan, flights: Flights, client: Client
) -> None:
    answered = set()
    for row in flights.rows:
        answer = await hyperplan.client.post(client.path, json=client.body([row]))
        arm = answer.headers["x-hyperplan-model"]
        answered.add(arm)
        assert client.predictions(answer.json()) == flights.expected(arm.partition("-")[0], [row])
    assert answered == {named(model, server) for server in SERVERS for model in MODELS}


@each_client
async def test_the_sample_holds_the_rows_and_the_predictions_whoever_answered(
    hyperplan: Hyperplan, flights: Flights, client: Client
) -> None:
    rows = flights.rows[:2]
    for server in SERVERS:
        arm = named("gbm", server)
        answer = await hyperplan.client.post(client.path, json=client.body(rows), headers={FORCE: arm})
        sample = await hyperplan.sample(client.protocol, answer)
        assert (sample["chosen"], sample["answered"]) == (arm, arm)
        assert [row["values"] for row in sample["rows"]] == rows
        assert sample["predictions"] == flights.expected("gbm", rows)


@each_client
async def test_a_bad_row_is_refused_in_the_clients_own_form(
    hyperplan: Hyperplan, flights: Flights, client: Client
) -> None:
    answer = await hyperplan.client.post(client.path, json=client.body([flights.rows[0] | {"dep_delay": "late"}]))
    assert answer.status_code == 422
    said = answer.json()["message" if client.protocol == "mlflow" else "error"]
    assert "dep_delay" in said


@each_client
async def test_when_a_server_dies_another_framework_answers(
    hyperplan: Hyperplan,
    served: Mapping[str, Running],
    flights: Flights,
    log: Log,
    tmp_path: Path,
    client: Client,
) -> None:
    kind = next(server for server in SERVERS if server.name == "kserve")
    doomed = Running(kind, flights.path("gbm"), tmp_path, log)
    await doomed.start()
    try:
        await doomed.ready()
        found = document(client, served, name=f"doomed-{client.protocol}", match={"path": f"/doomed{client.path}"})
        found["models"]["doomed@1"] = doomed.document()
        found["routing"]["split"]["doomed@1"] = 0
        await hyperplan.apply(found)
        rows = flights.rows[:3]
        send = {"url": f"/doomed{client.path}", "json": client.body(rows), "headers": {FORCE: "doomed@1"}}
        before = await hyperplan.client.post(**send)
    finally:
        await doomed.stop()
    after = await hyperplan.client.post(**send)
    assert (before.status_code, before.headers["x-hyperplan-model"]) == (200, "doomed@1")
    assert (after.status_code, after.headers["x-hyperplan-model"]) == (200, "gbm-mlflow@1")
    assert client.predictions(after.json()) == client.predictions(before.json()) == flights.expected("gbm", rows)


async def test_mlflows_own_client_works_unchanged(hyperplan: Hyperplan, flights: Flights) -> None:
    found = await _asked("mlflow", "client_mlflow", hyperplan, flights)
    assert found in [flights.expected(model, flights.rows) for model in MODELS]


async def test_kserves_own_client_works_unchanged(hyperplan: Hyperplan, flights: Flights) -> None:
    found = await _asked("kserve", "client_kserve", hyperplan, flights)
    assert found in [flights.expected(model, flights.rows) for model in MODELS]


@each_server
async def test_a_client_of_the_open_inference_protocol_works_unchanged(
    hyperplan: Hyperplan, flights: Flights, server: Server
) -> None:
    found = await _asked("mlserver", "client_triton", hyperplan, flights, "json", named("gbm", server))
    assert found == flights.expected("gbm", flights.rows)


@pytest.mark.parametrize("server", [server for server in SERVERS if server.protocol != "oip"], ids=lambda it: it.name)
async def test_a_client_that_sends_tensors_in_binary_reaches_servers_that_know_none(
    hyperplan: Hyperplan, flights: Flights, server: Server
) -> None:
    found = await _asked("mlserver", "client_triton", hyperplan, flights, "binary", named("gbm", server))
    assert found == flights.expected("gbm", flights.rows)


async def _asked(environment: str, script: str, hyperplan: Hyperplan, flights: Flights, *arguments: str) -> object:
    """What a client that others wrote gets through Envoy for all rows."""
    url, rows = hyperplan.stack.settings.listen.url, json.dumps(flights.rows)
    return json.loads(await asyncio.to_thread(run_script, environment, script, url, *arguments, given=rows))
