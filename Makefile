# Every target works from a fresh clone: it makes its own virtual environment.
# `make PYTHON=python3.13 test` picks an interpreter; uv is used where it is installed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null)

# Some machines forbid bytecode; without it every start would compile every import again.
unexport PYTHONDONTWRITEBYTECODE

ifdef UV
MAKE_VENV = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL   = $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
INSTALL   = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

# The tools that judge the code are locked: a new release of theirs fails nobody's fresh clone.
# `make LOCKED=no test` takes the newest.
CONSTRAINTS = $(if $(filter no,$(LOCKED)),,--constraint requirements-dev.txt)

.PHONY: help demo test lint fmt docs bench memory kills soak fuzz matrix mends mutation e2e clean image requirements

help: ## what can be made here
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):[^#]*## (.*)/make \1\t\2/'

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit("airbyte-sync needs Python 3.11 or newer; try: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(MAKE_VENV)

$(VENV)/.installed: pyproject.toml $(VENV)/pyvenv.cfg
	$(INSTALL) -e '.[sandbox]'
	@touch $@

$(VENV)/.developed: pyproject.toml requirements-dev.txt $(VENV)/pyvenv.cfg
	$(INSTALL) -e '.[sandbox,iap]' --group dev $(CONSTRAINTS)
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed ## real syncs against the embedded sandbox, with the live view
	@$(BIN)/airbyte-sync demo

test: $(VENV)/.developed ## every test that needs nothing but this environment
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/.developed ## style, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.developed ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.developed ## write anew what follows from the code: tables, help texts, schemas
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/render_live_view.py

image: ## the container image, by podman or docker; BASE_IMAGE=... and BASE_DIGEST=... choose the base
	$(or $(shell command -v podman),docker) build --tag airbyte-sync \
	  --build-arg VERSION=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' airbyte_sync_cli/__init__.py) \
	  --build-arg REVISION=$$(git rev-parse HEAD) \
	  $(foreach name,BASE_IMAGE BASE_DIGEST,$(if $($(name)),--build-arg $(name)=$($(name)))) .

requirements: ## lock anew: the image's dependencies (with hashes), the tools, other programs for e2e
	$(LOCK) pyproject.toml --extra sandbox --extra iap --generate-hashes --output-file requirements.txt
	printf 'hatchling\n' | $(LOCK) - --generate-hashes --output-file requirements-build.txt
	$(LOCK) pyproject.toml --extra sandbox --extra iap --group dev --group mutation --output-file requirements-dev.txt
	for name in tests/e2e/locks/*.in; do $(LOCK) $$name --output-file $${name%.in}.txt || exit 1; done
LOCK := uv pip compile --upgrade --quiet --universal --python-version 3.11 --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links

bench: $(VENV)/.installed ## how lean it is, as ratios against a baseline in the same run
	$(BIN)/python benchmarks/lean.py

memory: $(VENV)/.installed ## peak memory with large answers: catalogs and logs
	$(BIN)/python benchmarks/large_answers.py

kills: $(VENV)/.developed ## 300 real processes that die at random moments; SEED=n shows one, COUNT=n plays fewer
	$(BIN)/python benchmarks/kills.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))
	$(if $(SEED)$(COUNT),,$(BIN)/python docs/generate.py)

soak: $(VENV)/.developed ## waits of 20 minutes before an API that flaps: is memory flat? MINUTES=n, or HOURS=72 of virtual time
	$(BIN)/python benchmarks/soak.py $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(HOURS),--hours $(HOURS))
	$(if $(MINUTES),,$(BIN)/python docs/generate.py)

fuzz: $(VENV)/.developed ## 20,000 random scenarios in virtual time; SEED=n shows one, COUNT=n plays fewer
	$(BIN)/python benchmarks/fuzz.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))
	$(if $(SEED)$(COUNT),,$(BIN)/python docs/generate.py)

matrix: $(VENV)/.developed ## every request of every command x every fault, for docs/reliability.md
	$(BIN)/python benchmarks/fuzz.py --matrix
	$(BIN)/python docs/generate.py

mends: $(VENV)/.developed ## does the generator find each mended fault again without its mend? NAME=word for some of them
	$(BIN)/python benchmarks/mends.py $(if $(NAME),--name "$(NAME)")
	$(if $(NAME),,$(BIN)/python docs/generate.py)

$(VENV)/.mutated: $(VENV)/.developed
	$(INSTALL) --group mutation $(CONSTRAINTS)
	@touch $@

mutation: $(VENV)/.mutated ## does a test fail for each small change of the core? MODULE=sync/trigger.py for one module
	$(BIN)/python benchmarks/mutation.py $(MODULE)

e2e: $(VENV)/.developed ## other programs against the sandbox, each in its own environment
	$(BIN)/python -m pytest -m e2e

clean: ## remove what make made
	rm -rf $(VENV) .e2e .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* mutants
