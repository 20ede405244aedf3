# Everything runs in .venv, which the first command makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Peers want other versions of what we use: they have an environment of their own, and may be missing.
BENCH := .venv-bench
BENCH_STAMP := $(BENCH)/.installed

.PHONY: install demo test test-all bench docs lint clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	# torch by itself and first: with it in place nothing else pulls another build.
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/sagittal demo -o demo

lint: install
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

# One thread a process: two test processes share two cores.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal -m "not slow"

test-all: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal

bench: $(BENCH_STAMP)
	$(BENCH)/bin/python benchmarks/run.py

$(BENCH_STAMP): pyproject.toml constraints.txt benchmarks/requirements.txt benchmarks/requirements-alone.txt benchmarks/constraints.txt
	test -d $(BENCH) || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet -c constraints.txt torch
	$(BENCH)/bin/python -m pip install --quiet -c constraints.txt -e .
	-$(BENCH)/bin/python -m pip install --quiet -c benchmarks/constraints.txt -r benchmarks/requirements.txt
	-$(BENCH)/bin/python -m pip install --quiet --no-deps -r benchmarks/requirements-alone.txt
	touch $@

docs: install
	$(BIN)/python docs/reference/build.py

clean:
	rm -rf $(VENV) $(BENCH) demo
