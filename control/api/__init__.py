"""The HTTP API. Each module has the handlers of one subject; `control.app` puts them together."""
