# Set-up is part of every target; `make run PYTHON=python3.13` chooses another Python for a new environment.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help run services demo setup-demo templates test chaos scale bench check lock install clean

help:
	@echo "make run       start everything on this machine, send two mails, stay up until Ctrl-C"
	@echo "make services  all but the function host, for func start"
	@echo "make demo      the same, check that both mails arrived, stop"
	@echo "make setup-demo  from an empty tenant: set-up, doctor, a mail, rotation, a mail, teardown"
	@echo "make templates all templates on a page, drawn anew when a file is saved"
	@echo "make test      all tests"
	@echo "make chaos     1,000 mails for each policy through crashes and faults, then the account of every mail"
	@echo "make scale     1, 2, 4 and 8 hosts on one storage account: pace, waits, storage calls, half an hour"
	@echo "make bench     what a mail costs and how fast it is, beside a script without mailer, a quarter of an hour"
	@echo "make check     format, lint, types, layout"
	@echo "make lock      pin the development packages anew"
	@echo "make clean     remove all that was installed or written here"

install:
	@$(PYTHON) mailer/local/install.py --venv $(VENV)

run: install
	@$(BIN)/python -m mailer.local run

services: install
	@$(BIN)/python -m mailer.local services

demo: install
	@$(BIN)/python -m mailer.local demo

setup-demo: install
	@$(BIN)/python -m mailer.local setup-demo

templates: install
	@$(BIN)/python -m mailer templates

test: install
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

chaos: install
	@$(BIN)/python -m tests.chaos

scale: install
	@$(BIN)/python -m tests.scale

bench: install
	@$(BIN)/python -m tests.benchmarks

check: install
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_layout.py

lock: install
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" \
		requirements-cli.txt --group local --group dev -o mailer/local/requirements.txt

clean:
	rm -rf .venv* .local mailer/local/node_modules tests/newman/node_modules tests/axe/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
