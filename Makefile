# Each target installs what it needs first. CI runs the same targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
REQUIREMENTS := requirements.txt requirements-dev.txt constraints.txt pyproject.toml
# Includes the project itself, because Airflow finds commands in installed packages.
PACKAGES := -r requirements.txt -r requirements-dev.txt -c constraints.txt -e .

# The Amazon provider's minimum, also in requires-python.
FLOOR := 3.11

export PYTHONPATH := plugins
# Every task is a process, which without bytecode would spend seconds compiling its imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run report stop test browser verify try-docker redshift-sql bench-backfill lint dictionary lineage notebook package matrix env clean bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make run ONCE=1                   load, show the result, and leave only PostgreSQL running"
	@echo "  make run SPARKIFY_SOURCE=folder   load your own files, from a folder or s3://bucket"
	@echo "  make run WAREHOUSE=redshift       load into a stand-in, through Redshift's driver and COPY"
	@echo "  make run PORT=8090                serve the web UI on this port"
	@echo "  make run BI_PORT=5433             let BI tools read the warehouse on this port of 127.0.0.1"
	@echo "  make run SCHEDULE=1               schedule it hourly even if the source is old"
	@echo "  make report START=2018-11-01 END=2018-11-07 OUT=week.html   limit the days, both included"
	@echo "  make report LEVEL=paid PLACE=\"London, UK\"   limit it to a level, a place or both"
	@echo "  make verify SEED=1                shuffle the hours with this seed"
	@echo "  make try-docker EXECUTOR=celery   run tasks on Celery workers"
	@echo "  make bench-backfill HOURS=48      measure fewer hours"
	@echo "  make package MWAA=3.2.1           write requirements.txt for this Airflow of Amazon MWAA"
	@echo "  make matrix AIRFLOW=3.2 PYTHON=python3.12   test one pair; AIRFLOW=next is the pre-release"
	@echo "  make bench PARTS=staging,star     measure only these parts; BENCH_FULL=1 adds long ones"

run: $(INSTALLED) ## Load a source through a real Airflow, show the result and serve the web UI
	@exec $(BIN)/python -m local.deployment.run

report: $(INSTALLED) ## Write what users listen to as one HTML file
	@exec $(BIN)/python -m local.deployment.report

stop: $(INSTALLED) ## Stop everything that runs from this folder
	@exec $(BIN)/python -m local.deployment.stop

test: $(INSTALLED) ## Run the tests, quick ones first
	-@$(MAKE) --no-print-directory browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Debian's Chromium gets security updates; Playwright need not download its own browser.
browser: ## Install Debian's Chromium for the tests of the page
	@command -v chromium >/dev/null 2>&1 || { \
	  if [ "`id -u`" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then \
	    echo "Chromium is not installed, so the tests of the page are skipped. To install it, which takes" \
	      "root on Debian: sudo make browser"; exit 1; \
	  fi; \
	  echo "Installing Chromium ..."; \
	  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qy --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	}

redshift-sql: $(INSTALLED) ## Print every statement of a load on Redshift
	@exec $(BIN)/python -m local.tools.redshift_sql

verify: $(INSTALLED) ## Load a source in shuffled hours and in one run, and compare the results
	@exec $(BIN)/python -m local.tools.verify

bench-backfill: $(INSTALLED) ## Compare a month's backfill with no-op tasks
	@exec $(BIN)/python -m local.bench.backfill

lint: $(INSTALLED) ## Check format, style, types and SQL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint sql
	$(BIN)/python -m sqlfluff lint sql --config local/tools/lint_redshift/sqlfluff.cfg

dictionary: $(INSTALLED) ## Generate the data dictionary, dbt sources and data contract from sql/schema
	@$(BIN)/python -m local.tools.dictionary

lineage: $(INSTALLED) ## Record the OpenLineage events of one run, and draw them, in docs/lineage
	@$(BIN)/python -W ignore -m local.tools.lineage

notebook: $(INSTALLED) ## Run the notebook on the simulated sample, and keep its outputs
	@$(BIN)/python -W ignore -m local.tools.notebook

package: $(INSTALLED) ## Build the wheel, and what Amazon MWAA wants, into dist/
	@exec $(BIN)/python -m local.tools.package

matrix: $(INSTALLED) ## Run the quick tests on every Airflow and Python that is supported
	@exec $(BIN)/python -m local.tools.matrix

try-docker: ## Test docker-compose.yaml end to end and clean up
	@bash local/compose/try.sh $(EXECUTOR)

env: ## Write .env with new secrets for docker compose
	@sh local/compose/make_env.sh

bench: $(INSTALLED) ## Measure how fast it loads, as ratios within one run
	@exec $(BIN)/python -m local.bench

clean: ## Stop everything that runs from this folder and remove what was created
	@if $(BIN)/python -c 'import psutil' 2>/dev/null; then $(BIN)/python -m local.deployment.stop; \
	elif [ -d .local ]; then $(MAKE) --no-print-directory stop; fi
	rm -rf $(VENV) .local dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

# uv takes seconds where pip takes a minute, so pip installs uv first and is itself only the fallback.
# The stamp is written last, so that an interrupted installation is resumed.
$(INSTALLED): $(REQUIREMENTS)
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "$(PYTHON) was not found: install Python $(FLOOR) or newer, or name it: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(FLOOR)".split("."))))' || { \
	  echo "$(PYTHON) is too old (`$(PYTHON) --version 2>&1`): Python $(FLOOR) or newer is needed." \
	    "Name one: make run PYTHON=python$(FLOOR)"; exit 1; }
	@echo "Installing Airflow and the other requirements into $(VENV) ..."
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
