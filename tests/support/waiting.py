"""Waiting for a condition instead of for a time."""

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], bool], patience: float = 15.0) -> None:
    """Wait until a condition holds, and fail if it does not within `patience` seconds."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event to offer
            await asyncio.sleep(0.01)
