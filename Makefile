# Every habit of this repository is a target; `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage unit verify lint format generated crds manifests chart monitoring reference golden sbom release image-check docs bench engine-check foreign suites e2e lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.base: requirements/build.txt requirements/base.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "model-controller needs Python 3.11 or newer; set PYTHON=...")'
	@echo "Installing into $(VENV), once; this takes about a minute"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@hack/pip-install --require-hashes -r requirements/build.txt -r requirements/base.txt
	@hack/pip-install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base requirements/dev.txt
	@echo "Installing the tools for tests and documentation"
	@hack/pip-install --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev ## install everything the other targets need into .venv, from the lock files

demo: $(VENV)/.base ## show the controller at work on an embedded API server (ARGS="--exit" leaves at the end)
	@$(BIN)/model-controller demo $(ARGS)

test: $(VENV)/.dev ## run all tests; those on a real control plane where Go or KUBEBUILDER_ASSETS is there
	@if command -v go >/dev/null; then hack/helm-binary >/dev/null; fi
	@if [ -n "$$KUBEBUILDER_ASSETS" ] || command -v go >/dev/null; then assets="$$(hack/envtest-assets)" && PATH="$$PATH:$$assets" || exit 1; fi; \
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

coverage: $(VENV)/.dev ## run all tests, show how much of the code they reach, and fail below the floor
	@$(MAKE) --no-print-directory test ARGS="--cov --cov-report=term:skip-covered $(ARGS)"

unit: $(VENV)/.dev ## run the tests that need no control plane
	@$(BIN)/python -m pytest tests/unit tests/properties $(ARGS)

verify: ## check a change: lint, generated files, docs, and the tests that concern it (ALL=1: all tests)
	@hack/verify

lint: $(VENV)/.dev ## ruff, mypy --strict and the import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports

format: $(VENV)/.dev ## rewrite the sources in the one format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

generated: $(VENV)/.dev ## fail when a generated file is out of date
	@hack/generate-crds --check
	@hack/generate-reference --check
	@hack/generate-metrics-reference --check
	@hack/generate-conditions-reference --check
	@hack/generate-rules-reference --check
	@hack/generate-cli-reference --check
	@hack/generate-dashboard --check
	@hack/draw-pictures --check
	@hack/build-install --check
	@hack/generate-chart --check

crds: $(VENV)/.dev ## write the CRDs and the reference from the types
	@hack/generate-crds
	@hack/generate-reference
	@hack/build-install
	@hack/generate-chart

manifests: $(VENV)/.dev ## write dist/install.yaml and the chart from config
	@hack/build-install
	@hack/generate-chart

chart: $(VENV)/.dev ## write the generated part of charts/model-controller from config
	@hack/generate-chart

monitoring: $(VENV)/.dev ## write the dashboard and the metrics page from the definitions of the metrics
	@hack/generate-metrics-reference
	@hack/generate-dashboard
	@hack/generate-chart

reference: $(VENV)/.dev ## write the pages about conditions, Events, rules and the command line from the code
	@hack/generate-conditions-reference
	@hack/generate-rules-reference
	@hack/generate-cli-reference
	@hack/draw-pictures

golden: $(VENV)/.dev ## write the golden files of render; their diff is the review of a change
	@hack/generate-golden

sbom: $(VENV)/.dev ## write dist/sbom.cdx.json, the software bill of materials of the image
	@$(BIN)/python -m hack.sbom

release: $(VENV)/.dev ## make all files of a release from the tagged commit, in build/release (ARGS=--untagged for a trial)
	@$(BIN)/python -m hack.release $(ARGS)

image-check: $(VENV)/.dev ## go through the Dockerfile's steps in an empty folder, without Docker
	@hack/check-image

docs: $(VENV)/.dev ## check every link of README and docs, and build the site into build/site
	@$(BIN)/python hack/check-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

$(VENV)/.bench: $(VENV)/.base requirements/bench.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

bench: $(VENV)/.bench ## this controller, an ideal writer and a kopf operator in turn on a real control plane (ARGS="--help")
	@hack/envtest-assets >/dev/null
	@$(BIN)/python -m hack.bench $(ARGS)

engine-check: $(VENV)/.dev ## start the rendered commands with a CPU build of vLLM, in your cache (ARGS="--help")
	@$(BIN)/python -m hack.engine_check $(ARGS)

e2e: $(VENV)/.dev requirements/e2e.txt ## run the opt-in tests on a kind cluster (needs Docker)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/e2e.txt
	@$(BIN)/python -m pytest -m e2e tests/e2e $(ARGS)

foreign: requirements/foreign.txt ## run the tests with other projects' clients, in an environment of their own (ARGS="-k kopf")
	@test -x .venv-foreign/bin/python || $(PYTHON) -m venv .venv-foreign
	@.venv-foreign/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/foreign.txt
	@PYTHONPATH=. .venv-foreign/bin/python -m pytest tests/foreign $(ARGS)

suites: $(VENV)/.dev ## run controller-runtime's own test suites on both control planes (needs Go; ARGS="--plane embedded client")
	@hack/envtest-assets >/dev/null
	@$(BIN)/python -m hack.controller_runtime_suites $(ARGS)

lock: ## renew the lock files (needs uv)
	@for set in base test dev e2e bench foreign; do \
	  case $$set in base) extras="";; foreign) extras="--extra foreign";; test) extras="--extra test";; dev) extras="--extra dev";; e2e) extras="--extra dev --extra e2e";; bench) extras="--extra bench";; esac; \
	  uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 $$extras pyproject.toml -o requirements/$$set.txt; done
	@uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 requirements/build.in -o requirements/build.txt

clean: ## remove what the other targets left
	@rm -rf $(VENV) .venv-foreign build dist/*.whl dist/*.tar.gz dist/sbom.cdx.json *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
