# Two commands to know: `make demo` and `make test`. They create .venv automatically.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)
RUN := .venv/bin
# The build backend is in the lock file: nothing is downloaded without a hash.
EDITABLE = --no-deps --no-build-isolation --editable .

# Many tests wait for something: six workers suit two cores.
TESTS = $(RUN)/python -m pytest --numprocesses=$(or $(WORKERS),6) --dist=loadfile --no-loadscope-reorder

# Hundreds of processes would compile the same code again, each for a tenth of a second.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo up dagster test test-all test-random lint docs bench load-test distance chaos fuzz fuzz-entries model simulate mutants lock clean
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

demo: .venv/embedded.stamp  ## one day through the whole pipeline, on temporary servers
	@$(RUN)/minuano demo

up: .venv/embedded.stamp  ## the whole stack in the foreground, data in .minuano/
	@$(RUN)/minuano up

dagster: .venv/orchestrator.stamp  ## the same with Dagster's pages on port 3000
	@$(RUN)/minuano up --dagster

test: .venv/dev.stamp .venv/browser.stamp .venv/pgbouncer.stamp  ## all tests, on temporary servers
	@echo "This takes about eight minutes on two idle cores."
	@$(TESTS)

test-all: .venv/dev.stamp .venv/browser.stamp .venv/pgbouncer.stamp  ## also more seeds and examples, and Docker
	@echo "This takes about a quarter of an hour on two idle cores, Docker included."
	@$(TESTS) -m ""

test-random: .venv/dev.stamp .venv/browser.stamp .venv/pgbouncer.stamp  ## in random order: make test-random TIMES=3, or SEED=1
	@for time in $$(seq $(or $(TIMES),1)); do $(TESTS) -p randomly $(if $(SEED),--randomly-seed=$(SEED)) || exit 1; done

lint: .venv/dev.stamp  ## ruff, mypy, import-linter, sizes, known vulnerabilities of the dependencies
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/python tools/size_guard.py
	@$(RUN)/python requirements/audit

docs: .venv/dev.stamp  ## write docs/settings.md and .env.example from the settings classes
	@$(RUN)/python -m tools.settings_docs

bench: .venv/dev.stamp  ## measure beside DuckDB and other scripts; the figures go into docs/performance.md
	@$(RUN)/python -m bench suite --write

load-test: .venv/dev.stamp  ## full streams, many and slow clients; the figures go into docs/reliability.md
	@$(RUN)/python -m bench load --write

distance: .venv/dev.stamp  ## five hosts 0, 5 and 50 ms apart, as root; the figures go into docs/performance.md
	@$(RUN)/python -m bench distance --write

chaos: .venv/dev.stamp  ## random schedules of faults: make chaos RUNS=200 SEED=7
	@$(RUN)/python -m tests.faults.chaos $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

fuzz-entries: .venv/dev.stamp  ## mutated stream entries: make fuzz-entries EXAMPLES=20000 SEED=1
	@$(RUN)/python -m tests.fuzz.fuzz_entries $(if $(EXAMPLES),--examples $(EXAMPLES)) $(if $(SEED),--seed $(SEED))

fuzz: .venv/dev.stamp  ## generated requests to every service: make fuzz REQUESTS=100000 SEED=1
	@$(RUN)/python -m tests.e2e.fuzz $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED))

simulate: .venv/dev.stamp  ## random schedules of the code between simulated servers: make simulate RUNS=100000 SEED=7
	@$(RUN)/python -m tests.simulation $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

model: .venv/dev.stamp  ## visit all states of the protocol's model, some millions
	@$(RUN)/python -m tests.model

mutants: .venv/dev.stamp .venv/browser.stamp .venv/pgbouncer.stamp  ## plant bugs and check that tests fail: make mutants ROOM=loader JOBS=2
	@$(RUN)/python -m tests.mutants $(if $(ROOM),--room $(ROOM)) $(if $(JOBS),--jobs $(JOBS))

lock:  ## write requirements/*.lock again from pyproject.toml (needs uv)
	@PYTHON=$(PYTHON) requirements/lock

clean:  ## remove .venv, .minuano and .pdm-build
	rm -rf .venv .minuano .pdm-build

# If the browser could not be installed, the next `make test` tries again.
.venv/browser.stamp: requirements/browser | .venv/dev.stamp
	@if requirements/browser; then touch $@; fi

.venv/pgbouncer.stamp: requirements/pgbouncer | .venv/dev.stamp
	@if requirements/pgbouncer; then touch $@; fi

# Without uv, pip of the standard library does the same from the same lock.
.venv/%.stamp: requirements/%.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Minuano needs Python 3.11 or newer; set PYTHON=python3.x (this is `$(PYTHON) --version 2>&1`)"; exit 1; }
	@echo "Setting up .venv from requirements/$*.lock …"
ifdef UV
	@test -d .venv/bin || uv venv --quiet --python $(PYTHON) .venv
	@uv pip install --quiet --python .venv/bin/python --require-hashes -r $<
	@uv pip install --quiet --python .venv/bin/python $(EDITABLE)
else
	@test -d .venv/bin || $(PYTHON) -m venv .venv
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check $(EDITABLE)
endif
	@touch $@ $(if $(filter dev,$*),.venv/orchestrator.stamp) \
	  $(if $(filter dev orchestrator,$*),.venv/embedded.stamp)
