# photostat: `make demo` and `make test` set up all they need in .venv, from the pinned versions in requirements*.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 3
DEMO ?= demo

.PHONY: demo install dev test test-tools check format lint types contract soak bench screenshot lock clean

demo: install  ## make a small collection and convert it
	$(BIN)/photostat demo $(DEMO)

install: $(VENV)/.installed
dev: $(VENV)/.dev

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("photostat needs Python 3.11 or later; this is " + sys.version.split()[0] + ": make PYTHON=python3.12 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

test: dev  ## everything but the long soaks
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

test-tools: dev  ## only the tests that compare with programs of the system: exiftool, sshd, Chromium, OpenJPEG's
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m "not soak and (needs_tool or system_openjpeg)"

soak: dev  ## the long runs
	$(BIN)/python -m pytest -q -m soak

format: dev
	$(BIN)/ruff format .

lint: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: dev
	$(BIN)/mypy

contract: dev
	$(BIN)/lint-imports

check: lint types contract test

bench: dev  ## measurements, as ratios; see bench/README.md
	$(BIN)/python -m bench

screenshot: install  ## the README's picture, of the real app on a real engine
	mkdir -p docs
	$(BIN)/python -m tui.screenshot docs/screenshot.svg

lock:  ## new pins, without registry addresses (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache
