# One command for each thing; `make help` lists them. The first one installs .venv, later ones find it there, and a changed
# pyproject.toml or constraints.txt brings it up to date.

PYTHON ?= python3
OLDEST_PYTHON ?= python3.11
NEWEST_PYTHON ?= python3.13
WORKERS ?= 2
ARGS ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
comma := ,
PIP := bin/python -m pip install --no-input --disable-pip-version-check --progress-bar off
PYTEST := pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all test-oldest test-newest lint types bench experiments clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) ## compare methods on two problems, pictures under demo/
	$(BIN)/jgd compare valley --x64 --preset demo --save demo/valley
	$(BIN)/jgd compare breast-cancer --x64 --preset demo --save demo/breast-cancer

test: $(INSTALLED) ## the tests, less the slow ones (more options to pytest: ARGS="-k newton")
	$(BIN)/$(PYTEST) -m "not slow" $(ARGS)

test-all: $(INSTALLED) ## all tests
	$(BIN)/$(PYTEST) $(ARGS)

test-oldest: .venv-oldest/.installed ## `make test` with the oldest versions supported (OLDEST_PYTHON=python3.11)
	.venv-oldest/bin/$(PYTEST) -m "not slow" $(ARGS)

test-newest: .venv-newest/.installed ## `make test` with the newest versions known (NEWEST_PYTHON=python3.13)
	.venv-newest/bin/$(PYTEST) -m "not slow" $(ARGS)

lint: $(INSTALLED) ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED) ## pyright
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

bench: $(INSTALLED) ## the benchmarks against peers
	$(BIN)/python -m experiments.benchmarks.driver $(ARGS)

experiments: $(INSTALLED) ## statements about gradient descent, run, drawn and checked: experiments/README.md
	$(BIN)/python -m experiments run all $(ARGS)

clean: ## remove all that make has made, the environments included
	rm -rf .venv .venv-oldest .venv-newest demo experiments/quick build dist .pytest_cache .ruff_cache
	find jgd experiments tests -name __pycache__ -prune -exec rm -rf {} +

# $(call install,PYTHON,CONSTRAINTS,WHAT): an environment in the stamp's folder. pip is pinned too, since --group needs a
# recent one; the build's own packages are pinned in constraints.txt. What pip says is shown if it fails.
define install
@$(1) -c 'import sys; sys.exit("jgd needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)' \
	|| { echo "Name a Python to install with, for example: make PYTHON=python3.12 test" >&2; exit 1; }
@echo "Installing into $(@D) (once; about a minute) ..."
@test -x $(@D)/bin/pip || $(1) -m venv --clear $(@D)
@{ $(@D)/$(PIP) -c $(2) --upgrade pip \
	&& $(@D)/$(PIP) -c $(2) --build-constraint constraints.txt $(3); } >$(@D)/pip.log 2>&1 \
	|| { tail -n 40 $(@D)/pip.log >&2; exit 1; }
@touch $@
endef

$(INSTALLED): pyproject.toml constraints.txt
	$(call install,$(PYTHON),constraints.txt,-e '.[all]' --group dev)

# optimistix refuses the oldest jax, so the peers stay out of this one.
.venv-oldest/.installed: pyproject.toml constraints.txt constraints-oldest.txt
	$(call install,$(OLDEST_PYTHON),constraints-oldest.txt,-e '.[plot$(comma)cli$(comma)data$(comma)checkpoint]' --group test)

.venv-newest/.installed: pyproject.toml constraints.txt constraints-newest.txt
	$(call install,$(NEWEST_PYTHON),constraints-newest.txt,-e '.[all]' --group test)
