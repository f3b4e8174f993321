# Each line is a command that a person could type. `make run` and `make test` need nothing but Python 3.11+ and make.

PYTHON ?= python3
BIN = .venv/bin
# Where OpenCV would start threads of its own beside each test or lint process, that only costs.
export OPENBLAS_NUM_THREADS = 1

.PHONY: run test test-train check bench format lock clean

run: .venv/up.stamp ## everything on this machine, on http://127.0.0.1:8080
	$(BIN)/photochrom doctor --warm
	$(BIN)/photochrom up $(UP)

test: .venv/dev.stamp ## all tests, with coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term $(TESTS)

test-train: .venv/train.stamp ## training's tests; they need torch, a large download
	$(BIN)/python -m pytest tests/models/training $(TESTS)

check: .venv/dev.stamp ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.stamp ## ratios, measured side by side
	$(BIN)/python -m bench

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
	rm -rf .venv .venv-lock .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* *.egg-info

.venv/up.stamp: pyproject.toml requirements.lock
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[up]'
	touch $@

.venv/dev.stamp: pyproject.toml requirements.lock
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	touch $@ .venv/up.stamp

.venv/train.stamp: .venv/dev.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,train]'
	touch $@
