"""Every input of the corpora, without the fuzzer: what it once found cannot come back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extproc.transports.h2 import huffman
from extproc.transports.h2.connection import Connection
from extproc.transports.h2.header_blocks import HeaderBlocks
from extproc.transports.h2.protocol import ServerProtocol
from extproc.transports.h2.streams import Stream
from tests.fuzz import h2, header_blocks

CORPUS = Path(__file__).parent / "corpus"
ENTRIES = {"h2": h2.once, "header_blocks": header_blocks.once}
INPUTS = {entry: sorted((CORPUS / entry).iterdir()) for entry in ENTRIES}


@pytest.fixture(autouse=True, scope="module")
def _low_bounds() -> Iterator[None]:
    with h2.low_bounds(), header_blocks.low_bounds():
        yield


@pytest.mark.parametrize(("entry", "name"), [(entry, path.name) for entry, paths in INPUTS.items() for path in paths])
def test_an_input_of_the_corpus_breaks_no_invariant(entry: str, name: str) -> None:
    ENTRIES[entry]((CORPUS / entry / name).read_bytes())


def keep_exchanges_open(self: ServerProtocol, stream_id: int) -> None:
    self._calls.pop(stream_id, None)


def ignore_windows(self: Connection, stream: Stream, data: bytes) -> bool:
    self._out += bytes((0, len(data) >> 8, len(data) & 0xFF, 0, 0)) + stream.id.to_bytes(4, "big") + data
    return True


def speak_after_the_end(self: Connection, code: int, _reason: str = "") -> None:
    self._ended = True
    self._out += b"\0\0\x08\x07\0\0\0\0\0" + bytes(4) + code.to_bytes(4, "big") + b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)
    self._streams.clear()


def forget_nothing(self: HeaderBlocks, block: bytes) -> object:
    return self._known.setdefault(block[:40], self._new(block))


SABOTAGE: dict[str, tuple[type, str, Callable[..., object]]] = {
    "exchanges that are never closed": (ServerProtocol, "_drop", keep_exchanges_open),
    "windows that are exceeded": (Connection, "_wait", ignore_windows),
    "frames behind the last GOAWAY": (Connection, "fail", speak_after_the_end),
    "requests taken for others": (HeaderBlocks, "_differing", forget_nothing),
}


@pytest.mark.parametrize("defect", SABOTAGE)
def test_the_entries_notice_what_is_broken(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*SABOTAGE[defect])
    with pytest.raises(AssertionError):
        run_all()


def test_the_entries_notice_a_wrong_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huffman, "decode", bytes)
    with pytest.raises(AssertionError):
        run_all()


def run_all() -> None:
    for entry, paths in INPUTS.items():
        for path in paths:
            ENTRIES[entry](path.read_bytes())
