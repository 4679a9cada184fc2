# make demo [PORT=8000]   a demo study on this machine
# make test               everything, with real PostgreSQL, Redis, Celery and Chromium
# make bench              every benchmark, one line a figure; on a machine with nothing else to do
PORT ?= 8000
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python

.PHONY: demo test bench lint

demo: .venv/runtime
	READERSTUDY_DEMO=1 exec $(PY) manage.py demo --port $(PORT)

test: .venv/dev
	.ci/install-services
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	READERSTUDY_VAR=.venv/check $(PY) manage.py makemigrations --check --dry-run
	$(PY) -m pytest -n 2 --dist loadfile
	$(PY) -m tests.servers $(PY) -m pytest -n 2 --dist loadfile tests/rules

bench: .venv/runtime
	set -e; for file in benchmarks/*.py; do $(PY) $$file; done

lint: .venv/dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.venv/runtime: requirements.txt constraints.txt
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/dev: .venv/runtime requirements-dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
