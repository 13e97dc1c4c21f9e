# Every target works in a fresh clone: it creates its own virtual environment.
# `make PYTHON=python3.13 test` selects an interpreter; uv is used if it is installed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
TOOLS  := build/tools
UV     := $(shell command -v uv 2>/dev/null)

# Without bytecode every start would compile every import again.
unexport PYTHONDONTWRITEBYTECODE

ifdef UV
MAKE_VENV = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL   = $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
INSTALL   = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

# Linters and test tools are locked, so that their new releases do not break a fresh clone.
# `make LOCKED=no test` uses the newest versions, `make oldest` the oldest that pyproject.toml allows.
LOCKED ?= dev
CONSTRAINTS = $(if $(filter no,$(LOCKED)),,--constraint requirements-$(LOCKED).txt)

.PHONY: help demo test oldest lint fmt docs bench memory kills soak fuzz matrix mends mutation e2e deaths clean image pyz requirements

help: ## list the targets
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):[^#]*## (.*)/make \1\t\2/'

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit("airbyte-sync needs Python 3.11 or newer; try: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(MAKE_VENV)

$(VENV)/.installed: pyproject.toml $(VENV)/pyvenv.cfg
	$(INSTALL) -e '.[sandbox]'
	@touch $@

$(VENV)/.developed: pyproject.toml $(wildcard requirements-$(LOCKED).txt) $(VENV)/pyvenv.cfg
	$(INSTALL) -e '.[sandbox,iap]' --group dev $(CONSTRAINTS)
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed ## run syncs against a simulated Airbyte, with the live view
	@$(BIN)/airbyte-sync demo

test: $(VENV)/.developed ## run the tests (without e2e)
	$(BIN)/python -m pytest -n auto

oldest: ## run the tests with the oldest allowed dependencies, in an environment of its own
	$(MAKE) LOCKED=oldest VENV=build/oldest test

lint: $(VENV)/.developed ## check style, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.developed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.developed ## regenerate tables, help texts, schemas and pictures in the documents
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/render_live_view.py

# The time of the commit, not of the build: two builds of a commit have the same content.
SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
CREATED = $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)
PODMAN := $(shell command -v podman 2>/dev/null)
# Labels are options: podman 4 takes a LABEL of a build argument from its cache, with the old value.
LABELS = version=$(VERSION) revision=$(shell git rev-parse HEAD) created=$(CREATED) \
  $(if $(GITHUB_REPOSITORY),source=$(GITHUB_SERVER_URL)/$(GITHUB_REPOSITORY))
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' airbyte_sync_cli/__init__.py)
image: ## build the container image with podman or docker; BASE_IMAGE=..., BASE_DIGEST=...
	$(or $(PODMAN),docker) build --tag airbyte-sync $(if $(PODMAN),--timestamp $(SOURCE_DATE_EPOCH)) \
	  --build-arg REVISION=$$(git rev-parse HEAD) --build-arg SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
	  $(foreach name,BASE_IMAGE BASE_DIGEST,$(if $($(name)),--build-arg $(name)=$($(name)))) \
	  $(foreach label,$(LABELS),--label org.opencontainers.image.$(label)) .

$(TOOLS)/.installed: requirements-build.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

pyz: $(TOOLS)/.installed ## build dist/airbyte-sync.pyz: one file for every worker with Python 3.11 or newer
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(TOOLS)/bin/python pyz/build.py

requirements: ## update the locked dependencies: image (with hashes), tools, oldest, e2e
	$(LOCK) pyproject.toml --extra sandbox --extra iap --generate-hashes --output-file requirements.txt
	printf 'hatchling\n' | $(LOCK) - --generate-hashes --output-file requirements-build.txt
	$(LOCK) pyproject.toml --extra sandbox --extra iap --group dev --group mutation --output-file requirements-dev.txt
	$(LOCK) pyproject.toml --extra sandbox --extra iap --resolution lowest-direct --output-file requirements-oldest.txt
	$(LOCK) pyproject.toml --extra sandbox --extra iap --group dev --constraint requirements-oldest.txt \
	  --output-file requirements-oldest.txt
	for name in tests/e2e/locks/*.in; do $(LOCK) $$name --output-file $${name%.in}.txt || exit 1; done
LOCK := uv pip compile --upgrade --quiet --universal --python-version 3.11 --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links

bench: $(VENV)/.developed ## measure start, status, round trips, many waits, memory, sizes against peers; QUICK=1
	$(BIN)/python benchmarks/bench.py $(if $(QUICK),--quick)
	$(if $(QUICK),,$(MAKE) pyz && $(BIN)/python benchmarks/packages.py && $(BIN)/python docs/generate.py)

memory: $(VENV)/.installed ## measure peak memory with large catalogs and logs
	$(BIN)/python benchmarks/large_answers.py

kills: $(VENV)/.developed ## kill 300 real processes at random moments; SEED=n, COUNT=n
	$(BIN)/python benchmarks/kills.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))
	$(if $(SEED)$(COUNT),,$(BIN)/python docs/generate.py)

soak: $(VENV)/.developed ## wait 20 minutes with an unstable API, check for leaks; MINUTES=n, or HOURS=72 (virtual time)
	$(BIN)/python benchmarks/soak.py $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(HOURS),--hours $(HOURS))
	$(if $(MINUTES),,$(BIN)/python docs/generate.py)

fuzz: $(VENV)/.developed ## run 20,000 random scenarios in virtual time; SEED=n, COUNT=n
	$(BIN)/python benchmarks/fuzz.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))
	$(if $(SEED)$(COUNT),,$(BIN)/python docs/generate.py)

matrix: $(VENV)/.developed ## test every request of every command with every fault
	$(BIN)/python benchmarks/fuzz.py --matrix
	$(BIN)/python docs/generate.py

mends: $(VENV)/.developed ## check that removing a bug fix makes the scenarios fail; NAME=word
	$(BIN)/python benchmarks/mends.py $(if $(NAME),--name "$(NAME)")
	$(if $(NAME),,$(BIN)/python docs/generate.py)

$(VENV)/.mutated: $(VENV)/.developed
	$(INSTALL) --group mutation $(CONSTRAINTS)
	@touch $@

mutation: $(VENV)/.mutated ## mutation tests; MODULE=sync/trigger.py
	$(BIN)/python benchmarks/mutation.py $(MODULE)

e2e: $(VENV)/.developed ## run the end-to-end tests: Airflow, other clients, the image, Kubernetes
	$(BIN)/python -m pytest -m 'e2e and not deaths'

deaths: $(VENV)/.developed ## kill pods under running Airflows, in each way; needs an idle machine
	$(BIN)/python -m pytest -m deaths

clean: ## remove the environments and caches
	rm -rf $(VENV) build dist .e2e .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* mutants
