# photostat: every target sets up what it needs in .venv, from the pinned versions in requirements*.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 4
DEMO ?= demo
MINUTES ?= 10
SEED ?=
PYTEST := $(BIN)/python -m pytest -q
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Tests and demo start hundreds of Pythons: with bytecode kept, they do not compile the same modules each time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo install cluster dev test test-tools soak check format lint types contract bench screenshot refusals lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  Variables: PYTHON=$(PYTHON)  JOBS=$(JOBS) (tests at once)  DEMO=$(DEMO) (where the demo goes)  MINUTES=$(MINUTES) SEED=$(SEED) (of the soak)"

demo: install  ## make a small collection of real JP2 files and convert it
	$(BIN)/photostat demo $(DEMO)

install: $(VENV)/.installed  ## set up the photostat command in .venv
cluster: $(VENV)/.cluster  ## set up what several machines need, too: the same on each
dev: $(VENV)/.dev  ## set up what the tests and checks need, too

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("photostat needs Python 3.11 or later; this is " + sys.version.split()[0] + ": make PYTHON=python3.12 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-build-isolation --no-deps -e .
	touch $@

$(VENV)/.cluster: requirements-cluster.lock $(VENV)/.installed
	$(PIP) --require-hashes -r requirements-cluster.lock
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) --require-hashes -r requirements-dev.lock
	touch $@

test: dev  ## run the tests, but not the soaks
	$(PYTEST) -n $(JOBS) --dist worksteal

test-tools: dev  ## run only the tests that compare with programs of the system: OpenJPEG, FFmpeg, Grok, exiftool, sshd, Chromium
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not soak and (needs_tool or system_openjpeg)"

soak: dev  ## run the tests that take many minutes each, and faults at random for MINUTES (10); SEED repeats a draw
	PHOTOSTAT_SOAK_MINUTES=$(MINUTES) PHOTOSTAT_SOAK_SEED=$(SEED) $(PYTEST) -m soak

check: lint types contract test  ## lint, types, contract and test

format: dev  ## format the code
	$(BIN)/ruff format .

lint: dev  ## check the format and the linter's rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: dev  ## check the types
	$(BIN)/mypy

contract: dev  ## check which package may import which
	$(BIN)/lint-imports

bench: dev  ## measure, as ratios; see bench/README.md
	$(BIN)/python -m bench

screenshot: cluster  ## draw the README's pictures, of the real app on a real engine
	$(BIN)/python -m tui.screenshot docs
	$(BIN)/python -m tui.screenshot_hosts docs

refusals: dev  ## write the page of what is refused, docs/REFUSALS.md, from the code
	$(BIN)/python -m tests.support.refusal_table docs/REFUSALS.md

lock:  ## pin the newest versions of the dependencies, without registry addresses (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --extra build --extra notify --extra cluster --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --extra build --extra cluster -c requirements-dev.lock pyproject.toml -o requirements-cluster.lock

clean:  ## remove all that the other targets made
	rm -rf $(VENV) demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache
