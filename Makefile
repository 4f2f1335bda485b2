# Every target sets up what it needs: a virtual environment in .venv and the compiled core. Both are made
# once, and again only after a change to what they are made from.
#
#   make replay   replay the recorded blocks in scenarios/, checked against sequential execution
#   make test     run the tests
#   make bench    run the benchmarks
#   make ethereum compare all Ethereum blocks of SHARED, and many made-up ones, with the execution specifications
#                 (SEEDS=n: how many of each fork), and all of SHARED with their headers, with times; print the
#                 bounds on their speed-up
#   make workloads measure what each scenario gains, and write it into docs/workloads.md
#   make fidelity compare simulated with measured times on the traces of SHARED, and write docs/fidelity.md
#   make report   replay, simulate and inspect blocks of scenarios/, make build/report.html of it, and its picture
#                 in docs/images (needs chromium)
#   make lint     check style and types
#   make explore  search the protocol for faults, under adversarial schedules (about an hour)
#   make clean    remove everything that was made
#
# PYTHON=/path/to/python3 chooses the interpreter of the virtual environment (3.11 or newer).

PYTHON ?= python3
SHARED ?= ../shared
SEEDS ?= 100
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
TOOLS := $(VENV)/tools
BUILT := build/built
CORE := $(wildcard ext/*.pyx ext/*.pxd ext/*.pxi ext/*.h ext/workloads/*.pxd)
BLOCKS := $(wildcard scenarios/*.block)

.DEFAULT_GOAL := replay
.DELETE_ON_ERROR:
.PHONY: workloads replay test bench ethereum explore fidelity report lint build clean

replay: $(BUILT)
	$(BIN)/blockstm replay $(BLOCKS) --verify --repeat 5

test: $(BUILT) $(TOOLS)
	$(BIN)/python -m pytest -n 3 --dist loadfile

bench: $(BUILT) $(TOOLS)
	$(BIN)/python -m pytest tests/benchmarks --timeout=0

ethereum: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.benchmarks.ethereum_oracle_run $(SHARED) --seeds $(SEEDS)
	$(BIN)/python -m tests.benchmarks.ethereum_corpus $(SHARED)/ethereum
	$(BIN)/python -m tests.benchmarks.ethereum_bounds $(SHARED)/ethereum

explore: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.exploration

fidelity: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.benchmarks.fidelity $(SHARED) -o docs/fidelity.md

workloads: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.benchmarks.workloads_table -o docs/workloads.md

report: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.benchmarks.example_report build
	$(BIN)/python -m tests.benchmarks.report_screenshots build/report.html -o docs/images --section scaling

lint: $(BUILT) $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

build: $(BUILT)

clean:
	rm -rf build dist *.egg-info $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	rm -f blockstm/*.so
	find blockstm tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The core, compiled in place.
$(BUILT): $(INSTALLED) setup.py $(CORE)
	@echo "Compiling the core and the workloads (about a minute) ..."
	@mkdir -p build
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

# The package's dependencies, those for Ethereum blocks too, and its command, as an editable install. The
# requirements come first, for pip to compile the core with them, where $(BUILT) finds it, and not in a throwaway
# environment of its own.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "blockstm needs Python 3.11 or newer with venv; choose one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the requirements into $(VENV) ..."
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		> $(VENV)/build-requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(VENV)/build-requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[ethereum]'
	@touch $@

# What tests, benchmarks and checks need beyond that: all optional dependencies. Python compiles what is imported.
$(TOOLS): $(INSTALLED)
	@echo "Installing what tests and checks need into $(VENV) ..."
	@$(BIN)/python -c 'import tomllib; print(*sum(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"].values(), []), sep="\n")' \
		> $(VENV)/tools-requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r $(VENV)/tools-requirements.txt
	@touch $@
