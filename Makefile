# Understanding what a neural network does: every task of the course in one place. "make help" lists them.
#
# The first call of "make lab" or "make test" creates .venv and installs into it; later calls install again only when
# pyproject.toml has changed.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PROXY := build/proxy/node_modules/.bin/configurable-http-proxy
# TensorFlow has wheels for these versions of Python; the first one found is taken. PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
# Jupyter refuses to run as root unless told; inside a container that is the usual case.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab test test-browser lint notebooks html student bench memory check clean hub test-hub

help:  ## list these tasks
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

lab: $(VENV)/.installed  ## open the course in JupyterLab; ARGS="--no-browser --port 8899" for a server
	cd notebooks && ../$(BIN)/jupyter lab $(AS_ROOT) $(ARGS)

test: lint  ## every test: style, unit tests, then every notebook from top to bottom
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests
	$(BIN)/python -m pytest -q --nbval-lax --nbval-current-env --nbval-cell-timeout=1800 \
		--nbval-kernel-startup-timeout=120 -n 2 --dist loadscope notebooks

test-browser: $(VENV)/.installed-browser  ## every notebook and widget in a real browser; pictures in build/browser
	$(BIN)/python -m pytest -q tests/browser $(ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

notebooks: $(VENV)/.installed-test  ## run the notebooks and store clean outputs; ARGS=2 for one of them
	$(BIN)/python .ci/notebooks.py run $(ARGS)
	$(BIN)/python .ci/notebooks.py check $(ARGS)
	$(BIN)/python .ci/notebooks.py pictures $(ARGS)

html: $(VENV)/.installed  ## rendered pages in build/html
	$(BIN)/python .ci/notebooks.py html --dest build/html $(ARGS)

student: $(VENV)/.installed  ## copies without solutions in build/student
	$(BIN)/python .ci/notebooks.py student --dest build/student $(ARGS)

bench: $(VENV)/.installed-test  ## time and memory against the budgets, as ratios (some minutes)
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

memory: $(VENV)/.installed-test  ## memory of server and kernel for each notebook; ARGS="3 --data full --cells" for one
	$(BIN)/python tests/benchmarks/measure_notebook_memory.py $(ARGS)

check: $(VENV)/.installed  ## is everything there that the notebooks need?
	$(BIN)/python -m helpers.check

hub: $(VENV)/.installed-hub $(PROXY)  ## a JupyterHub for a class on this machine; ARGS="--students class.txt"
	$(BIN)/python binder/hub/hub.py $(ARGS)

test-hub: $(VENV)/.installed-hub $(PROXY)  ## a class at work on that hub; ARGS="--students 4 --notebooks 1" or "--faults"
	$(BIN)/python tests/hub/load_test.py $(ARGS)

clean:  ## remove .venv and everything that was built
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install one, or name it: make lab PYTHON=/path/to/python3"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python could not create a virtual environment. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing the course into $(VENV) (about 2 GB, some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	@echo "Installing the course and its test tools into $(VENV) (about 2 GB, some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-hub: pyproject.toml | $(BIN)/python
	@echo "Installing the course and JupyterHub into $(VENV)"
	@$(BIN)/python -m pip install --quiet --editable '.[hub]'
	@touch $@ $(VENV)/.installed

$(PROXY):
	@command -v npm >/dev/null 2>&1 || { echo "The hub's proxy needs Node.js 20 or newer with npm. On Debian and Ubuntu: apt install nodejs npm"; exit 1; }
	@echo "Installing configurable-http-proxy into build/proxy"
	@npm install --prefix build/proxy --no-fund --no-audit --loglevel=error configurable-http-proxy@5

$(VENV)/.installed-browser: pyproject.toml | $(BIN)/python
	@echo "Installing the course, its test tools and Playwright into $(VENV)"
	@$(BIN)/python -m pip install --quiet --editable '.[test,browser]'
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed
