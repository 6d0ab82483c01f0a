# Chartseal's commands. `make run` and `make test` need Python 3.11 or newer with its venv module, and nothing else.
# PYTHON names another Python, VENV another folder for the environment: make test PYTHON=python3.12 VENV=.venv-3.12

PYTHON ?= python3
VENV ?= .venv
export VENV
# Each of the many processes of the tests would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := $(VENV)/bin
# More words for pytest: make test ARGS="tests/audit -x"
ARGS ?=
PYTEST := $(BIN)/python -m pytest
# A worker that dies fails the run by the test's name. xdist 3.8 may wait for ever once it has put another in its place
# (pytest-xdist#1378).
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart=0
# What mypy holds to full annotations; pyproject.toml names the same.
STRICT := $(wildcard ehr/crypto ehr/chain audit/merkle.py consent/rules.py research/disclosure research/criteria research/anonymity research/reports research/measures)
EXPLORED = $$(grep -rlE "import .*\bgiven\b|RuleBasedStateMachine" --include='test_*.py' tests)
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help run test stories test-privacy test-security test-compliance contracts bench mutation chaos screenshots lint format \
	test-spark bench-research explore doors-sweep fhir-sweep search-sweep lock upgrade restore-drill test-environment run-environment

help: ## Show these lines
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

run: ## Set up and start the product with demo people; PORT and DATA_DIR choose where
	@exec $(PYTHON) deploy/run.py

run-environment:
	@$(PYTHON) deploy/environment.py run

test-environment:
	@$(PYTHON) deploy/environment.py test

test: test-environment ## Set up and pass the tests
	$(PYTEST) -m "not chaos and not stories" $(PARALLEL) $(ARGS)

# Clients in Python that bring much along have an environment of their own.
.venv-clients/bin/smart-fetch: tests/clients/requirements.txt | test-environment
	$(BIN)/uv venv --quiet --clear .venv-clients
	$(BIN)/uv pip install --quiet --python .venv-clients -r tests/clients/requirements.txt

stories: test-environment .venv-clients/bin/smart-fetch ## Walk through the pages in Chromium, let other people's FHIR clients in, and start it all with one command
	$(PYTEST) -m stories $(PARALLEL) $(ARGS)

test-privacy: test-environment ## No key, no record: the tests of what nobody may read
	$(PYTEST) -m privacy $(PARALLEL) $(ARGS)

test-security: test-environment ## Forging, replaying, tampering, bypassing
	$(PYTEST) -m security $(PARALLEL) $(ARGS)

test-compliance: test-environment ## The rows of docs/compliance.md
	$(PYTEST) -m compliance $(PARALLEL) $(ARGS)

.venv-spark/installed: requirements/spark.txt | test-environment
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --target .venv-spark -r $<
	@touch $@

test-spark: .venv-spark/installed ## De-identify by Spark and by DuckDB, with the same result; needs Java 17 or newer
	PYTHONPATH=.venv-spark $(PYTEST) -k spark tests/research/test_deidentify.py $(ARGS)

contracts: test-environment ## Recompile the contracts where npm is at hand, compare, and test them on a chain
	@if command -v npm >/dev/null && [ -f contracts/package-lock.json ] && [ ! -d contracts/node_modules ]; then \
		npm ci --prefix contracts --no-audit --no-fund; fi
	$(PYTEST) -m contracts $(ARGS)

bench: test-environment ## Measure, print ratios, and write docs/benchmarks.md
	$(BIN)/python -m tests.bench $(ARGS)

# ANJANA needs older libraries, in an environment of their own. Where PyPI is out of reach the bench says so and goes on.
.venv-anjana/installed: tests/bench/anjana.txt | test-environment
	-@$(BIN)/uv venv --quiet --clear .venv-anjana && $(BIN)/uv pip install --quiet --python .venv-anjana -r $< && touch $@ \
		|| { rm -rf .venv-anjana; echo "ANJANA cannot be installed here: it is left out."; }

bench-research: test-environment .venv-anjana/installed ## Measure research, ANJANA beside it; its part of docs/benchmarks.md
	$(BIN)/python -m tests.bench.research $(ARGS)

mutation: test-environment ## Change the rules of consent one condition at a time; write docs/mutation-consent-rules.md
	$(BIN)/python -m tests.mutation

explore: test-environment ## Hold the properties against new examples each time; what fails is kept in .hypothesis and tried first
	$(PYTEST) -m "not chaos and not stories" --hypothesis-profile=explore $(PARALLEL) $(EXPLORED) $(ARGS)

search-sweep: test-environment ## Compare every search with a plain scan by FHIRPath, over all of ../shared/data; minutes
	SWEEP=all $(PYTEST) -q tests/r4/test_search_oracle.py $(ARGS)

fhir-sweep: test-environment ## Ask /fhir/ 20,000 times at random, and take all of ../shared/data through it; minutes
	FHIR_FUZZ=20000 FHIR_ALL_DATA=1 $(PYTEST) -q tests/fhir/test_asked_at_random.py tests/fhir/test_round_trip.py $(ARGS)

doors-sweep: test-environment ## Ask every address by every method as every kind of visitor, against the reviewed table
	SWEEP=all $(PYTEST) -q tests/security/test_doors.py $(ARGS)

chaos: test-environment ## kill -9 everything at random while people use it; five minutes at most, CHAOS_SEED repeats
	$(PYTEST) -m chaos -q tests/chaos $(ARGS)

screenshots: test-environment ## Take the README's pictures of the real thing, in Chromium
	$(BIN)/python -m tests.story.pictures

restore-drill: run-environment ## Back up, destroy, restore, and compare the log's head and every row
	@$(BIN)/python deploy/restore_drill.py

lint: test-environment ## Format, style, floors, templates, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	@git ls-files -z 'templates/*.html' | xargs -0 --no-run-if-empty $(BIN)/djade --target-version 5.2 --check
	$(BIN)/mypy $(STRICT)

format: test-environment ## Put code and templates into the project's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	-@git ls-files -z 'templates/*.html' | xargs -0 --no-run-if-empty $(BIN)/djade --target-version 5.2

lock: run-environment ## Lock what requirements/*.in name; versions already locked stay
	$(LOCK) $(LOCK_ARGS) requirements/uv.in -o requirements/uv.txt
	$(LOCK) $(LOCK_ARGS) requirements/run.in -o requirements/run.txt
	$(LOCK) $(LOCK_ARGS) requirements/test.in -c requirements/run.txt -o requirements/test.txt
	$(LOCK) $(LOCK_ARGS) requirements/spark.in -o requirements/spark.txt

upgrade: LOCK_ARGS = --upgrade
upgrade: lock ## Lock the newest versions the .in files allow
