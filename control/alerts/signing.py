"""How webhooks are signed: Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), symmetric, `v1`.

The receiver gets `webhook-id`, `webhook-timestamp` (seconds since 1970, of this attempt) and `webhook-signature`: `v1,` and the base64 of the
HMAC-SHA256 of `{id}.{timestamp}.{body}`. There may be several, separated by spaces, while a secret is being replaced by another.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret."""


class BadSecret(ValueError):
    """A text that is no secret; the message says what one is, and never repeats the text."""


def read_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets in a text, separated by white space: the newest first, older ones while receivers still know only them.

    Raises:
        BadSecret: one is not of the form `whsec_` and base64 of 24 to 64 bytes, or there is none.
    """
    secrets = tuple(map(_secret, text.split()))
    if not secrets:
        raise BadSecret(_FORM)
    return secrets


_FORM = (
    f"a webhook's secret is {PREFIX} and the base64 of {SHORTEST} to {LONGEST} random bytes; "
    f'make one with: echo "{PREFIX}$(openssl rand -base64 32)"'
)


def _secret(word: str) -> bytes:
    try:
        secret = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise BadSecret(_FORM) from None
    if not word.startswith(PREFIX) or not SHORTEST <= len(secret) <= LONGEST:
        raise BadSecret(_FORM)
    return secret


def signed_headers(secrets: Sequence[bytes], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove that a body comes from here, and when it was sent."""
    content = f"{message}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
