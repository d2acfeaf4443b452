# Every target is one command on a fresh machine: it makes its own virtual environment (.venv) when there is none
# and refreshes it when pyproject.toml changed. Only Python 3.11 or newer and make are needed.
#
#   make test ARGS="-k wire"        passes words on to pytest
#   BLESTA_TEST_DATABASE=sqlite make test    tests on that database alone (postgresql, mariadb, sqlite)
#   make demo BASE_PYTHON=python3.13     picks the interpreter that .venv is made with

BASE_PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
PYTHON := $(VENV)/bin/python
# -qq: a mirror's grumbling is not our news; errors are still shown.
PIP := $(PYTHON) -m pip -qq --disable-pip-version-check
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test proofs faults faults-smoke check docs bench bench-admin bench-webhooks matrix wheel messages clean \
	check-style check-types check-floors check-migrations check-site check-compiles

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- virtual environment: one stamp per purpose, so that `make demo` installs no test tools -------------------

$(VENV)/base.stamp: pyproject.toml
	@test -n "$(BASE_PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found."; exit 1; }
	@test -x $(PYTHON) || $(BASE_PYTHON) -m venv $(VENV) || { \
		echo "python3 cannot make virtual environments here; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Preparing $(VENV) ..."
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/base.stamp
	@echo "Installing what the tests need ..."
	@$(PIP) install --group test
	@if { command -v mariadb_config || command -v mysql_config; } >/dev/null 2>&1; then \
		$(PIP) install --group mariadb || { \
			echo "The MariaDB driver could not be built, so nothing will be tested on MariaDB."; test -z "$$CI"; }; \
	else \
		echo "No MariaDB client headers here, so nothing will be tested on MariaDB."; test -z "$$CI"; \
	fi
	@if { command -v chromium || command -v google-chrome; } >/dev/null 2>&1; then $(PIP) install --group browser; fi
	@touch $@

$(VENV)/check.stamp: $(VENV)/test.stamp
	@echo "Installing the checkers ..."
	@$(PIP) install --group check
	@touch $@

$(VENV)/bench.stamp: $(VENV)/test.stamp
	@$(PIP) install --group bench
	@touch $@

$(VENV)/docs.stamp: $(VENV)/base.stamp
	@echo "Installing what builds the documentation ..."
	@$(PIP) install --group docs
	@touch $@

# --- what people run ------------------------------------------------------------------------------------------

demo: $(VENV)/base.stamp ## A site on localhost with a whole simulated Blesta behind it; ctrl-C ends everything
	@$(PYTHON) manage.py demo $(ARGS)

test: $(VENV)/test.stamp ## The whole suite, then its database-dependent part again on every other database
	@$(PYTHON) -m tests $(ARGS)

proofs: $(VENV)/test.stamp ## The long proofs: kills, hostile listings, certificates, large companies, staged troubles in a browser
	@$(PYTHON) -m pytest -n 2 -m proof $(ARGS)

# Written so that the environment wins: BLESTA_FAULT_SEEDS=1000 make faults
faults: $(VENV)/test.stamp ## Servers that go away, kills at every place, and the long proofs from 200 seeds; an hour or so
	@BLESTA_FAULT_SEEDS=$${BLESTA_FAULT_SEEDS:-200} BLESTA_FAULT_KILLS=$${BLESTA_FAULT_KILLS:-1,2,3,5,9} \
		$(PYTHON) -m pytest -n 2 -m "faults or proof" $(ARGS)

faults-smoke: $(VENV)/test.stamp ## The same mishaps from a few fixed seeds
	@$(PYTHON) -m pytest tests/faults $(ARGS)

check: check-style check-types check-floors check-migrations check-site check-compiles docs wheel ## All that is checked without running a test
	@echo "All checks passed."

docs: $(VENV)/docs.stamp ## The documentation, in docs/_build/html; a warning is an error
	@$(PYTHON) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

bench: $(VENV)/test.stamp ## The benchmarks, one line per figure
	@$(PYTHON) -m benchmarks $(ARGS)

bench-admin: $(VENV)/test.stamp ## The operator's pages on a million invoices: queries and time in the database
	@$(PYTHON) -m benchmarks.admin $(ARGS)

bench-webhooks: $(VENV)/bench.stamp ## How many webhook deliveries a second a site takes, behind gunicorn and PostgreSQL
	@$(PYTHON) -m benchmarks.webhooks $(ARGS)

matrix: $(VENV)/check.stamp ## The suite on every supported pair of Python and Django that this machine can run
	@$(PIP) install 'nox>=2025.2.9'
	@$(PYTHON) -m nox $(ARGS)

messages: $(VENV)/base.stamp ## Collect translatable strings (needs gettext)
	@cd django_blesta && ../$(PYTHON) ../manage.py makemessages --locale en --no-location

clean: ## Remove everything that make has made
	rm -rf $(VENV) .venv-wheel .demo .nox build dist docs/_build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the checks, one by one -----------------------------------------------------------------------------------

check-style: $(VENV)/check.stamp
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

check-types: $(VENV)/check.stamp
	@$(PYTHON) -m mypy

check-floors: $(VENV)/check.stamp
	@$(VENV)/bin/lint-imports

check-migrations: $(VENV)/check.stamp
	@$(PYTHON) manage.py makemigrations --check --dry-run

check-site: $(VENV)/check.stamp
	@$(PYTHON) manage.py check --fail-level WARNING

check-compiles: $(VENV)/check.stamp
	@$(PYTHON) -m compileall -q django_blesta testproject tests
	@echo "compileall: no syntax errors"

# The wheel is built, compared with the tree, installed into an empty environment and used from outside the checkout.
wheel: $(VENV)/base.stamp
	@rm -rf dist .venv-wheel
	@$(PIP) wheel --no-deps --wheel-dir dist .
	@$(PYTHON) -m venv .venv-wheel
	@.venv-wheel/bin/python -m pip -qq --disable-pip-version-check install dist/*.whl
	@.venv-wheel/bin/python .ci/check_wheel.py dist/*.whl
	@rm -rf .venv-wheel
