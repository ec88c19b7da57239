PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check
QUIETLY := >.venv/install.log 2>&1 || { cat .venv/install.log; exit 1; }

.DEFAULT_GOAL := help
HISTORIES ?= 10000
SEED ?= 1
DEPOSITS ?= 10000
ENVS ?= lowest,django60,newest,branches,core,wheel

# Interpreters of pyenv are found by their folders, because its shims only run the selected versions.
EMPTY :=
PYTHONS := $(subst $(EMPTY) ,:,$(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.1[1-9]*/bin))

.PHONY: help demo test matrix bench bench-admin prove fuzz mutants pictures lint types format clean

help:  ## Show the commands
	@echo "django-skinsback"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | tr '|' '\t' | expand -t 22

demo: .venv/demo  ## Run the example shop with a Celery worker and the sandbox
	@$(BIN)/python example_project/demo.py

test: .venv/dev lint types  ## Run every check: lint, types, import contracts, tests on each database that answers
	@$(BIN)/python -m tests

matrix: .venv/dev  ## Test with lowest and newest versions, Django 6.0, branches, without extras, the wheel; 20 minutes (ENVS=lowest,core)
	@PATH="$(if $(PYTHONS),$(PYTHONS):)$$PATH" $(BIN)/tox run -q -e $(ENVS)

bench: .venv/bench  ## Compare with a plain implementation and dj-stripe; half an hour (PARTS=delivery, QUICK=1)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(PARTS)

bench-admin: .venv/bench  ## Compare the admin's pages with a million rows and with a thousand; an hour (QUICK=1)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) admin

prove: .venv/dev  ## Test with many histories and races that no money is lost or doubled; hours (HISTORIES=, SEED=, DEPOSITS=)
	@$(BIN)/python -m tests.simulator --histories $(HISTORIES) --seed $(SEED)
	@for database in postgresql mariadb; do \
		TEST_DATABASE=$$database $(BIN)/python -m tests.simulator --histories $$(( $(HISTORIES) / 10 )) --seed $(SEED) || exit 1; \
	done
	@for database in sqlite postgresql mariadb; do \
		TEST_DATABASE=$$database PROVE_DEPOSITS=$(DEPOSITS) $(BIN)/python -m pytest -q tests/races/test_many_deliveries.py \
			-k many_deposits || exit 1; \
	done

fuzz: .venv/dev  ## Fuzz the webhooks for ten minutes, guided by coverage (needs atheris)
	@$(BIN)/python -m tests.fuzz -max_total_time=600

mutants: .venv/dev  ## Test the tests: mutate the code about money and check that a test fails; an hour
	@$(INSTALL) "mutmut>=3.8" $(QUIETLY)
	@$(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results

pictures: .venv/dev  ## Make the pictures of docs/operators.md with the example shop and Chromium
	@$(BIN)/python docs/pictures.py

lint: .venv/dev  ## Check code, formatting and import contracts
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@DJANGO_SETTINGS_MODULE=tests.settings PYTHONPATH=. $(BIN)/lint-imports --no-logo >.venv/lint.log 2>&1 || \
		{ cat .venv/lint.log; exit 1; }

types: .venv/dev  ## Check types
	@$(BIN)/mypy --no-error-summary

format: .venv/dev  ## Format the code and apply automatic fixes
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

clean:  ## Remove the environment and the demo's data
	@rm -rf .venv example_project/var

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@echo "Creating the environment in .venv …"
	@$(PYTHON) -m venv .venv
	@$(INSTALL) --upgrade "pip>=25.1" $(QUIETLY)

.venv/demo: .venv/bin/python pyproject.toml
	@echo "Installing what the demo needs …"
	@$(INSTALL) --editable ".[all]" --group example $(QUIETLY)
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml
	@echo "Installing what the checks need …"
	@$(INSTALL) --editable ".[all]" --group dev $(QUIETLY)
	@touch $@

.venv/bench: .venv/bin/python pyproject.toml
	@echo "Installing what the benchmarks need …"
	@$(INSTALL) --editable ".[all]" --group bench $(QUIETLY)
	@touch $@
