"""The sidecar's own HTTP, on unix sockets: what serves rules and takes feedback."""

from extproc.http.listener import HttpListener
from extproc.http.reply import Answers, Reply

__all__ = ["Answers", "HttpListener", "Reply"]
