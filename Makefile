# Two commands are enough: `make run` and `make test`. Both install what they need.

VENV ?= .venv
PYTHON := $(VENV)/bin/python
export KUEMMERER_DATA ?= $(CURDIR)/data

.PHONY: run test check unit slow install install-dev messages lock format

run: install
	@exec $(PYTHON) -m kuemmerer run

test: install-dev
	@$(PYTHON) -m tests

check: install-dev
	@$(PYTHON) -m tests check

unit: install-dev
	@$(PYTHON) -m tests check unit

install: $(VENV)/installed

install-dev: $(VENV)/installed-dev

# A folder of our own, so that nothing on the machine is touched.
$(VENV)/bin/python:
	@sh tools/make_venv.sh $(VENV)

$(VENV)/installed: requirements.lock $(VENV)/bin/python
	@echo "Installing what Kümmerer needs …"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/bin/python
	@echo "Installing what Kümmerer and its tests need …"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/installed

# For developers: needs gettext (messages) or uv (lock).
messages: install-dev
	@$(PYTHON) tools/messages.py

lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group dev -o requirements-dev.lock

format: install-dev
	@$(VENV)/bin/ruff format kuemmerer tests tools
	@$(VENV)/bin/ruff check --fix kuemmerer tests tools
