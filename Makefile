# Everything a developer runs. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

# The interpreter the environment is made from, any from 3.11 on: make setup PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(BIN)/uv
# Trust the certificates that the machine trusts, as pip does: behind a proxy these are more than uv's own.
export UV_SYSTEM_CERTS := true
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

# The folders that hold Python; those that do not exist yet are passed over.
SOURCES := $(shell find services tests scripts benchmarks -name "*.py" 2>/dev/null | cut -d/ -f1 | sort -u)
DOCKERFILES := $(wildcard Dockerfile.*)
YAML := $(wildcard docker-compose*.yml compose*.yml cluster/*.yml deploy/*.yml deploy/kubernetes/*.yaml .github/*.yml .github/workflows/*.yml .yamllint .pre-commit-config.yaml)

# More arguments for pytest: make unit PYTEST_ARGS='-k framing -x'
PYTEST_ARGS ?=
# Four tests at once, on two processors too, since much of the time is waiting; tests/conftest.py says which go together,
# and which begin first. PYTEST_ARGS='-n 0': one at a time.
AT_ONCE := -n 4 --no-loadscope-reorder --durations=15

##@ Start here

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: engine ## Start the topology and follow it; Ctrl-C stops it
	bash scripts/demo

.PHONY: demo-cluster
demo-cluster: images ## The same with a balancer, three servers (SERVERS=5: five) and Valkey
	COMPOSE_FILE=docker-compose.yml:compose.cluster.yml bash scripts/demo

##@ Develop

.PHONY: setup
setup: $(READY) ## Make .venv with the locked packages (every other target does it when needed)

# pip, checking hashes, brings uv; uv, checking hashes, brings the rest. The project itself is installed editable.
$(READY): locks/build.txt locks/dev.txt locks/bench.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: $(PYTHON) is older than 3.11; name another: make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "make: $(PYTHON) lacks the venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/build.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r locks/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r locks/bench.txt --target $(VENV)/bench
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --build-constraints locks/build.txt --editable .
	@touch $@

.PHONY: check
check: format lint types contracts audit unit ## All checks that need no engine: seconds, run it before each commit

.PHONY: fix
fix: $(READY) ## Format, and repair what the linter can
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format --quiet $(SOURCES)

.PHONY: format
format: $(READY) ## Check the format
	$(BIN)/ruff format --check --quiet --diff $(SOURCES)

.PHONY: lint
lint: $(READY) ## Check the style
	$(BIN)/ruff check --quiet $(SOURCES)

.PHONY: types
types: $(READY) ## Check the types
	$(BIN)/mypy $(SOURCES)

.PHONY: contracts
contracts: $(READY) ## Check who may import whom
	$(BIN)/lint-imports

.PHONY: audit
audit: $(READY) ## Look for insecure code, and check Dockerfiles, YAML and workflows
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive services
	$(if $(DOCKERFILES),$(BIN)/hadolint $(DOCKERFILES))
	$(if $(YAML),$(BIN)/yamllint --strict $(YAML))
	$(BIN)/kubernetes-validate --strict --quiet $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml))
	$(if $(wildcard .github/workflows),$(BIN)/zizmor --quiet --offline .github)

.PHONY: unit
unit: $(READY) ## Unit tests; the pure packages must be covered whole
	$(BIN)/pytest tests/unit --cov --cov-report=term $(PYTEST_ARGS)

##@ Test everything

.PHONY: test
test: $(READY) images browser ## Unit tests, over loopback, in a browser, and end to end in containers
	$(BIN)/pytest $(AT_ONCE) $(PYTEST_ARGS)

.PHONY: mutants
mutants: $(READY) ## Programs with one fault each: the kit finds it, and blames nothing else; four minutes
	$(BIN)/pytest $(filter-out %/conftest.py,$(wildcard tests/mutants/*.py)) $(PYTEST_ARGS)

.PHONY: integration
integration: $(READY) images ## Tests over loopback; the lobby needs Valkey in a container
	$(BIN)/pytest tests/integration $(AT_ONCE) $(PYTEST_ARGS)

.PHONY: page
page: $(READY) browser ## Tests of the live page in a real browser, without containers
	$(BIN)/pytest tests/browser $(PYTEST_ARGS)

.PHONY: soak
soak: $(READY) ## The bounds at full size, over loopback: ten minutes, and root for two of them
	$(BIN)/pytest -s tests/soak/bounds.py tests/soak/page.py $(PYTEST_ARGS)

.PHONY: class
class: $(READY) ## Judge a class of servers five times, twice on a busy machine: the same marks, in ten minutes
	$(BIN)/pytest -s tests/soak/classroom.py $(PYTEST_ARGS)

.PHONY: e2e
e2e: $(READY) images browser ## Tests in containers, on the real compose file
	$(BIN)/pytest tests/e2e $(PYTEST_ARGS)

.PHONY: clean-containers
clean-containers: ## Remove what tests that were killed have left in the engine
	bash scripts/clean-containers

.PHONY: e2e-swarm
e2e-swarm: $(READY) images ## Tests on three machines, each an engine in a container: four minutes, root
	$(BIN)/pytest -s tests/swarm/three_nodes.py $(PYTEST_ARGS)

##@ Measure

# Arguments for the benchmarks: make bench BENCH_ARGS='--quick', or --help
BENCH_ARGS ?=

.PHONY: bench
bench: $(READY) ## Measure the server beside reference servers, in a minute and a half
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

# On a quiet machine, please: docs/performance.md says what disturbs the figures.
.PHONY: bench-cluster
bench-cluster: $(READY) images ## Measure 1, 2 and 4 servers behind the balancer, in four minutes
	$(BIN)/python -m benchmarks.cluster $(BENCH_ARGS)

.PHONY: bench-docs
bench-docs: $(READY) engine ## Measure for the documentation: docs/performance/
	$(BIN)/python -m benchmarks --rounds 5 --plots docs/performance > docs/performance/last-run.md
	$(BIN)/python -m benchmarks --containers > docs/performance/last-run-containers.md

##@ Run

.PHONY: engine
engine: ## Make sure that a Docker engine answers and has the base image
	bash scripts/engine

.PHONY: images
images: ## Make sure that the images of the cluster are there too
	bash scripts/images

.PHONY: browser
browser: ## Make sure that the tests of the live page have a browser
	bash scripts/browser

.PHONY: up
up: engine ## Start the topology in the background
	bash scripts/only-mine
	bash scripts/same-topology
	bash scripts/start --build

.PHONY: play
play: engine ## Play by hand, against the topology that runs
	docker compose run --rm player

.PHONY: upgrade
upgrade: engine ## Give the running topology new images and settings: in a cluster one server after the other
	bash scripts/upgrade

.PHONY: logs
logs: ## Follow what the topology logs
	docker compose logs --follow --tail 100

.PHONY: down
down: ## Stop the topology and remove what it made, the cluster too
	bash scripts/down

##@ Maintain

.PHONY: screenshots
screenshots: $(READY) engine browser ## Take the pictures of docs/pictures again
	PICTURES_DIR=docs/pictures $(BIN)/pytest tests/e2e/test_page.py -k pictures

.PHONY: diagram
diagram: $(READY) ## Draw the state diagrams of docs/protocol.md again from the table
	$(BIN)/python -m scripts.state_diagram

.PHONY: lock
lock: $(READY) ## Write the locks again from pyproject.toml, keeping versions (LOCK_ARGS=--upgrade: raise them)
	$(LOCK) $(LOCK_ARGS) --all-extras --group dev pyproject.toml --output-file locks/dev.txt
	$(LOCK) --constraints locks/dev.txt --group pyproject.toml:build --output-file locks/build.txt
	$(LOCK) --constraints locks/dev.txt --group pyproject.toml:bench --output-file locks/bench.txt
	$(LOCK) --constraints locks/dev.txt --extra server --extra cluster pyproject.toml --output-file locks/server.txt
	$(LOCK) --constraints locks/dev.txt --extra client pyproject.toml --output-file locks/client.txt
	$(LOCK) --constraints locks/dev.txt --extra certs pyproject.toml --output-file locks/certs.txt

.PHONY: clean
clean: ## Remove the environment and everything generated
	rm -rf $(VENV) dist build htmlcov .coverage .coverage.* .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
