# Each line is a command that a person could type. `make run` and `make test` need nothing but Python 3.11+ and make.

PYTHON ?= python3
BIN = .venv/bin
# Where OpenCV would start threads of its own beside each test or lint process, that only costs.
export OPENBLAS_NUM_THREADS = 1

.PHONY: run test test-train test-charts chaos chaos-long fuzz check audit bench bench-scale format lock clean

run: .venv/up.stamp ## everything on this machine, on http://127.0.0.1:8080
	$(BIN)/photochrom doctor --warm
	$(BIN)/photochrom up $(UP)

test: .venv/dev.stamp ## all tests, with coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term $(TESTS)

test-train: .venv/train.stamp ## training's tests; they need torch, a large download
	$(BIN)/python -m pytest tests/models/training $(TESTS)

test-charts: .venv/charts.stamp ## renders the Helm chart and holds it against schemas; a download of 100 MB
	$(BIN)/python -m pytest tests/deploy/charts $(TESTS)

chaos: .venv/dev.stamp ## breaks the service on purpose, for a quarter of an hour; SEED=n repeats a run, ONLY=word a part of it
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")

chaos-long: .venv/dev.stamp ## the same, many times as often
	$(BIN)/python -m tests.chaos --long $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")
	$(BIN)/python -m pytest tests/worker/test_life_of_items.py --hypothesis-profile=long

# Apart from `check`: it needs the network, and what is published overnight must not fail a tree that did not change.
audit: .venv-audit/stamp ## known holes in the locked versions
	.venv-audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

fuzz: .venv/dev.stamp ## bad input: EXAMPLES requests an operation, FILES mutants through the decode door; SEED=n repeats a run
	SEED=$(or $(SEED),1) EXAMPLES=$(or $(EXAMPLES),1000) FILES=$(or $(FILES),10000) $(BIN)/python -m pytest -n 2 --dist loadfile -rP -o timeout=3600 tests/fuzz $(TESTS)

check: .venv/dev.stamp ## format, lint (with bandit's rules), types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.stamp ## ratios, measured side by side
	$(BIN)/python -m bench

bench-scale: .venv/dev.stamp ## the bars of docs/scaling.md, for half an hour, alone on its machine; ONLY=million runs one, SMALL=1 a tenth
	$(BIN)/python -m bench.scale $(if $(SMALL),--small) $(ONLY)

format: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## writes requirements.lock anew, from a fresh environment
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --upgrade pip
	.venv-lock/bin/pip install --quiet -e '.[dev]'
	.venv-lock/bin/pip freeze --exclude-editable > requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf .venv .venv-lock .venv-audit .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* *.egg-info

.venv/up.stamp: pyproject.toml requirements.lock
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[up]'
	touch $@

.venv/dev.stamp: pyproject.toml requirements.lock
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	touch $@ .venv/up.stamp

.venv-audit/stamp:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	touch $@

.venv/charts.stamp: .venv/dev.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,charts]'
	touch $@

.venv/train.stamp: .venv/dev.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,train]'
	touch $@
