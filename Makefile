# The two commands: `make book` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first Python of a supported version; PYTHON=... chooses another.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	if $$name -c '$(SUPPORTED)' 2>/dev/null; then echo $$name; break; fi; done)
PORT ?= 8000
REQUIREMENTS ?= requirements.lock
# TORCH_INDEX=<address> takes PyTorch from there as well: its CPU build, say (see README.md).
TORCH_INDEX ?=
# For the environment with the versions that Colab ships.
COLAB_PYTHON ?= python3.13

BIN := .venv/bin
INSTALLED := .venv/installed
SITE := _build/html/index.html
# A name that make could not take, such as "01_tensors copy.ipynb", is no part of the book.
SOURCES := $(shell find book notebooks helpers _config.yml _toc.yml -type f \
	-not -path '*/.ipynb_checkpoints/*' -not -name '*.pyc' 2>/dev/null | grep -v '[^A-Za-z0-9_./-]')

.PHONY: book epub test test-quick serve lab execute chapter repository lock lint bench mutate platforms chromium clean help

$(INSTALLED): $(REQUIREMENTS) pyproject.toml
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null; then \
		echo "No Python 3.11, 3.12 or 3.13 found (PYTHON='$(PYTHON)')." \
			"Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@"$(PYTHON)" book/tools/install.py "$(REQUIREMENTS)" "$(TORCH_INDEX)"

# A build that ended with a warning is thrown away: built upon, it would pass without a word.
$(SITE): $(INSTALLED) $(SOURCES)
	@$(BIN)/python book/notebooks.py
	$(BIN)/jupyter-book build . -W -n --keep-going --quiet || { rm -rf _build; exit 1; }
	@touch $(SITE)

book: $(SITE)  ## build the book and print the page to open
	@echo "Open $(CURDIR)/$(SITE) in a browser, or run 'make serve'."

epub: $(INSTALLED)  ## build the book as an ePub
	$(BIN)/jupyter-book build . -W -n --keep-going --quiet --builder custom --custom-builder epub
	@echo "Read $(CURDIR)/$$(ls _build/epub/*.epub)."

test: chromium $(INSTALLED)  ## everything that CI checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# The chapters run in an environment like Colab's; the tests that need the site build it.
	$(BIN)/python -m pytest --nbval --colab -n 2

test-quick: $(INSTALLED)  ## rules, helpers, comparison; no notebooks, no browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 -m "not slow"

serve: $(SITE)  ## serve the book on this machine, at PORT=8000
	@echo "Serving at http://127.0.0.1:$(PORT)/ ; stop with Ctrl-C."
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lab: $(INSTALLED)  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir notebooks || { echo "JupyterLab ended with the error above." \
		"Without a browser on this machine, open the address that it prints elsewhere." \
		"If its installation is broken: make clean, then make lab." >&2; exit 1; }

execute: $(INSTALLED)  ## re-run all chapters, or CHAPTER=01, and store their outputs
	$(BIN)/python book/tools/execute.py $(CHAPTER)

chapter: $(INSTALLED)  ## NAME=34_quantization: start a chapter from the template
	@$(BIN)/python book/tools/chapter.py "$(NAME)"

repository: $(INSTALLED)  ## URL=https://github.com/you/name: set the repository's address
	@$(BIN)/python book/tools/repository.py "$(URL)"

lock: $(INSTALLED)  ## renew requirements.lock from requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		--upgrade requirements.txt --output-file requirements.lock

lint: $(INSTALLED)  ## check and format the Python code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: chromium $(SITE)  ## measure: notebooks, import, training loop, site
	$(BIN)/python -m tests.benchmarks

# Words that the command below takes, from CHAPTER=08 HELPERS=training SEED=1 COUNT=50.
MUTATE := $(if $(CHAPTER),--chapter $(CHAPTER)) $(if $(HELPERS),--helpers $(HELPERS)) \
	$(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))
mutate: $(INSTALLED)  ## change the code of CHAPTER=08 or HELPERS=training: does an output tell?
	$(BIN)/python -m tests.mutate $(MUTATE)

platforms: $(INSTALLED)  ## run all notebooks under hard conditions and record it (Linux)
	$(BIN)/python -m tests.platforms
	$(COLAB_PYTHON) -m venv --clear .venv-colab
	.venv-colab/bin/python -m pip install --quiet -r tests/platforms/colab.txt
	.venv-colab/bin/python -m tests.platforms "Colab's versions"

chromium: $(INSTALLED)  ## find the browser of the page tests, or install it
	@.ci/chromium $(BIN)/python

clean:  ## remove the environment and everything built
	rm -rf .venv _build build ./*.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 14
