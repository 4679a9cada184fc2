# make demo [PORT=8000]   a demo study on this machine
# make test               what a developer waits for, with real PostgreSQL, Redis, Celery and Chromium
# make test-rest          all the rest: what is marked "rest", all rules on PostgreSQL, larger storms
# make storms             storms of faults, kills and hostile files in full: some hours
# make bench              every benchmark, one line a figure; on a machine with nothing else to do
# make messages           the texts of readers' pages, gathered from the source and compiled
# make weights            the demo's weights, trained anew
# make audit-packages     the pinned packages against published advisories; before each release
PORT ?= 8000
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python
CATALOGUE := locale/zh_Hans/LC_MESSAGES/django.po

# Long modules first: see tests/durations.py.
PYTEST := $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder
ON_POSTGRESQL := $(PY) -m tests.servers $(PYTEST)
STORMS := tests/services/test_kill_storm.py tests/services/test_memory.py \
  tests/services/test_slow_clients.py tests/services/test_database_restarts.py \
  tests/e2e/test_fault_storm.py tests/studies/test_hostile_imports.py \
  tests/imaging/test_metadata.py tests/imaging/test_reference_decoding.py

.PHONY: demo test test-rest storms bench messages weights lint

demo: .venv/runtime
	READERSTUDY_DEMO=1 exec $(PY) manage.py demo --port $(PORT)

test: .venv/dev
	.ci/install-services
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	READERSTUDY_VAR=.venv/check $(PY) manage.py makemigrations --check --dry-run
	$(PYTEST) -m "not rest"
	$(ON_POSTGRESQL) -m "both_databases and not rest" tests/rules

test-rest: export READERSTUDY_KILLS = 10
test-rest: export READERSTUDY_CASES = 200
test-rest: export READERSTUDY_READS = 100
test-rest: export READERSTUDY_SLOW_SECONDS = 60
test-rest: export READERSTUDY_HOSTILE = 1000
test-rest: export READERSTUDY_EXAMPLES = 20
test-rest: export READERSTUDY_DECODED = 1000
test-rest: .venv/dev
	.ci/install-services
	$(PYTEST) -m rest
	$(ON_POSTGRESQL) -m "rest or not both_databases" tests/rules
	$(PYTEST) -m "not rest" $(STORMS)

storms: export READERSTUDY_KILLS = 50
storms: export READERSTUDY_CASES = 1000
storms: export READERSTUDY_READS = 1000
storms: export READERSTUDY_SLOW_SECONDS = 60
storms: export READERSTUDY_HOSTILE = 10000
storms: export READERSTUDY_EXAMPLES = 1000
storms: export READERSTUDY_DECODED = 10000
storms: .venv/dev
	.ci/install-services
	$(PYTEST) $(STORMS)

bench: .venv/dev
	.ci/install-services
	set -e; for file in benchmarks/*.py; do $(PY) $$file; done

# Gather first; translate what is new in the .po by hand, look at what is marked fuzzy; run it again.
messages: .venv/dev
	.ci/install-services
	READERSTUDY_VAR=.venv/check $(PY) manage.py makemessages --locale zh_Hans --add-location file
	msgfmt --check --output-file $(CATALOGUE:.po=.mo) $(CATALOGUE)

# The demo's weights anew, and their evaluation: see docs/model.md.
weights: export READERSTUDY_VAR = .venv/weights
weights: .venv/runtime
	$(PY) manage.py migrate --verbosity 0
	$(PY) manage.py demo_model_training_study --masks .venv/weights/masks
	$(PY) manage.py train_clahdm phantoms --architecture tiny --epochs 60 --keep last \
	  --validation-share 0.1 --aux 1 --focus 0.5 --seed 0 --threads 1 \
	  --out .venv/weights/clahdm-tiny.safetensors \
	  --notes "Trained on 395 synthetic phantoms alone; says nothing about patients."
	$(PY) manage.py evaluate_clahdm phantoms --weights .venv/weights/clahdm-tiny.safetensors \
	  --masks .venv/weights/masks --out .venv/weights/evaluation.csv

# In an environment of its own, since it brings many packages that the site has no use for.
audit-packages:
	test -x .venv/audit/bin/pip-audit || $(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip-audit
	.venv/audit/bin/pip-audit --strict --requirement requirements.txt

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
