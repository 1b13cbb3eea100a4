# Every target does all of its own set-up and can be run again at any time. `make` alone explains them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

venv := .venv
bin := $(venv)/bin
installed := $(venv)/.installed
step := hack/step

.PHONY: help venv lock controlplane crds format lint types contracts unit e2e test demo bench clean

help: ## Show this.
	@sed -n 's/^\([a-z0-9]*\):[^#]*## /  make \1#/p' Makefile | column -t -s '#'

venv: $(installed) ## The virtual environment in .venv, from requirements/dev.txt with hashes.

$(installed): requirements/dev.txt pyproject.toml hack/venv
	@hack/venv $(venv)
	@touch $@

lock: $(installed) ## Pin all dependencies anew, as pyproject.toml allows, for all supported versions of Python.
	@hack/lock $(bin)/uv

controlplane: $(installed) ## Build the control plane into the user's cache: 6 minutes the first time, no time after.
	@$(bin)/napsim cluster build

crds: $(installed) ## Generate crds/ from the models.
	@$(bin)/napsim crds crds

format: $(installed) ## Format the code and sort imports.
	@$(bin)/ruff check --quiet --select I --fix .
	@$(bin)/ruff format --quiet .

lint: $(installed) ## Style, formatting, and the rules of tests/test_tidy.py.
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/python -m pytest --quiet tests/test_tidy.py

types: $(installed) ## Types, strictly.
	@$(bin)/mypy

contracts: $(installed) ## Which package may import which.
	@$(bin)/lint-imports --no-logo

unit: $(installed) ## Unit, property and conformance tests: no cluster.
	@$(bin)/python -m pytest tests --ignore=tests/e2e --ignore=tests/test_tidy.py

e2e: $(installed) controlplane ## End-to-end tests, on clusters of their own.
	@$(bin)/python -m pytest tests/e2e

test: $(installed) ## All of these: lint, types, contracts, unit, e2e.
	@$(step) "Lint" $(MAKE) lint
	@$(step) "Types" $(MAKE) types
	@$(step) "Import contracts" $(MAKE) contracts
	@$(step) "Unit and property tests" $(MAKE) unit
	@$(step) "Control plane" $(MAKE) controlplane
	@$(step) "End-to-end tests" $(MAKE) e2e

demo: $(installed) controlplane ## A node image roll-out, live, on a cluster of its own.
	@$(bin)/napsim demo

bench: $(installed) controlplane ## What a roll-out costs: CPU, memory and requests per replaced node.
	@$(bin)/python -m tests.bench $(ARGS)

clean: ## Remove the virtual environment and caches; built binaries and clusters stay in the user's cache.
	@rm -rf $(venv) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	@find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +
