"""Where alerts are sent, and the secrets that sign them, from options, a file and the environment."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.addresses import checked_url
from cli.failure import Failure
from cli.texts import read_text
from control.alerts.courier import Webhooks
from control.alerts.signing import BadSecret, read_secrets

SECRET = "HYPERPLAN_WEBHOOK_SECRET"


def read_webhooks(urls: Sequence[str], secret_file: Path | None, environment: Mapping[str, str]) -> Webhooks:
    """The webhooks of control.

    Raises:
        Failure: a URL or the secret cannot be read, or there is no secret for them.
    """
    if not urls:
        return Webhooks()
    checked = [checked_url(url, "--webhook") for url in urls]
    place = f"--webhook-secret-file {secret_file}" if secret_file else SECRET
    try:
        return Webhooks(checked, read_secrets(read_text(secret_file) if secret_file else environment.get(SECRET, "")))
    except BadSecret as error:
        raise Failure(f"{place} holds no secret, without which nobody could tell who sends alerts: {error}") from None
