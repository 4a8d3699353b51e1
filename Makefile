# Everything here sets itself up: it needs Python 3.11 or newer, make and a C compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := hyperplan extproc control cli demo tests

.PHONY: help demo test lint types unit acceptance proto format clean

help:  ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/demo  ## Replay half a year of flights through Envoy, two models and a few accidents
	$(BIN)/hyperplan demo $(ARGS)

test: lint types unit  ## Check style and types, then run every test

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev
	$(BIN)/mypy

unit: $(VENV)/dev
	$(BIN)/pytest --numprocesses auto --dist loadfile --ignore tests/acceptance

acceptance: $(VENV)/dev  ## Run the demo and the compose file's services, and judge what they say
	$(BIN)/pytest tests/acceptance

format: $(VENV)/dev  ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: $(VENV)/dev  ## Generate the wire messages from their .proto
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. extproc/wire/*.proto

clean:  ## Remove what was installed and built
	rm -rf $(VENV) build dist *.egg-info

# The stamps are newer than pyproject.toml when what it asks for is installed. `dev` holds all that `demo` does.
$(VENV)/demo $(VENV)/dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(@F)]'
	touch $@
