# Understanding what a neural network does: every task of the course in one place. "make help" lists them.
#
# The first call of "make lab" or "make test" creates .venv and installs into it; later calls install again only when
# pyproject.toml has changed. LOCKED=1 installs exactly the versions of requirements.lock: make lab LOCKED=1.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PROXY := build/proxy/node_modules/.bin/configurable-http-proxy
# TensorFlow has wheels for these versions of Python; the first one found is taken. PYTHON=... chooses another.
PYTHONS := 3.12 3.13 3.11
PYTHON ?= $(shell for p in $(PYTHONS:%=python%) python3 python; do \
	$$p -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv[1:])' $(PYTHONS) >/dev/null 2>&1 \
	&& { echo $$p; break; }; done)
# What was installed last is noted in .venv: .installed-test, or .locked-test with LOCKED=1.
NOTE := $(VENV)/.$(if $(LOCKED),locked,installed)
OTHER := $(VENV)/.$(if $(LOCKED),installed,locked)
LOCK := $(if $(LOCKED),requirements.lock)
INSTALL := $(BIN)/python -m pip install --quiet $(LOCK:%=--constraint %) --editable
# A line in .venv that leads from there to this folder: it holds where both are moved or copied together.
OWN_FOLDER := import os, sysconfig as s; p = s.get_path("purelib"); \
	open(os.path.join(p, "course.pth"), "w").write(os.path.relpath(".", p))
# Jupyter refuses to run as root unless told; inside a container that is the usual case.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab test test-again test-browser lint notebooks html student bench memory check clean hub test-hub test-portable lock

help:  ## list these tasks
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

lab: $(NOTE)  ## open the course in JupyterLab; ARGS="--no-browser --port 8899" for a server
	cd notebooks && ../$(BIN)/python -m jupyterlab $(AS_ROOT) $(ARGS)

test: $(NOTE)-test  ## style, unit tests, every notebook from top to bottom; ARGS=--slow for the slow tests too
	$(BIN)/python .ci/run_tests.py $(ARGS)

test-again: $(NOTE)-test  ## notebooks as students use them: run, again in a shuffled order, all answers tried
	$(BIN)/python -m pytest -q --nbval-lax --nbval-current-env --nbval-cell-timeout=1800 \
		--nbval-kernel-startup-timeout=120 -n 2 --dist loadscope --again $(or $(ARGS),1) notebooks

test-browser: $(NOTE)-test,browser  ## every notebook and widget in a real browser; pictures in build/browser
	$(BIN)/python -m pytest -q tests/browser $(ARGS)

lint: $(NOTE)-test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

notebooks: $(NOTE)-test  ## run the notebooks and store clean outputs; ARGS=2 for one of them
	$(BIN)/python .ci/notebooks.py run $(ARGS)
	$(BIN)/python .ci/notebooks.py check $(ARGS)
	$(BIN)/python .ci/notebooks.py pictures $(ARGS)

html: $(NOTE)  ## rendered pages in build/html
	$(BIN)/python .ci/notebooks.py html --dest build/html $(ARGS)

student: $(NOTE)  ## copies without solutions in build/student
	$(BIN)/python .ci/notebooks.py student --dest build/student $(ARGS)

test-portable: $(NOTE)-test  ## all tests under eight kinds of arithmetic (hours); ARGS="--rows sse41-1 --notebooks 2" for a part
	$(BIN)/python tests/portable/run.py $(ARGS)

bench: $(NOTE)-test  ## time and memory against the budgets, as ratios (some minutes)
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

memory: $(NOTE)-test  ## memory of server and kernel for each notebook; ARGS="3 --data full --cells" for one
	$(BIN)/python tests/benchmarks/measure_notebook_memory.py $(ARGS)

check: $(NOTE)  ## is everything there that the notebooks need?
	$(BIN)/python -m helpers.check

hub: $(NOTE)-hub $(PROXY)  ## a JupyterHub for a class on this machine; ARGS="--students class.txt"
	$(BIN)/python binder/hub/hub.py $(ARGS)

test-hub: $(NOTE)-hub $(PROXY)  ## a class at work on that hub; ARGS="--students 4 --notebooks 1" or "--faults"
	$(BIN)/python tests/hub/load_test.py $(ARGS)

lock: $(NOTE)-lock  ## pin the newest versions in requirements.lock and for Binder, if every test passes with them
	$(BIN)/python .ci/lock.py

clean:  ## remove .venv and everything that was built
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python was found that TensorFlow has wheels for ($(sort $(PYTHONS))). Install one, or name it: make lab PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python could not create a virtual environment. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -c '$(OWN_FOLDER)'
	@$(BIN)/python -m pip install --quiet --upgrade pip

$(NOTE): pyproject.toml $(LOCK) | $(BIN)/python
	@echo "Installing the course into $(VENV) (about 2 GB, some minutes the first time)"
	@$(INSTALL) .
	@rm -f $(OTHER)* && touch $@

# the course with the extra packages that pyproject.toml lists under these words, such as "test" or "test,browser"
$(NOTE)-%: pyproject.toml $(LOCK) | $(BIN)/python
	@echo "Installing the course and the tools for $* into $(VENV) (about 2 GB, some minutes the first time)"
	@$(INSTALL) '.[$*]'
	@rm -f $(OTHER)* && touch $@ $(NOTE)

$(PROXY):
	@command -v npm >/dev/null 2>&1 || { echo "The hub's proxy needs Node.js 20 or newer with npm. On Debian and Ubuntu: apt install nodejs npm"; exit 1; }
	@echo "Installing configurable-http-proxy into build/proxy"
	@npm install --prefix build/proxy --no-fund --no-audit --loglevel=error configurable-http-proxy@5
