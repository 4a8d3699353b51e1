"""The judgement of chaos: what breaks a bar and what does not, a load that counts everything, and models that misbehave."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bench.chaos import __main__ as command
from bench.chaos import model
from bench.chaos.faults import ENVOY, FAULTS, SIDECAR, as_on_failure_says, closed, inside_adapt, no_envoy
from bench.chaos.judgement import Observed, Promise, judge
from bench.chaos.load import CUT_OFF, UNREACHABLE, WRONG, Load, Seen
from bench.chaos.site import CLOSED, MODELS, OPEN, Marks
from cli.failure import Failure
from tests.support.waiting import eventually

AWAY: Marks = {SIDECAR: [(10.0, 20.0)], ENVOY: [(10.0, 20.0)]}
WITHOUT_SIDECAR = Promise((inside_adapt, closed), (as_on_failure_says,))


def request(sent: float, failure: str | None = None, **fields: Any) -> Seen:
    """A request that took a hundredth of a second."""
    name = f"{sent:g}"
    answered = {"model": "first@1", "prediction_id": name} if failure is None else {}
    return Seen(
        **{"endpoint": OPEN, "due": sent, "sent": sent, "over": sent + 0.01, "failure": failure, **answered, **fields}
    )


def sample(**fields: Any) -> dict[str, Any]:
    return {"chosen": "first@1", "answered": "first@1", "attempts": 1, "status": 200, **fields}


def observed(*seen: Seen, amiss: tuple[str, ...] = (), **samples: dict[str, Any]) -> Observed:
    """Requests and their samples, by the second in which they were sent: `at_1`. Some request at second 0 was well, and has one."""
    told = {name.removeprefix("at_"): one for name, one in samples.items()}
    return Observed([request(0), *seen], AWAY, {"0": sample()} | told, amiss)


# What breaks a bar.


def test_a_request_that_failed_without_excuse_is_named_and_breaks_the_bar() -> None:
    verdict = judge("f", Promise(), observed(request(1, "503"), request(2, "503"), request(3, WRONG)))
    assert (verdict.requests, verdict.client_errors) == (4, 3)
    assert verdict.named == {"503": 2, WRONG: 1}
    assert verdict.broken == ("2 requests got: 503", f"1 requests got: {WRONG}")


def test_answers_by_anybody_break_no_bar_and_are_counted() -> None:
    verdict = judge("f", Promise(), observed(request(1), request(2, model="second@1")))
    assert (verdict.client_errors, verdict.broken) == (0, ())
    assert verdict.answered_by == {"first@1": 2, "second@1": 1}


def test_a_model_that_had_to_answer_and_did_not_breaks_the_bar() -> None:
    promise = Promise(answering=frozenset({"first@1", "rule@1"}))
    assert judge("f", promise, observed()).broken == ("rule@1 never answered",)


def test_what_went_wrong_beside_the_requests_breaks_the_bar() -> None:
    assert judge("f", Promise(), observed(amiss=("envoy ended by itself",))).broken == ("envoy ended by itself",)


def test_samples_must_name_who_answered_as_clients_were_told() -> None:
    seen = observed(request(1), at_1=sample(answered="second@1"))
    assert "name another model than the answer did, 1 for one" in judge("f", Promise(), seen).broken[0]
    seen = observed(request(1), at_1=sample(attempts=None))
    assert "do not say who was chosen, or at which attempt, 1 for one" in judge("f", Promise(), seen).broken[0]
    assert judge("f", Promise(), Observed([request(1)], AWAY, {})).broken == ("control has no sample of any answer",)


def test_a_fault_that_makes_models_fail_over_must_leave_a_sample_that_says_so() -> None:
    promise = Promise(failovers=True)
    assert judge("f", promise, observed()).broken == ("no sample tells of a failover",)
    verdict = judge("f", promise, observed(request(1), at_1=sample(chosen="second@1", attempts=3)))
    assert verdict.broken == ()
    assert verdict.samples == {"matched": 2, "failovers": 1, "most_attempts": 3, "too_late": 0}


def test_a_sample_of_a_decision_that_came_too_late_contradicts_nobody() -> None:
    late = sample(answered=None, attempts=None, status=None)
    verdict = judge("f", Promise(), observed(request(1), at_1=late))
    assert (verdict.broken, verdict.samples["too_late"]) == ((), 1)


# What is excused.


def test_without_a_sidecar_503_is_excused_at_the_closed_endpoint_alone_and_only_meanwhile() -> None:
    within, after = request(15, "503", endpoint=CLOSED), request(25, "503", endpoint=CLOSED)
    verdict = judge("f", WITHOUT_SIDECAR, observed(within, request(15, None)))
    assert verdict.named == {"503: closed while the sidecar is away": 1}
    assert (verdict.client_errors, verdict.broken) == (1, ())
    assert judge("f", WITHOUT_SIDECAR, observed(after, request(15))).broken == ("1 requests got: 503",)
    assert judge("f", WITHOUT_SIDECAR, observed(request(15, "503"))).broken == ("1 requests got: 503",)
    assert judge("f", WITHOUT_SIDECAR, observed(within._replace(failure="504"))).broken == ("1 requests got: 504",)


def test_a_request_that_was_under_way_when_the_sidecar_went_may_get_503_and_is_named() -> None:
    hit = request(9.995, "503")
    verdict = judge("f", WITHOUT_SIDECAR, observed(hit, request(15)))
    assert verdict.named == {"503: inside the sidecar when it went": 1}
    assert verdict.broken == ()
    assert judge("f", WITHOUT_SIDECAR, observed(hit._replace(sent=9.9, over=9.95), request(15))).broken


def test_an_answer_of_the_closed_endpoint_without_a_sidecar_breaks_the_bar() -> None:
    verdict = judge("f", WITHOUT_SIDECAR, observed(request(15, endpoint=CLOSED)))
    assert verdict.broken == ("15 was answered, though its endpoint is closed without a sidecar",)


def test_without_a_sidecar_the_open_endpoint_is_answered_by_its_default_alone() -> None:
    verdict = judge("f", WITHOUT_SIDECAR, observed(request(15, model="second@1")))
    assert verdict.broken == ("15 was answered by second@1, which is not the default",)


def test_that_nobody_asked_while_the_sidecar_was_away_breaks_the_bar() -> None:
    assert judge("f", WITHOUT_SIDECAR, observed()).broken == ("no request fell into the time without a sidecar",)


def test_connections_may_fail_only_while_envoy_is_away() -> None:
    promise = Promise((no_envoy,))
    verdict = judge("f", promise, observed(request(15, UNREACHABLE), request(9.995, CUT_OFF)))
    assert verdict.named == {"unreachable: Envoy is away": 1, "cut off: Envoy is away": 1}
    assert verdict.broken == ()
    assert judge("f", promise, observed(request(21, UNREACHABLE))).broken == ("1 requests got: unreachable",)
    assert judge("f", promise, observed(request(15, "503"))).broken == ("1 requests got: 503",)


def test_no_fault_of_a_model_excuses_anything() -> None:
    of_models = [
        fault for name, fault in FAULTS.items() if name.startswith(("model", "port", "large", "routing", "control"))
    ]
    assert len(of_models) == 11
    assert not any(fault.promise.excuses for fault in of_models)


# Models and the load.


@pytest_asyncio.fixture
async def server() -> AsyncIterator[str]:
    """A model that speaks as TF Serving, where Hyperplan's clients look for an endpoint."""
    api = model.APIS["tfserving"]._replace(predict=f"/v1/models/{OPEN}:predict")
    async with await asyncio.start_server(model.Server(api, 2.0).serve, "127.0.0.1", 0) as listening:
        yield "http://{}:{}".format(*listening.sockets[0].getsockname()[:2])


async def seen_by(address: str, factor: float, requests: int = 20) -> list[Seen]:
    """What a load saw of so many requests at least."""
    load = Load(address, [OPEN], {"named@1": factor}, connections=4)
    async with load.steady(rate=400):
        await eventually(lambda: len(load.seen) >= requests)
    return load.seen


BODIES: dict[str, dict[str, Any]] = {
    "tfserving": {"instances": [{"x": 1.5}, {"x": 2.5}]},
    "mlflow": {"dataframe_split": {"columns": ["who", "x"], "data": [["a", 1.5], ["b", 2.5]]}},
    "oip": {"inputs": [{"name": "x", "shape": [2, 1], "datatype": "FP64", "data": [1.5, 2.5]}]},
}


@pytest.mark.parametrize("protocol", BODIES)
def test_a_model_answers_in_its_own_protocol(protocol: str) -> None:
    answer = model.APIS[protocol].answer(BODIES[protocol], lambda x: 2 * x)
    assert (answer["outputs"][0]["data"] if protocol == "oip" else answer["predictions"]) == [3.0, 5.0]


async def test_a_model_misbehaves_as_it_is_told(server: str) -> None:
    async with httpx.AsyncClient(base_url=server) as http:

        async def predict(mood: str) -> httpx.Response:
            assert (await http.put(f"/mood/{mood}")).status_code == 200
            return await http.post(f"/v1/models/{OPEN}:predict", json={"instances": [{"x": 1.5}]})

        assert (await predict("well")).json() == {"predictions": [3.0]}
        assert (await predict("unavailable")).status_code == 503
        garbage = await predict("garbage")
        assert garbage.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            garbage.json()
        large = await predict("large")
        assert 850_000 < len(large.content) < 950_000
        ((first, *rest),) = large.json()["predictions"]
        assert (first, len(rest)) == (3.0, model.VECTOR - 1)
        with pytest.raises(httpx.ReadError):
            await predict("reset")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(predict("trickle"), 1.0)
        assert (await http.get(model.APIS["tfserving"].health)).status_code == 200, "it looks well all the time"


@pytest_asyncio.fixture
async def slow() -> AsyncIterator[str]:
    """The model named@1, which takes half a second to triple its feature."""
    served: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                (length,) = re.findall(rb"content-length: (\d+)", head)
                (row,) = json.loads(await reader.readexactly(int(length)))["instances"]
                await asyncio.sleep(0.5)
                body = json.dumps({"predictions": [3 * row["x"]]}).encode()
                told = b"x-hyperplan-model: named@1\r\ncontent-length: %d" % len(body)
                writer.write(b"HTTP/1.1 200 OK\r\n" + told + b"\r\n\r\n" + body)
        writer.close()
        served.remove(writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield "http://{}:{}".format(*listening.sockets[0].getsockname()[:2])
        await eventually(lambda: not served)


async def test_a_load_waits_for_no_answer_before_the_next_request(slow: str) -> None:
    seen = await seen_by(slow, 3.0)
    assert {(one.failure, one.model) for one in seen} == {(None, "named@1")}
    first = min(one.over for one in seen)
    assert sum(one.sent < first for one in seen) > 20, "though there were only four connections, and all were busy"


async def test_a_load_knows_right_answers_from_wrong_ones(slow: str) -> None:
    assert {one.failure for one in await seen_by(slow, 2.0)} == {WRONG}


async def test_a_load_counts_requests_that_get_no_connection_or_lose_it(server: str) -> None:
    async with httpx.AsyncClient(base_url=server) as http:
        await http.put("/mood/reset")
    assert {one.failure for one in await seen_by(server, 2.0)} == {CUT_OFF}
    assert {one.failure for one in await seen_by("http://127.0.0.1:1", 2.0)} == {UNREACHABLE}


def test_each_fault_says_what_is_done_and_every_model_has_another_protocol() -> None:
    assert all(fault.says for fault in FAULTS.values())
    assert len(set(MODELS.values())) == len(MODELS) == 3


# The command.


@pytest.mark.parametrize(("failure", "code"), [(None, 0), ("503", 1)])
def test_the_command_prints_an_object_for_each_fault_and_its_exit_code_tells_whether_all_bars_hold(
    failure: str | None, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def observe(*_: object) -> Observed:
        everybody = [request(number, model=name) for number, name in enumerate(MODELS, start=1)]
        return observed(*everybody, request(9, failure))

    monkeypatch.setattr(command, "observe", observe)
    with pytest.raises(SystemExit) as ended:
        command.main(["control-killed", "routing-edits"], as_json=True)
    assert ended.value.code == code
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["fault"] for one in printed] == ["control-killed", "routing-edits"]
    assert [one["client_errors"] for one in printed] == [code, code]
    assert {"requests", "answered_by", "p99_ms"} <= printed[0].keys()


def test_a_fault_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(Failure, match="'flood' is no fault; known: model-killed, "):
        command.main(["flood"])
