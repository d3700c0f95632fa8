# Two commands for a newcomer: `make quickstart` and `make test`. `make` alone lists them all.

PYTHON ?= python3
PROFILE ?= plone

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

# Empty files that say which requirements are installed: a second call has nothing to do.
MADE := $(VENV)/.made
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help quickstart install test lint docs clean

help:
	@echo "make quickstart    a searchable index of a dozen well-known packages"
	@echo "                   PROFILE=django make quickstart takes another ecosystem"
	@echo "make test          the whole test suite"
	@echo "make lint          style, formatting and types"
	@echo "make docs          write docs/documents.md anew from the field table"
	@echo "make install       .venv with what the crawl needs, and nothing else"
	@echo "make clean         remove .venv and caches; the index in .pyfcrawl stays"
	@echo "PYTHON=python3.12 make ... takes another Python than python3"

quickstart: $(INSTALLED)
	@echo "Fetching the quickstart packages of profile '$(PROFILE)' from PyPI ..."
	@$(BIN)/scrapy crawl pypi -L WARNING \
		-a profile='$(PROFILE)' -a quickstart=yes -a releases=latest
	@$(BIN)/scrapy search -p '$(PROFILE)' -n 20 --sort name
	@echo
	@echo "These are in your index now. Go on with:"
	@echo
	@echo "  . $(BIN)/activate"
	@echo "  scrapy search -p $(PROFILE) forms          search them"
	@echo "  scrapy show -p $(PROFILE) NAME             all that is known of one"
	@echo "  scrapy serve                               the same as a site"
	@echo "  scrapy crawl pypi -a profile=$(PROFILE)    index the whole ecosystem"
	@echo
	@echo "The last one looks at every project on PyPI once; later runs fetch what changed."

install: $(INSTALLED)

# Compiled first: hundreds of commands are run, and where bytecode is not written each would do it.
test: $(INSTALLED_DEV)
	@$(BIN)/python -m compileall -q pyfcrawl
	@$(BIN)/python -m pytest -n auto --dist worksteal --reruns 1

lint: $(INSTALLED_DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(INSTALLED)
	@$(BIN)/python -m docs.generate

clean:
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "pyfcrawl needs Python 3.11 or later, but PYTHON=$(PYTHON) is older or missing:" \
			"name another, such as PYTHON=python3.12 make ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) can't make a virtual environment: on Debian and Ubuntu" \
			"'apt install python3-venv' adds what it lacks" >&2; exit 1; }
	@touch $@

$(INSTALLED): requirements.txt | $(MADE)
	@echo "Installing requirements.txt into $(VENV) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt requirements-scrapyd.txt requirements.txt | $(MADE)
	@echo "Installing requirements-dev.txt into $(VENV) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(INSTALLED)
