# The two commands: `make book` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first Python of a supported version; PYTHON=... chooses another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	then echo $$name; break; fi; done)
PORT ?= 8000
REQUIREMENTS ?= requirements.lock
# TORCH_INDEX=<address> takes PyTorch from there as well: its CPU build, say (see README.md).
PIP_INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

BIN := .venv/bin
INSTALLED := .venv/installed
SITE := _build/html/index.html
SOURCES := $(shell find book notebooks helpers _config.yml _toc.yml -type f \
	-not -name '*.pyc' 2>/dev/null)

.PHONY: book test serve lab execute repository lock lint bench clean help

$(INSTALLED): $(REQUIREMENTS) pyproject.toml
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then \
		echo "No Python 3.11, 3.12 or 3.13 found (PYTHON='$(PYTHON)'): install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@# An environment without its stamp was left by an install that failed or was killed.
	@[ -e $(INSTALLED) ] || rm -rf .venv
	@rm -f $(INSTALLED)
	@[ -d .venv ] || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(PIP_INDEX) -r $(REQUIREMENTS) \
		|| { rm -rf .venv; echo "The install failed; .venv was removed. Run make again." >&2; exit 1; }
	@touch $(INSTALLED)

$(SITE): $(INSTALLED) $(SOURCES)
	$(BIN)/jupyter-book build . -W -n --keep-going --quiet
	@touch $(SITE)

book: $(SITE)  ## build the book and print the page to open
	@echo "Open $(CURDIR)/$(SITE) in a browser, or run 'make serve'."

test: $(SITE)  ## everything that CI checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest --nbval -n 2

serve: $(SITE)  ## serve the book at http://127.0.0.1:8000 (PORT=... for another)
	@echo "Serving at http://127.0.0.1:$(PORT)/ ; stop with Ctrl-C."
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lab: $(INSTALLED)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab --notebook-dir notebooks

execute: $(INSTALLED)  ## re-run all chapters, or CHAPTER=01, and store their outputs
	$(BIN)/python book/tools/execute.py $(CHAPTER)

repository: $(INSTALLED)  ## URL=https://github.com/you/name: set the repository's address
	$(BIN)/python book/tools/repository.py "$(URL)"

lock: $(INSTALLED)  ## renew requirements.lock from requirements.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		--upgrade requirements.txt --output-file requirements.lock

lint: $(INSTALLED)  ## check and format the Python code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(SITE)  ## measure: notebooks, import, training loop, site
	$(BIN)/python -m tests.benchmarks

clean:  ## remove the environment and everything built
	rm -rf .venv _build build ./*.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 14
