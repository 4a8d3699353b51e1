"""The replaying client against servers that really listen: the model's, and one that misbehaves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from demo.client import PATH, Answer, replay
from demo.flights import Row, each

if TYPE_CHECKING:
    import pandas as pd

Respond = Callable[[int, bytes], bytes]
"""The bytes to answer a request with, given how many came before and its body; empty hangs up."""


def http(content: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(content)}", *headers])
    return head.encode() + b"\r\n\r\n" + content


@asynccontextmanager
async def server(respond: Respond) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server at a free port; its address, and the heads of the requests it got."""
    heads: list[bytes] = []
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head)
                length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"content-length" in line)
                answer = respond(len(heads) - 1, await reader.readexactly(length))
                writer.write(answer)
                if not answer or b"connection: close" in answer:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", heads
    finally:
        listener.close()
        await asyncio.gather(*handlers)


def unheard(_: Answer) -> None:
    """For tests that look at what was asked."""


async def answers_to(respond: Respond, rows: list[Row], **settings: Any) -> list[Answer]:
    answers: list[Answer] = []
    async with server(respond) as (address, _):
        await replay(address, rows, answers.append, **settings)
    return answers


async def test_flights_are_predicted_one_by_one(model_server: str, few_flights: "pd.DataFrame") -> None:
    rows = [flight.row for flight in each(few_flights.iloc[:200])]
    answers: list[Answer] = []
    await replay(model_server, rows, answers.append)
    assert sorted(answer.turn for answer in answers) == list(range(200))
    assert all(answer.status == 200 and 0 <= (answer.prediction or -1) <= 1 for answer in answers)
    assert all(answer.tailnum == rows[answer.turn].get("tailnum") for answer in answers)
    assert all(0 < answer.latency < 10 and answer.sent <= time.monotonic() for answer in answers)


async def test_each_flight_goes_out_in_its_turn_over_connections_that_stay_open() -> None:
    bodies: list[bytes] = []

    def respond(_: int, body: bytes) -> bytes:
        bodies.append(body)
        return http(b'{"predictions": [0.5]}')

    async with server(respond) as (address, heads):
        await replay(address, ({"hour": hour} for hour in range(20)), unheard, connections=1)
    assert [msgspec.json.decode(body) for body in bodies] == [{"instances": [{"hour": hour}]} for hour in range(20)]
    assert all(head.startswith(f"POST {PATH} HTTP/1.1\r\n".encode()) for head in heads)


async def test_what_hyperplan_says_in_headers_is_kept() -> None:
    said = ("x-hyperplan-model: gbm@1", "X-Hyperplan-Prediction-Id: 6f2c", "x-hyperplan-violations: 1")
    (answer,) = await answers_to(lambda *_: http(b'{"predictions": [0.25]}', *said), [{"tailnum": "N14228"}])
    assert answer[4:] == (200, 0.25, "gbm@1", "6f2c", "1", None)


async def test_rows_are_transformed_when_their_turn_comes() -> None:
    bodies: list[bytes] = []

    def respond(_: int, body: bytes) -> bytes:
        bodies.append(body)
        return http(b'{"predictions": [0.5]}')

    async with server(respond) as (address, _):
        await replay(
            address,
            [{"hour": 5}] * 4,
            unheard,
            connections=1,
            transform=lambda row, turn: row | {"turn": turn} if turn >= 2 else row,
        )
    assert [msgspec.json.decode(body)["instances"][0].get("turn") for body in bodies] == [None, None, 2, 3]


async def test_a_rate_is_not_exceeded() -> None:
    sent = sorted(answer.sent for answer in await answers_to(lambda *_: http(b"{}"), [{}] * 21, rate=200))
    assert sent[-1] - sent[0] >= 20 / 200 - 0.005


async def test_at_most_so_many_requests_are_open_at_a_time() -> None:
    answers = await answers_to(lambda *_: http(b"{}"), [{}] * 50, connections=3)
    moments = [(answer.sent, 1) for answer in answers] + [(answer.sent + answer.latency, -1) for answer in answers]
    open_now = most = 0
    for _, change in sorted(moments):
        open_now += change
        most = max(most, open_now)
    assert most <= 3


async def test_an_error_of_the_server_is_an_answer() -> None:
    (answer,) = await answers_to(lambda *_: http(b"no healthy upstream", status="503 Service Unavailable"), [{}])
    assert (answer.status, answer.prediction, answer.error) == (503, None, None)


async def test_after_a_hang_up_the_next_flight_gets_a_new_connection() -> None:
    answers = await answers_to(
        lambda turn, _: b"" if turn == 1 else http(b'{"predictions": [0.5]}'), [{}] * 3, connections=1
    )
    assert [answer.status for answer in answers] == [200, 0, 200]
    assert answers[1].error is not None
    assert "ConnectionClosed" in answers[1].error


@pytest.mark.parametrize("content", [b'{"predictions": []}', b"{}", b"oops", b'{"predictions": ["late"]}'])
async def test_an_answer_without_a_prediction_has_none(content: bytes) -> None:
    (answer,) = await answers_to(lambda *_: http(content), [{}])
    assert (answer.status, answer.prediction) == (200, None)


@pytest.mark.parametrize(
    "garbled",
    [b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 99\r\n\r\n{", b"connection: close? what?\r\n\r\n"],
)
async def test_half_an_answer_or_none_at_all_is_told(garbled: bytes) -> None:
    (answer,) = await answers_to(lambda *_: garbled, [{}])
    assert answer.status == 0
    assert answer.error is not None
    assert "ProtocolError" in answer.error


async def test_a_server_that_closes_politely_is_asked_again() -> None:
    polite = http(b'{"predictions": [0.5]}', "connection: close")
    answers = await answers_to(lambda *_: polite, [{}] * 3, connections=1)
    assert [answer.status for answer in answers] == [200, 200, 200]


async def test_nobody_listening_is_told_for_each_flight() -> None:
    async with server(lambda *_: b"") as (address, _):
        pass
    answers: list[Answer] = []
    await replay(address, [{}] * 3, answers.append)
    assert [answer.status for answer in answers] == [0, 0, 0]
    assert all(answer.error and "Error" in answer.error for answer in answers)
