# One command per need; each makes what it needs first. CI runs the same ones.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
REQUIREMENTS := requirements.txt requirements-dev.txt constraints.txt pyproject.toml
# The project itself too, in place: Airflow asks what is installed for commands.
PACKAGES := -r requirements.txt -r requirements-dev.txt -c constraints.txt -e .

# The Amazon provider's own floor, in requires-python too.
FLOOR := 3.11

export PYTHONPATH := plugins
# Every task is a process: without bytecode each would compile all it imports, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run report stop test browser verify try-docker redshift-sql bench-backfill lint dictionary package env clean bench

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make run ONCE=1                   load, show, and end with only PostgreSQL running"
	@echo "  make run SPARKIFY_SOURCE=folder   load your own files, from a folder or s3://bucket"
	@echo "  make run WAREHOUSE=redshift       load through Redshift's driver and COPY, into a stand-in"
	@echo "  make run PORT=8090                serve the web UI on this port"
	@echo "  make run SCHEDULE=1               schedule it hourly, however old the source is"
	@echo "  make report START=2018-11-01 END=2018-11-07 OUT=week.html   about some days, both included"
	@echo "  make verify SEED=1                load the hours in the order of this seed"
	@echo "  make try-docker EXECUTOR=celery   with workers of their own"
	@echo "  make bench-backfill HOURS=48      a quick look"
	@echo "  make bench PARTS=staging,star     measure some parts only; BENCH_FULL=1 adds the long ones"

run: $(INSTALLED) ## Load a source through a real Airflow, show what users listen to, and serve
	@exec $(BIN)/python -m local.deployment.run

report: $(INSTALLED) ## Write what users listen to as one HTML file, from what is loaded here
	@exec $(BIN)/python -m local.deployment.report

stop: $(INSTALLED) ## End everything that runs from here
	@exec $(BIN)/python -m local.deployment.stop

test: $(INSTALLED) ## Run the tests, the quick ones first
	-@$(MAKE) --no-print-directory browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Debian's own: it gets security updates, and the browser that Playwright would fetch is not needed.
browser: ## Install Debian's Chromium, with which the tests look at the page
	@command -v chromium >/dev/null 2>&1 || { \
	  if [ "`id -u`" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then \
	    echo "There is no Chromium, and it takes root on Debian to install it: the tests of the page are" \
	      "skipped. Try: sudo make browser"; exit 1; \
	  fi; \
	  echo "Installing Chromium ..."; \
	  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qy --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	}

redshift-sql: $(INSTALLED) ## Print every statement of a load on Redshift
	@exec $(BIN)/python -m local.tools.redshift_sql

verify: $(INSTALLED) ## Load a source hour by hour, shuffled, and in one run: are they equal?
	@exec $(BIN)/python -m local.tools.verify

bench-backfill: $(INSTALLED) ## Measure a month's backfill against tasks that do nothing
	@exec $(BIN)/python -m local.bench.backfill

lint: $(INSTALLED) ## Check format, style, types and SQL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint sql

dictionary: $(INSTALLED) ## Write docs/data-dictionary.md from the comments in sql/schema
	@$(BIN)/python -m local.tools.dictionary

package: $(INSTALLED) ## Build the wheel, and plugins.zip for Amazon MWAA, into dist/
	@exec $(BIN)/python -m local.tools.package

try-docker: ## Run docker-compose.yaml for real, from nothing to nothing
	@bash local/compose/try.sh $(EXECUTOR)

env: ## Write .env, with new secrets, for docker compose
	@sh local/compose/make_env.sh

bench: $(INSTALLED) ## Measure how fast it loads, as ratios within one run
	@exec $(BIN)/python -m local.bench

clean: ## End everything that runs from here, and remove all that was made
	@if $(BIN)/python -c 'import psutil' 2>/dev/null; then $(BIN)/python -m local.deployment.stop; \
	elif [ -d .local ]; then $(MAKE) --no-print-directory stop; fi
	rm -rf $(VENV) .local dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

# uv installs in seconds what takes pip a minute: so pip fetches uv where there is none, and does
# the work itself only where that fails. The stamp comes last: a broken-off installation is resumed.
$(INSTALLED): $(REQUIREMENTS)
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "There is no $(PYTHON) here: install Python $(FLOOR) or newer, or name one: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(FLOOR)".split("."))))' || { \
	  echo "$(PYTHON) is too old (`$(PYTHON) --version 2>&1`): Python $(FLOOR) or newer is needed." \
	    "Name one: make run PYTHON=python$(FLOOR)"; exit 1; }
	@echo "Installing Airflow and what else is needed into $(VENV) ..."
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV); \
	else \
	  $(PYTHON) -m venv $(VENV) || { echo "Python's venv is missing: on Debian, apt install python3-venv."; exit 1; }; \
	fi
	@uv=`command -v uv` || { $(BIN)/pip install --quiet uv 2>/dev/null && uv=$(BIN)/uv; }; \
	if [ -n "$$uv" ] && "$$uv" pip install --quiet --python $(BIN)/python $(PACKAGES); then :; \
	else \
	  echo "... with pip, which takes about a minute"; \
	  $(PYTHON) -m venv $(VENV); \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PACKAGES); \
	fi
	@touch $(INSTALLED)
