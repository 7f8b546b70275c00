# GNU make 3.81 (macOS) is enough. `make` alone prints the targets.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-complete
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet
LOCK := $(COMPILE) pyproject.toml
EVAL := .venv-eval
EVAL_STAMP := $(EVAL)/.setup-complete
LIVE := .venv-live
LIVE_STAMP := $(LIVE)/.setup-complete
# Extra flags of a run, as in `make demo ARGS=--once` and `make test ARGS="-k fingerprint"`.
ARGS ?=
# How many processes run tests, file by file; each has a database and a system of its own. 0 is this one, as for --pdb.
WORKERS ?= 2

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test check bench bench-large soak eval-redaction test-live fmt clean lock

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## Make .venv with everything in it; does nothing when that is done already

# The environment is made afresh whenever a lock file changes, so that it never holds more than the lock says.
$(STAMP): pyproject.toml requirements.lock requirements-dev.lock
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "setup: '$(PYTHON)' is not installed. Install Python 3.11 or newer (Debian: apt-get install python3 python3-venv;" \
			"macOS: brew install python), or name one: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "setup: '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1); 3.11 or newer is needed." \
			"Install one and name it: make setup PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "setup: '$(PYTHON)' has no venv module. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup: 1/3 making $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@echo "setup: 2/3 installing the packages of requirements-dev.lock, each checked against its hash"
	@set -o pipefail; total=$$(grep -c '^[a-z].*==' requirements-dev.lock); count=0; \
		$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements-dev.lock \
		| while read -r word _; do \
			if [ "$$word" = Collecting ]; then \
				count=$$((count + 1)); \
				[ $$((count % 20)) -ne 0 ] || echo "setup:     $$count of $$total found"; \
			elif [ "$$word" = Installing ]; then echo "setup:     writing them into $(VENV)"; fi; done
	@echo "setup: 3/3 installing Relayscope itself, editable"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
	@echo "setup: done; the command is $(BIN)/relayscope"

demo: setup ## Start everything and send it a simulated gateway's traces (ARGS=--once loads, checks and ends)
	@$(BIN)/relayscope demo $(ARGS)

test: check ## Run every check, then every test
	@echo "test: pytest"
	@$(BIN)/python -m pytest --quiet --durations=5 --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder $(ARGS)

check: setup ## Lint, formatting, types and import contracts
	@echo "check: ruff check"
	@$(BIN)/ruff check --quiet
	@echo "check: ruff format"
	@$(BIN)/ruff format --check --quiet || { echo "check: not formatted; run 'make fmt'" >&2; exit 1; }
	@echo "check: mypy"
	@$(BIN)/mypy
	@echo "check: import contracts"
	@$(BIN)/lint-imports --no-logo

bench: setup ## Measure ingest against the COPY ceiling of this machine (ARGS are for this one), and replay
	@$(BIN)/relayscope bench ingest $(ARGS)
	@$(BIN)/relayscope bench replay

bench-large: setup ## Fill a store with 10 million spans, twice, and measure it (an hour; 20 GB of temporary disk)
	@$(BIN)/relayscope bench large $(ARGS)

soak: setup ## Kill processes under load and account for every span (ARGS="--minutes 60" for longer)
	@$(BIN)/relayscope bench soak $(ARGS)

eval-redaction: $(EVAL_STAMP) ## Measure redaction: what it finds, what it spares, how fast it is; fails when a target is missed
	@$(EVAL)/bin/python -m benchmarks.redaction $(ARGS)

# What presidio-evaluator itself depends on (spaCy, transformers, pandas) is left out: only its files of data are read.
$(EVAL_STAMP): pyproject.toml requirements.lock requirements-eval.lock | $(STAMP)
	@echo "eval-redaction: making $(EVAL)"
	@"$(PYTHON)" -m venv --clear $(EVAL)
	@$(EVAL)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	@$(EVAL)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes --no-deps -r requirements-eval.lock
	@touch $(EVAL_STAMP)

test-live: $(LIVE_STAMP) ## Run real SDKs with real instrumentation against a running system (ARGS=--record keeps what they send)
	@$(BIN)/python -m pytest --quiet --live tests/live $(ARGS)

# SDKs and instrumentations want versions of packages that are not ours.
$(LIVE_STAMP): requirements-live.lock | $(STAMP)
	@echo "test-live: making $(LIVE)"
	@"$(PYTHON)" -m venv --clear --without-pip $(LIVE)
	@$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --python $(LIVE)/bin/python -r requirements-live.lock
	@touch $(LIVE_STAMP)

fmt: setup ## Format the code and mend what can be mended by itself
	@$(BIN)/ruff check --fix --quiet; $(BIN)/ruff format

lock: setup ## Resolve the dependencies of pyproject.toml into the lock files
	@$(LOCK) --output-file requirements.lock
	@$(LOCK) --group dev --output-file requirements-dev.lock
	@$(COMPILE) --no-deps --group eval --output-file requirements-eval.lock
	@$(COMPILE) --group live --output-file requirements-live.lock

clean: ## Remove .venv and every cache (relayscope-data stays)
	@rm -rf $(VENV) $(EVAL) $(LIVE) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
