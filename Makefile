# Every target makes .venv by itself. Nothing is assumed but make and a Python of 3.11 or newer.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
READY := $(VENV)/.installed
BENCH := $(VENV)/.bench
# One more than there are cores: a worker waits for its simulators about a quarter of the time.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )))
T ?= tests

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Many container images set it; then every process, and each worker of the tests, would compile every module and test again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test lint format mutants bench docs audit clean

help: ## show these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(READY) ## make .venv with everything that development needs

$(BIN)/python:
	@python=; for one in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do \
	  if $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$one; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "crmsync needs Python 3.11 or newer; none is on the PATH (python3 is $$(python3 --version 2>&1 || true)). Nothing was made." >&2; exit 1; fi; \
	echo "making $(VENV) with $$($$python --version)"; \
	$$python -m venv $(VENV) || { rm -rf $(VENV); echo "$$python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# Compiling every module of every package takes longer than fetching them; Python does it for those that are used.
$(RUNS): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what crmsync runs with, as constraints.txt pins it; half a minute the first time"
	@$(BIN)/python -m pip install --quiet --no-input --no-compile --constraint constraints.txt --editable .
	@touch $@

$(READY): $(RUNS)
	@echo "installing what development needs; another half minute the first time"
	@$(BIN)/python -m pip install --quiet --no-input --no-compile --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(BENCH): $(READY)
	@echo "installing what the benchmarks compare with"
	@$(BIN)/python -m pip install --quiet --no-input --no-compile --constraint constraints.txt --editable '.[bench]'
	@touch $@

demo: $(RUNS) ## two simulated CRMs, the daemon and a status page; Ctrl-C ends all of it
	@exec $(BIN)/crmsync demo

test: $(READY) ## the whole test suite; T=tests/store for a part, WORKERS=0 for one process
	@$(BIN)/python -m pytest -q --numprocesses=$(WORKERS) --dist=worksteal $(T)

lint: $(READY) ## style, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## let ruff format and mend what it can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

mutants: $(READY) ## plant known bugs one by one in a copy; the tests must find each
	@$(BIN)/python -m pytest -q --numprocesses=$(WORKERS) --dist=worksteal -m mutants tests/house

bench: $(BENCH) ## every benchmark, at a moderate size
	@for one in bench/[a-z]*.py; do echo "== $$one"; $(BIN)/python $$one; done

docs: $(READY) ## regenerate the generated pages of docs/
	@$(BIN)/python docs/generate.py

audit: $(READY) ## known vulnerabilities of the pinned dependencies; needs the network
	@$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off \
	  || { echo "the audit found something, or could not reach its database: see above" >&2; exit 1; }

clean: ## remove .venv and every cache
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
