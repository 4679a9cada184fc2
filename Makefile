# make demo [PORT=8000]   a demo study on this machine
# make test               everything, with real PostgreSQL, Redis, Celery and Chromium
# make bench              every benchmark, one line a figure; on a machine with nothing else to do
# make messages           the texts of readers' pages, gathered from the source and compiled
# make weights            the demo's weights, trained anew
PORT ?= 8000
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python
CATALOGUE := locale/zh_Hans/LC_MESSAGES/django.po

.PHONY: demo test bench messages weights lint

demo: .venv/runtime
	READERSTUDY_DEMO=1 exec $(PY) manage.py demo --port $(PORT)

test: .venv/dev
	.ci/install-services
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	READERSTUDY_VAR=.venv/check $(PY) manage.py makemigrations --check --dry-run
	$(PY) -m pytest -n 2 --dist loadfile
	$(PY) -m tests.servers $(PY) -m pytest -n 2 --dist loadfile tests/rules

bench: .venv/dev
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
	$(PY) manage.py demo_training_study --masks .venv/weights/masks
	$(PY) manage.py train_clahdm phantoms --architecture tiny --epochs 60 --keep last \
	  --validation-share 0.1 --aux 1 --focus 0.5 --seed 0 --threads 1 \
	  --out .venv/weights/clahdm-tiny.safetensors \
	  --notes "Trained on 395 synthetic phantoms alone; says nothing about patients."
	$(PY) manage.py evaluate_clahdm phantoms --weights .venv/weights/clahdm-tiny.safetensors \
	  --masks .venv/weights/masks --out .venv/weights/evaluation.csv

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
