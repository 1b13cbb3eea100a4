# Every target does all of its own set-up and can be run again at any time. `make` alone explains them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

venv := .venv
bin := $(venv)/bin
installed := $(venv)/.installed
step := hack/step

# The tests start Python dozens of times: compiled modules are worth keeping.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv lock controlplane helm azure-cli chromium crds metrics rules reference pictures docs docs-serve monitoring chart golden format lint types contracts unit processes e2e conformance test demo image kind test-kind test-versions test-karpenter bench dist sbom release-check licences audit clean

help: ## Show this.
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /  make \1#/p' Makefile | column -t -s '#'

venv: $(installed) ## The virtual environment in .venv, from requirements/dev.txt with hashes.

$(installed): requirements/dev.txt pyproject.toml hack/venv
	@hack/venv $(venv)
	@touch $@

lock: $(installed) ## Pin all dependencies anew, as pyproject.toml allows, for all supported versions of Python; their licences too.
	@hack/lock $(bin)/uv
	@$(MAKE) licences

controlplane: $(installed) ## Build the control plane into the user's cache: 6 minutes the first time, no time after.
	@$(bin)/napsim cluster build

helm: $(installed) ## Build Helm into the user's cache, unless there is one of version 3 or 4 on the PATH.
	@$(bin)/napsim cluster build --helm

azure-cli: $(installed) ## Install the Azure CLI that tests run into the user's cache: 190 MB, half a minute the first time.
	@$(bin)/python -m hack.azurecli

chromium: ## Find Chromium or Chrome (CHROMIUM names one); as root on Debian or Ubuntu, install it.
	@hack/chromium

crds: $(installed) ## Generate crds/ and the table of defaults from the models, and copy what the chart and the package have copies of.
	@$(bin)/napsim crds crds
	@$(bin)/python -m napsim.api.defaults
	@cp crds/*.yaml charts/napsim/files/crds/
	@cp manifests/examples/[0-4]*.yaml charts/napsim/files/examples/
	@cp manifests/napsim-checks.yaml operator/napsim/manifests/
	@cp manifests/examples/*.yaml operator/napsim/manifests/examples/
	@cp operator/napsim/cluster/stages.yaml charts/napsim/files/kwok/

metrics: $(installed) ## Generate docs/metrics.md from the table of metrics.
	@$(bin)/napsim metrics docs/metrics.md

rules: $(installed) ## Generate from the rules of `napsim lint` a page for each in docs/rules, and the admission policies that warn.
	@$(bin)/python -m napsim.lint.pages docs/rules
	@$(bin)/python -m napsim.lint.admission manifests/lint-warnings.yaml charts/napsim/files/lint-warnings.yaml

pictures: $(installed) ## Draw docs/pictures anew: what napsim prints, as SVG.
	@$(bin)/python -m tests.docs.pictures

docs: $(installed) ## The documentation as a site, in site/: no network, warnings are errors.
	@$(bin)/sphinx-build --quiet --fail-on-warning --keep-going -c hack/docs -d .doctrees . site
	@echo "site/index.html"

docs-serve: docs ## The same on http://127.0.0.1:8000.
	@$(bin)/python -m http.server --bind 127.0.0.1 --directory site 8000

reference: $(installed) ## Generate docs/reference (commands from their help, kinds from the models, reasons from their table), and docs/doctor.md.
	@$(bin)/python -m napsim.cli.references docs/reference
	@$(bin)/napsim doctor --list-checks > docs/doctor.md

monitoring: $(installed) ## Check and test the alerting rules and the dashboard's queries with promtool.
	@$(bin)/python -m pytest tests/monitoring

chart: $(installed) helm ## Lint the Helm chart, and check what it renders.
	@$(bin)/python -m pytest tests/chart

golden: $(installed) helm ## Write the chart's golden files, and the table of its values in docs/install.md, anew.
	@$(bin)/python -m tests.chart.values_table
	@$(bin)/python -m pytest --quiet tests/chart/test_golden.py --update-golden

format: $(installed) ## Format the code and sort imports.
	@$(bin)/ruff check --quiet --select I --fix .
	@$(bin)/ruff format --quiet .

lint: $(installed) ## Style, formatting, workflows, and the rules of tests/test_tidy.py.
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/zizmor --offline --quiet --no-progress .
	@hack/actionlint/run
	@$(bin)/python -m pytest --quiet tests/test_tidy.py

types: $(installed) ## Types, strictly.
	@$(bin)/mypy

contracts: $(installed) ## Which package may import which, and that every row of the references is in the table of tests.
	@$(bin)/lint-imports --no-logo
	@$(bin)/python -m pytest -q -p no:xdist tests/conformance/test_table.py

without_cluster := tests --ignore=tests/e2e --ignore=tests/kind --ignore=tests/versions --ignore=tests/karpenter --ignore=tests/chart --ignore=tests/monitoring --ignore=tests/test_tidy.py --ignore=tests/conformance/test_table.py

unit: $(installed) ## Unit and property tests: no cluster, no process.
	@$(bin)/python -m pytest --numprocesses=auto -m "not process" $(without_cluster)

processes: $(installed) azure-cli helm ## Tests that start processes or wait in real time, and the 100,000 answers of the Go code: no cluster.
	@$(bin)/python -m pytest --numprocesses=4 --dist=loadfile -m process $(without_cluster)

# What a busy machine can do to a test is let it wait in vain. Such a test, and no other, has a second try: three in a run
# at most, each with its traceback in the summary. What a test sees that is wrong fails at once.
second_try := --reruns=1 --max-suite-reruns=3 --rerun-show-tracebacks --only-rerun='in [0-9.]+ s not seen: '

e2e: $(installed) controlplane helm chromium ## End-to-end tests, on clusters of their own, two at a time.
	@$(bin)/python -m pytest --numprocesses=2 --dist=loadfile --durations=40 $(second_try) tests/e2e

conformance: $(installed) controlplane helm chromium ## The table of the references' rows: where each is tested, and with what result.
	@$(bin)/python -m tests.conformance $(ARGS)

test: $(installed) ## All of these: lint, types, contracts, unit, monitoring, chart, e2e.
	@$(step) "Lint" $(MAKE) lint
	@$(step) "Types" $(MAKE) types
	@$(step) "Import contracts" $(MAKE) contracts
	@$(step) "Unit and property tests" $(MAKE) unit
	@$(step) "Azure CLI" $(MAKE) azure-cli
	@$(step) "Helm" $(MAKE) helm
	@$(step) "Tests that start processes" $(MAKE) processes
	@$(step) "Alerts and dashboard" $(MAKE) monitoring
	@$(step) "Helm chart" $(MAKE) chart
	@$(step) "Control plane" $(MAKE) controlplane
	@$(step) "Chromium" $(MAKE) chromium
	@$(step) "End-to-end tests" $(MAKE) e2e

demo: $(installed) ## A node image roll-out, live, on a cluster of its own; builds the control plane the first time.
	@$(bin)/napsim demo

image: ## Build the container image, and say what it adds to its base (BASE_IMAGE, IMAGE, BUILD_FLAGS).
	@hack/image/build

kind: $(installed) ## A kind cluster with napsim installed, playing image roll-outs on its real nodes, live.
	@hack/kind

test-kind: $(installed) helm ## The suite on a real kind cluster; needs Docker and kind (KIND_IMAGE, BASE_IMAGE).
	@$(step) "Kind suite" $(bin)/python -m pytest tests/kind

test-versions: $(installed) ## Other minors of Kubernetes, built from their modules (docs/kubernetes-versions.md): ARGS="-k 1.35" chooses one.
	@$(step) "Other minors of Kubernetes" $(bin)/python -m pytest tests/versions $(ARGS)

test-karpenter: $(installed) controlplane ## Forecasts held to Karpenter itself, built from its module, on a cluster: a quarter of an hour.
	@$(step) "Karpenter itself" $(bin)/python -m pytest tests/karpenter $(ARGS)

bench: $(installed) controlplane ## What a roll-out costs: CPU, memory and requests per replaced node; a forecast: ARGS=--forecast.
	@$(bin)/python -m tests.bench $(ARGS)

dist: $(installed) ## The wheel, the source archive and the kubectl plugin's archive, in dist/.
	@rm -rf dist
	@$(bin)/python -m hatchling build
	@$(bin)/napsim plugin archive dist/*.whl requirements/runtime.txt --output dist

sbom: $(installed) ## What the wheel is installed with, as a CycloneDX document: dist/napsim.cdx.json.
	@mkdir -p dist
	@$(bin)/python -m hack.sbom dist/napsim.cdx.json

release-check: $(installed) ## Do all places agree on the version? With TAG=v1.2.0: is it ready to be released under that tag?
	@$(bin)/python -m hack.release check $(TAG)

licences: $(installed) ## Write THIRD_PARTY.md: which packages napsim is installed and developed with, and their licences.
	@$(bin)/python -m hack.licences THIRD_PARTY.md

audit: $(installed) ## Known vulnerabilities of the pinned packages, asked of the package index.
	@$(bin)/pip-audit --strict --disable-pip --require-hashes --requirement requirements/dev.txt

clean: ## Remove the virtual environment and caches; built binaries and clusters stay in the user's cache.
	@rm -rf $(venv) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .doctrees dist site
	@find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +
