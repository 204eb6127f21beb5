# Everything a new machine needs is one of these Pythons. `make demo` and `make test` set up
# the rest. DB=postgres runs demo and serve on an embedded PostgreSQL instead of SQLite.

PYTHONS := 3.11 3.12 3.13
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
POSTGRES := $(PY) -m dispatchsite.postgres
# From the lock and nothing else: its versions, its files, and no building of packages.
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check \
	--require-hashes --only-binary :all: -r
LOCK = $(VENV)/bin/uv pip compile --quiet --no-config --universal --generate-hashes $(UPGRADE) \
	--python-version $(firstword $(PYTHONS)) --only-binary :all: \
	--custom-compile-command "make upgrade"
ROADS := $(PY) -m dispatchsite.osrm
ON := $(if $(filter postgres,$(DB)),$(POSTGRES),)

.PHONY: demo demos serve test test-fast test-sqlite test-postgres lint check fuzz fuzz-short bench \
	bench-full peers roads messages lock upgrade clean

demo: $(VENV)/run.stamp .env $(if $(filter postgres,$(DB)),$(VENV)/dev.stamp)
	@$(PY) manage.py collectstatic --noinput --verbosity 0
	@$(ON) $(PY) manage.py migrate --verbosity 0
	@$(ON) $(PY) manage.py demo

# On SQLite, then on PostgreSQL.
demos: demo
	@$(MAKE) --no-print-directory demo DB=postgres

serve: $(VENV)/run.stamp .env
	@$(PY) manage.py collectstatic --noinput --verbosity 0
	$(ON) $(ROADS) run $(VENV)/bin/gunicorn dispatchsite.wsgi --bind 127.0.0.1:8000 --workers 2

# Driving times by road, of a map: make roads MAP=switzerland-latest.osm.pbf. From then on make serve
# starts a road server beside the site.
roads: $(VENV)/run.stamp
	$(if $(MAP),,$(error Say of which map: make roads MAP=FILE.osm.pbf))
	$(ROADS) build $(MAP)

# Both halves, whatever the first says; what failed is said at the end.
test: $(VENV)/dev.stamp
	@failed=; for half in test-sqlite test-postgres; do \
		$(MAKE) --no-print-directory $$half || failed="$$failed $$half"; \
	done; [ -z "$$failed" ] || { echo "Failed:$$failed"; exit 1; }

# Between two edits: what is quick and needs neither a browser nor processes.
test-fast: $(VENV)/dev.stamp
	$(PY) -m pytest -n 2 -m "not slow and not browser and not process"

test-sqlite: $(VENV)/dev.stamp
	$(PY) -m pytest -n 3

test-postgres: $(VENV)/dev.stamp
	$(POSTGRES) --scratch $(PY) -m pytest -n 3

lint: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(PY) .ci/check_types.py  # mypy

# The models have all their migrations, the databases take them, production settings are safe.
check: $(VENV)/dev.stamp .env
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check --database default
	$(POSTGRES) $(PY) manage.py check --database default
	$(PY) -m dispatch.planner.warm  # a changed kernel
	SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))') DEBUG=0 HTTPS=1 \
		ALLOWED_HOSTS=dispatch.example.org $(PY) manage.py check --deploy --fail-level WARNING

# Generated requests to the API, as each role, on both databases; it takes long.
fuzz: $(VENV)/dev.stamp .env
	$(PY) manage.py fuzz_api
	$(POSTGRES) $(PY) manage.py fuzz_api

fuzz-short: $(VENV)/dev.stamp .env
	$(PY) manage.py fuzz_api --roles client_api --phases fuzzing --examples 5
	$(PY) manage.py fuzz_api --roles dispatcher --phases examples  # the schema's own

# Before and after, in short; the full one is for a machine left alone.
bench: $(VENV)/dev.stamp .env
	$(PY) manage.py benchmark_dispatch --bookings 100 1000 --iterations 6 --output var/bench

# What fails is said at the end; the rest is measured all the same.
bench-full: $(VENV)/dev.stamp .env
	@failed=; run() { printf '\n=== %s\n' "$$*"; "$$@" || failed="$$failed\n  $$*"; }; \
	run $(PY) manage.py benchmark_indexes --output docs/performance/sqlite; \
	run $(PY) manage.py benchmark_indexes --bookings 100000 --shape all --output docs/performance/sqlite; \
	run $(PY) manage.py benchmark_dispatch --output docs/performance/sqlite; \
	run $(POSTGRES) $(PY) manage.py benchmark_indexes --output docs/performance/postgresql; \
	run $(POSTGRES) $(PY) manage.py benchmark_indexes --bookings 100000 --shape all \
		--output docs/performance/postgresql; \
	run $(POSTGRES) $(PY) manage.py benchmark_dispatch --output docs/performance/postgresql; \
	run $(POSTGRES) $(PY) manage.py benchmark_dispatch --compare copy tuned --bookings 1000 \
		--iterations 30 --output docs/performance/postgresql-copy; \
	run $(PY) manage.py measure_control; \
	[ -z "$$failed" ] || { printf "These failed:$$failed\n"; exit 1; }

# After a text changed: what there is to translate, and the compiled translations.
messages: $(VENV)/dev.stamp
	$(PY) -m dispatchsite.messages

.env: | $(VENV)/run.stamp
	@$(PY) -c 'import secrets; print("SECRET_KEY=" + secrets.token_urlsafe(50) + "\nHTTPS=0")' > .env

# What runs on several machines is picked first; the others get the same versions of it.
lock: $(VENV)/dev.stamp
	$(LOCK) requirements-scale.in --output-file requirements-scale.txt
	$(LOCK) requirements.in --constraints requirements-scale.txt --output-file requirements.txt
	$(LOCK) requirements-dev.in --constraints requirements-scale.txt \
		--output-file requirements-dev.txt
	$(LOCK) requirements-peers.in --constraints requirements-dev.txt \
		--output-file requirements-peers.txt
	$(LOCK) requirements-observe.in --constraints requirements-dev.txt \
		--output-file requirements-observe.txt
	$(LOCK) requirements-osm.in --constraints requirements-dev.txt --output-file requirements-osm.txt
	$(subst version $(firstword $(PYTHONS)),version 3.12,$(LOCK)) requirements-roads.in \
		--output-file requirements-roads.txt

# What else finds such faults, beside this workbench, on the same app: docs/performance/peers.md.
peers: $(VENV)/dev.stamp
	$(INSTALL) requirements-peers.txt
	$(POSTGRES) $(PY) manage.py compare_with_peers --settings tests.settings \
		--markdown docs/performance/peers.md

# `make lock` keeps what still fits the ranges; this takes the newest of each, and tests it.
upgrade:
	$(MAKE) lock UPGRADE=--upgrade
	$(MAKE) test

$(VENV)/run.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; here = "%d.%d" % sys.version_info[:2]; here in sys.argv[2:] or \
		sys.exit("Dispatchsite runs on Python %s, and %s is %s: say make PYTHON=python%s" \
		% (", ".join(sys.argv[2:]), sys.argv[1], here, sys.argv[-1]))' $(PYTHON) $(PYTHONS)
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) requirements.txt
	@mkdir -p var
	@touch $@

# What plans does not wait for the compiler: it compiles once, while other packages are installed.
demo serve test-fast test-sqlite test-postgres fuzz fuzz-short bench bench-full: $(VENV)/planner.stamp
$(VENV)/planner.stamp: $(VENV)/run.stamp
	$(PY) -m dispatch.planner.warm
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements-osm.txt $(VENV)/run.stamp
	$(INSTALL) requirements-dev.txt
	$(INSTALL) requirements-osm.txt
	tests/support/browser.sh $(PY)
	@touch $@

clean:
	rm -rf $(VENV) var staticfiles
