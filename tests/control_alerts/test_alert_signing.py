"""Signatures of webhooks, held to the reference implementation of Standard Webhooks."""

import base64
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from control.alerts.signing import BadSecret, read_secrets, signed_headers

SECRET = b"0123456789abcdef0123456789abcdef"
TEXT = "whsec_" + base64.b64encode(SECRET).decode()
BODY = '{"type":"alert.opened","data":{"sentence":"größer"}}'.encode()


def test_the_reference_takes_the_signature() -> None:
    headers = signed_headers(read_secrets(TEXT), "msg_1", int(time.time()), BODY)
    assert Webhook(TEXT).verify(BODY, headers) == {"type": "alert.opened", "data": {"sentence": "größer"}}


def test_the_signature_is_the_one_that_the_reference_makes() -> None:
    (secret,) = read_secrets(TEXT)
    theirs = Webhook(TEXT).sign("msg_1", datetime.fromtimestamp(1_800_000_000, UTC), BODY.decode())
    assert signed_headers([secret], "msg_1", 1_800_000_000, BODY)["webhook-signature"] == theirs


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body"])
def test_what_was_changed_on_the_way_is_refused(changed: str) -> None:
    now = int(time.time())
    headers = signed_headers(read_secrets(TEXT), "msg_1", now, BODY)
    other = {"webhook-id": "msg_2", "webhook-timestamp": str(now - 1)}
    body = BODY.replace(b"opened", b"closed") if changed == "body" else BODY
    if changed in headers:
        headers[changed] = other[changed]
    with pytest.raises(WebhookVerificationError):
        Webhook(TEXT).verify(body, headers)


def test_while_a_secret_is_replaced_both_receivers_take_it() -> None:
    older = "whsec_" + base64.b64encode(b"x" * 24).decode()
    headers = signed_headers(read_secrets(f"{TEXT}\n{older}\n"), "msg_1", int(time.time()), BODY)
    for secret in (TEXT, older):
        Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize(
    "text", ["", "hush", "whsec_short", "whsec_" + base64.b64encode(b"x" * 23).decode(), TEXT.removeprefix("whsec_")]
)
def test_what_is_no_secret_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadSecret, match="whsec_ and the base64 of 24 to 64 random bytes") as caught:
        read_secrets(text)
    assert not text or text not in str(caught.value).replace("whsec_ ", "")
