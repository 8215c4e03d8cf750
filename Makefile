# snntheory: `make book` builds the book, `make test` runs the tests. Both set up .venv first if needed.
# Needs Python 3.11 or newer, pip and make. Choose an interpreter with `make book PYTHON=/path/to/python3.11`.

VENV  := .venv
PY    := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup book test lint types notebooks site-test lock clean
.DELETE_ON_ERROR:

# Kernels come from .venv, not from a user's own folder; the debugger's notice about frozen modules is not for readers.
export JUPYTER_PREFER_ENV_PATH := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
# Optional arguments of pytest: make test ARGS="tests/linear -k kernel"
ARGS ?=
# The whole suite runs in two processes of one thread each, a file at a time so that a file's fixtures are made once; a
# selection runs in one process. make test WORKERS=8 on a larger machine.
WORKERS ?= $(if $(strip $(ARGS)),0,2)

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## create .venv with the locked versions (the other targets do this if needed)

# The stamp is written last: an install that failed or was interrupted leaves none and is taken up again.
$(STAMP): requirements.lock pyproject.toml
	@rm -f '$@'
	@set -e; \
	 usable() { "$$@" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }; \
	 if usable '$(PY)' && '$(PY)' -m pip --version >/dev/null 2>&1; then exit 0; fi; \
	 python='$(PYTHON)'; \
	 if [ -z "$$python" ]; then \
	   for candidate in python3.11 python3 python; do \
	     if usable "$$candidate"; then python="$$candidate"; break; fi; \
	   done; \
	 fi; \
	 if [ -z "$$python" ] || ! usable "$$python"; then \
	   echo "snntheory needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || true)." >&2; \
	   echo "Install one, or name it: make book PYTHON=/path/to/python3.11" >&2; exit 1; \
	 fi; \
	 echo "Creating $(VENV) with $$("$$python" --version)"; \
	 "$$python" -m venv --clear '$(VENV)'
	'$(PY)' -m pip install --disable-pip-version-check --quiet -r requirements.lock
	'$(PY)' -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	@touch '$@'

book: $(STAMP) ## execute and build the book to _build/html/index.html; warnings are errors
	@'$(VENV)/bin/jupyter-book' build book --config _config.yml --path-output . -W -n --keep-going
	@echo "The book: $(CURDIR)/_build/html/index.html"

test: $(STAMP) ## run the tests
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 \
	  '$(PY)' -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(STAMP) ## style: ruff check and ruff format --check
	'$(PY)' -m ruff check .
	'$(PY)' -m ruff format --check .

types: $(STAMP) ## types of the public layer: mypy
	'$(PY)' -m mypy

notebooks: $(STAMP) ## clean .ipynb of every chapter in _build/notebooks
	'$(PY)' book/_ext/write_notebooks.py

site-test: $(STAMP) ## tests of the built site; fails where the site or the browser is missing
	SNNTHEORY_REQUIRE_SITE=1 SNNTHEORY_REQUIRE_BROWSER=1 '$(PY)' -m pytest -m site tests/book $(ARGS)

# The environment is thrown away; the lock is replaced only when everything was resolved. torch is named here because
# the recorded artefacts were made with this version.
lock: ## write requirements.lock anew from pyproject.toml
	@rm -rf .venv-lock
	$${PYTHON:-python3.11} -m venv .venv-lock
	.venv-lock/bin/python -m pip install --disable-pip-version-check --quiet '.[train,book,test]' 'torch==2.13.0'
	{ echo '# Exact versions for the book, the tests and CI. Written by `make lock` from pyproject.toml; not edited.'; \
	  .venv-lock/bin/python -m pip freeze --all --exclude pip --exclude snntheory | sed -E "s/\+cpu$$//; s/^triton==.*/&; platform_system == 'Linux'/"; } > requirements.lock.tmp
	mv requirements.lock.tmp requirements.lock
	rm -rf .venv-lock

clean: ## remove what the build wrote (not .venv)
	rm -rf _build
