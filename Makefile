# Understanding what a neural network does: every task of the course in one place. "make help" lists them.
#
# The first call of "make lab" or "make test" creates .venv and installs into it; later calls install again only when
# pyproject.toml has changed.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# TensorFlow has wheels for these versions of Python; the first one found is taken. PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
# Jupyter refuses to run as root unless told; inside a container that is the usual case.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab test lint notebooks html student bench check clean

help:  ## list these tasks
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

lab: $(VENV)/.installed  ## open the course in JupyterLab; ARGS="--no-browser --port 8899" for a server
	cd notebooks && ../$(BIN)/jupyter lab $(AS_ROOT) $(ARGS)

test: lint  ## every test: style, unit tests, then every notebook from top to bottom
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests
	$(BIN)/python -m pytest -q --nbval-lax --nbval-current-env --nbval-cell-timeout=300 \
		--nbval-kernel-startup-timeout=120 -n 2 --dist loadscope notebooks

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

notebooks: $(VENV)/.installed-test  ## run the notebooks and store clean outputs; ARGS=2 for one of them
	$(BIN)/python -m helpers.notebooks run $(ARGS)
	$(BIN)/python -m helpers.notebooks check $(ARGS)

html: $(VENV)/.installed  ## rendered pages in build/html
	$(BIN)/python -m helpers.notebooks html --dest build/html $(ARGS)

student: $(VENV)/.installed  ## copies without solutions in build/student
	$(BIN)/python -m helpers.notebooks student --dest build/student $(ARGS)

bench: $(VENV)/.installed-test  ## time and memory against the budgets, as ratios (some minutes)
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

check: $(VENV)/.installed  ## is everything there that the notebooks need?
	$(BIN)/python -m helpers.check

clean:  ## remove .venv and everything that was built
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install one, or name it: make lab PYTHON=/path/to/python3"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python could not create a virtual environment. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing the course into $(VENV) (about 1 GB, some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	@echo "Installing the course and its test tools into $(VENV) (about 1 GB, some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed
