"""Control's HTTP API, as the commands use it: a call gives data or a `Failure` that says why not."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from cli.addresses import checked_url
from cli.failure import Failure
from hyperplan.problems import Problem


class Downloaded(NamedTuple):
    """What was written to a file: its size in bytes, and the hash of its content, like sha256:9b74...."""

    bytes: int
    hash: str


class ControlApi:
    """Talks to one control. `author` and `reason` are kept with each revision that is made."""

    def __init__(self, url: str, *, author: str | None = None, reason: str | None = None) -> None:
        said = {"hyperplan-author": author, "hyperplan-reason": reason}
        # A header is one line, and UTF-8 to control.
        lines = {name: " ".join(value.split()) for name, value in said.items() if value}
        headers = httpx.Headers(lines, encoding="utf-8")
        self._url = checked_url(url, "--control").rstrip("/")
        self._http = httpx.Client(base_url=self._url, headers=headers, timeout=60)

    def __enter__(self) -> "ControlApi":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(
        self, method: str, path: str, *, content: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The decoded answer of one request.

        Raises:
            Failure: control cannot be reached, or refuses; then with all that it says is wrong.
        """
        return self.send(method, path, content=content, headers=headers).json()

    def send(
        self, method: str, path: str, *, content: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The answer of one request, as `call`, when its headers are of interest."""
        try:
            response = self._http.request(method, path, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise Failure(f"control at {self._url} cannot be reached: {error or type(error).__name__}") from None
        if response.is_error:
            raise refused(response)
        if "json" not in response.headers.get("content-type", ""):
            raise Failure(f"what answers at {self._url} is not control; is --control right?")
        return response

    def download(self, path: str, file: Path) -> Downloaded:
        """Write an answer to a file, which is not touched before all of it is there.

        Raises:
            Failure: control cannot be reached, refuses or breaks off, or the file cannot be written.
        """
        part = file.with_name(f"{file.name}.part")
        try:
            with self._http.stream("GET", path) as response:
                if response.is_error:
                    response.read()
                    raise refused(response)
                size, digest = 0, hashlib.sha256()
                with part.open("wb") as written:
                    for data in response.iter_bytes():
                        size += written.write(data)
                        digest.update(data)
            part.replace(file)
        except httpx.HTTPError as error:
            part.unlink(missing_ok=True)
            raise Failure(
                f"control at {self._url} cannot be reached, or broke off: {error or type(error).__name__}"
            ) from None
        except OSError as error:
            part.unlink(missing_ok=True)
            raise Failure(f"{file} cannot be written: {error.strerror}") from None
        return Downloaded(size, f"sha256:{digest.hexdigest()}")


def refused(response: httpx.Response) -> Failure:
    """The failure that an error of control's is, with all that it says is wrong."""
    try:
        problem = response.json()
        message = problem.get("detail") or problem["title"]
        errors = [Problem(e.get("pointer", ""), e["detail"], e.get("line")) for e in problem.get("errors", [])]
    except (ValueError, KeyError, AttributeError, TypeError):
        return Failure(f"control answered {response.status_code} {response.reason_phrase}")
    return Failure(message, errors)
