"""What tests of the data plane share."""

from collections.abc import Callable

import pytest

from extproc.stages import Decide
from tests.extproc.conversation import DOCUMENT, Conversation, Memory, decide_for


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def decide(memory: Memory) -> Decide:
    return decide_for(DOCUMENT, memory)


@pytest.fixture
def converse(decide: Decide) -> Callable[..., Conversation]:
    """Opens the conversation of one request; its arguments are gRPC metadata."""
    return lambda **metadata: Conversation(decide.open(metadata))


@pytest.fixture
def decide_with(memory: Memory) -> Callable[..., Callable[..., Conversation]]:
    """Serves the usual document with pieces of its text replaced."""

    def changed(*replacements: tuple[str, str]) -> Callable[..., Conversation]:
        document = DOCUMENT
        for old, new in replacements:
            assert old in document
            document = document.replace(old, new)
        stage = decide_for(document, memory)
        return lambda **metadata: Conversation(stage.open(metadata))

    return changed
