# Understanding what a neural network does: every task of the course in one place. "make help" lists them.
#
# course.py sets the course up in .venv, the first time and where pyproject.toml asks for more, and opens it; make only
# calls it. LOCKED=1 installs exactly the versions of requirements.lock: make lab LOCKED=1. PYTHON=... names a Python.

SHELL := /bin/sh
BIN := .venv/bin
ARGS ?=
PROXY := build/proxy/node_modules/.bin/configurable-http-proxy
PYTHON ?= $(shell for p in python3 python "uv run --no-project --python 3.12 python"; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 && { echo $$p; break; }; done)
COURSE := $(or $(PYTHON),no-python) course.py
OPTIONS := $(if $(LOCKED),--locked) $(if $(OFFLINE),--offline "$(OFFLINE)")
INSTALL = @$(COURSE) install $(OPTIONS)

.PHONY: help lab test test-again test-browser lint notebooks site student bench memory check clean hub test-hub test-portable lock

help:  ## list these tasks
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

lab:  ## open the course in JupyterLab; ARGS="--no-browser --port 8899" for a server
	@$(COURSE) lab $(OPTIONS) $(ARGS)

test:  ## style, unit tests, every notebook from top to bottom; ARGS=--slow for the slow tests too
	@$(COURSE) test $(OPTIONS) $(ARGS)

check:  ## one line: is everything there that the notebooks need? ARGS=--all says it item by item
	@$(COURSE) check $(ARGS)

test-again:  ## notebooks as students use them: run, again in a shuffled order, all answers tried
	$(INSTALL) test
	$(BIN)/python -m pytest -q --nbval-lax --nbval-current-env --nbval-cell-timeout=1800 \
		--nbval-kernel-startup-timeout=120 -n 2 --dist loadscope --again $(or $(ARGS),1) --ignore notebooks/work notebooks

test-browser:  ## every notebook and widget in a real browser; pictures in build/browser
	$(INSTALL) test,browser
	$(BIN)/python -m pytest -q tests/browser $(ARGS)

lint:
	$(INSTALL) test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

notebooks:  ## run the notebooks and store clean outputs; ARGS=2 for one of them
	$(INSTALL) test
	$(BIN)/python .ci/notebooks.py run $(ARGS)
	$(BIN)/python .ci/notebooks.py check $(ARGS)
	$(BIN)/python .ci/notebooks.py pictures $(ARGS)

site:  ## the course as web pages in build/site
	$(INSTALL) site
	$(BIN)/python docs/build.py $(ARGS)

student:  ## copies without solutions in build/student
	$(INSTALL)
	$(BIN)/python .ci/notebooks.py student --dest build/student $(ARGS)

test-portable:  ## all tests under eight kinds of arithmetic (hours); ARGS="--rows sse41-1 --notebooks 2" for a part
	$(INSTALL) test
	$(BIN)/python tests/portable/run.py $(ARGS)

bench:  ## time and memory against the budgets, as ratios (some minutes)
	$(INSTALL) test
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

memory:  ## memory of server and kernel for each notebook; ARGS="3 --data full --cells" for one
	$(INSTALL) test
	$(BIN)/python tests/benchmarks/measure_notebook_memory.py $(ARGS)

hub: $(PROXY)  ## a JupyterHub for a class on this machine; ARGS="--JupyterHub.bind_url=http://0.0.0.0:8000"
	$(INSTALL) hub
	$(BIN)/python -m jupyterhub --config binder/hub/jupyterhub_config.py $(ARGS)

test-hub: $(PROXY)  ## a class at work on a hub; ARGS="--hub https://... --students 30", or "--faults"
	$(INSTALL) hub
	$(BIN)/python tests/hub/load_test.py $(ARGS)

lock:  ## pin the newest versions in requirements.lock and for Binder, if every test passes with them
	$(INSTALL) lock
	$(BIN)/python .ci/lock.py

clean:  ## remove .venv and everything that was built
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache

# where there is no Python at all
no-python:
	@echo "No Python was found that TensorFlow has wheels for. Install one, or name it: make lab PYTHON=/path/to/python3.12"; exit 1

$(PROXY):
	@command -v npm >/dev/null 2>&1 || { echo "The hub's proxy needs Node.js 20 or newer with npm. On Debian and Ubuntu: apt install nodejs npm"; exit 1; }
	@echo "Installing configurable-http-proxy into build/proxy"
	@npm install --prefix build/proxy --no-fund --no-audit --loglevel=error configurable-http-proxy@5
