"""The key with which personal values are hashed before they leave where they are.

A plain hash of a tail number or an e-mail address is as good as the value: whoever has it tries all there are. With a key that only those have who may
know the values, that cannot be done. Equal values still have equal hashes under one key, so that they can be counted, joined and forgotten; with
another key all is different. So every sidecar needs the same one, and so does whoever profiles training data.

It is BLAKE2b's own keyed mode (RFC 7693, section 2.9). Hashes of values and of entities are made with two keys that are derived from the one, so neither tells
anything of the other.
"""

import hashlib
import re
from typing import Any

from hyperplan.sample import hashed

SHORTEST = 32
"""Characters that a key must have: what `openssl rand -hex 32` says has 64."""

_ENTITY = re.compile(r"pii-[0-9a-f]{32}")
_VALUE = re.compile(r"[0-9a-f]{16}")


class Secret:
    """A key. What it is never shows: not in a log, nor in an error."""

    __slots__ = ("_of_entities", "_of_values")

    def __init__(self, text: bytes) -> None:
        """Take the text of a key, without the white space around it.

        Raises:
            ValueError: it is too short to keep anything secret.
        """
        text = text.strip()
        if len(text) < SHORTEST:
            raise ValueError(f"must have at least {SHORTEST} characters; make one with: openssl rand -hex 32")
        self._of_values = _derived(text, b"hyperplan value")
        self._of_entities = _derived(text, b"hyperplan entity")

    def __repr__(self) -> str:
        return f"<the key {self.fingerprint}>"

    @property
    def fingerprint(self) -> str:
        """Four hex digits by which people can see whether two keys are the same."""
        return hashlib.blake2b(b"fingerprint", digest_size=2, key=self._of_values).hexdigest()

    def value(self, value: Any) -> str:
        """What is kept of a value: 16 hex digits; see `hyperplan.sample.hashed`."""
        return hashed(value, self._of_values)

    def entity(self, text: str) -> str:
        """What is kept of an entity: `pii-` and 32 hex digits."""
        said = text.encode("utf-8", "surrogatepass")
        return "pii-" + hashlib.blake2b(said, digest_size=16, key=self._of_entities).hexdigest()

    def to_bytes(self) -> bytes:
        """The key, for a process of one's own."""
        return self._of_values + self._of_entities

    @staticmethod
    def from_bytes(data: bytes) -> "Secret":
        """The key that `to_bytes` told."""
        secret = object.__new__(Secret)
        secret._of_values, secret._of_entities = data[:32], data[32:]
        return secret


def is_hashed_entity(text: str) -> bool:
    """Whether an entity is what `Secret.entity` makes of one."""
    return _ENTITY.fullmatch(text) is not None


def is_hashed_value(text: str) -> bool:
    """Whether a text is what `Secret.value` makes of a value."""
    return _VALUE.fullmatch(text) is not None


def _derived(text: bytes, person: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=32, person=person).digest()
