# Every target sets up what it needs: a virtual environment in .venv and the compiled core. Both are made
# once, and again only after a change to what they are made from. What is installed, to the version and the hash, stands
# in requirements.lock.
#
#   make replay   replay the recorded blocks in scenarios/, checked against sequential execution
#   make test     run the tests
#   make test-all run the tests on each supported Python that is installed here
#   make test-newest  run the tests with the newest versions that pyproject.toml allows, in a copy of the checkout
#   make test-docs run every command that README and docs show
#   make lock     renew requirements.lock: the newest versions that pyproject.toml allows
#   make bench    run the benchmarks
#   make ethereum compare all Ethereum blocks of SHARED, and many made-up ones, with the execution specifications
#                 (SEEDS=n: how many of each fork), and all of SHARED with their headers, with times; print the
#                 bounds on their speed-up
#   make workloads measure what each scenario gains, and write it into docs/reference/workloads.md
#   make models   compare the models of execution on the blocks of scenarios/ and the traces of SHARED, and write the
#                 tables of docs/explanation/which-model.md
#   make fidelity compare simulated with measured times on the traces of SHARED, and write docs/explanation/fidelity.md
#   make report   replay, simulate and inspect blocks of scenarios/, make build/report.html of it, and its picture
#                 in docs/images (needs chromium)
#   make lint     check style and types, of the native EVM, too, where cargo is
#   make explore  search the protocol for faults, under adversarial schedules (about an hour)
#   make sanitize run the core's tests with the core compiled under GCC's address and undefined-behaviour sanitizers
#   make clean    remove everything that was made
#
# PYTHON=/path/to/python3 chooses the interpreter of the virtual environment (3.11 or newer). A mirror of the package
# index is named to uv by UV_DEFAULT_INDEX and to pip by PIP_INDEX_URL.

# Hundreds of processes are started: without the cache of its modules, each would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
SHARED ?= ../shared
SEEDS ?= 100
VERSIONS ?= 3.11 3.12 3.13 3.14
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALLED := $(VENV)/installed
TOOLS := $(VENV)/tools
BUILT := $(VENV)/built
EVM := $(VENV)/evm
# All but evm, which is built here.
EXTRAS := $(foreach extra,ethereum solana pipeline sweep report testing,--extra $(extra))
# What pyproject.toml asks for, in the versions and with the hashes of requirements.lock.
INSTALL := $(UV) pip install --quiet --python $(BIN)/python --require-hashes --constraints requirements.lock \
	--requirements pyproject.toml $(EXTRAS) --group build
CORE := $(foreach kind,pyx pxd pxi h,$(shell find blockstm/native -name "*.$(kind)"))
CRATE := $(shell find evm -path evm/target -prune -o -type f -print)
CARGO_MINOR := 91
HAS_CARGO := $(shell cargo --version 2> /dev/null | awk -F '[ .]' '{ print ($$2 > 1 || $$3 >= $(CARGO_MINOR)) ? "yes" : "" }')
# What the crate is made from can be had; without, its own tests and checks are left out, and say so.
CRATES := $(VENV)/crates
IF_CRATES := if [ ! -e $(CRATES) ]; then echo "The crates of the native EVM are not here: its own checks are left out."; else
BLOCKS := $(wildcard scenarios/*.block)

.DEFAULT_GOAL := replay
.DELETE_ON_ERROR:
.PHONY: models workloads replay test test-docs test-all test-newest lock bench ethereum explore fidelity report lint sanitize build clean

replay: build
	$(BIN)/python -m blockstm replay $(BLOCKS) --verify --repeat 5

test: build $(TOOLS)
	@$(IF_CRATES) cargo test --quiet --locked --release --manifest-path evm/Cargo.toml; fi
	$(BIN)/python -m pytest -n 4 --dist loadfile

test-docs: build $(TOOLS)
	$(BIN)/python -m pytest tests/documents -n 2 --dist loadgroup

test-all:
	@for version in $(VERSIONS); do \
		python=; \
		for candidate in python$$version "$(HOME)"/.pyenv/versions/$$version.*/bin/python; do \
			if "$$candidate" -c 'import venv' 2> /dev/null; then python=$$candidate; break; fi; \
		done; \
		if [ -z "$$python" ]; then echo "Python $$version is not installed here: not tested."; continue; fi; \
		echo "Python $$version:"; \
		$(MAKE) --no-print-directory test PYTHON="$$python" VENV=build/python$$version || exit 1; \
	done

# In a copy, so that neither the lock nor the virtual environment of this checkout is touched.
test-newest:
	rm -rf build/newest
	mkdir -p build/newest
	git ls-files -z | xargs -0 cp --parents --target-directory build/newest
	ln -sfn $(abspath $(SHARED)) build/shared
	$(MAKE) -C build/newest lock
	git diff --no-index --stat requirements.lock build/newest/requirements.lock || true
	$(MAKE) -C build/newest test

lock: $(UV)
	$(UV) pip compile pyproject.toml $(EXTRAS) --group build --group evm --group lint --group lock --group test \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --quiet \
		--output-file requirements.lock

bench: build $(TOOLS)
	$(BIN)/python -m pytest tests/benchmarks --timeout=0
	$(BIN)/python -m tests.benchmarks.loading_table

ethereum: build $(TOOLS)
	$(BIN)/python -m tests.benchmarks.ethereum_oracle_run $(SHARED) --seeds $(SEEDS)
	$(BIN)/python -m tests.benchmarks.ethereum_corpus $(SHARED)/ethereum
	$(BIN)/python -m tests.benchmarks.ethereum_bounds $(SHARED)/ethereum

explore: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.exploration

fidelity: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.benchmarks.fidelity $(SHARED) -o docs/explanation/fidelity.md

models: build $(TOOLS)
	$(BIN)/python -m tests.benchmarks.models_table $(SHARED) -o docs/explanation/which-model.md

workloads: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.benchmarks.workloads_table -o docs/reference/workloads.md

report: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.benchmarks.example_report build
	$(BIN)/python -m tests.benchmarks.report_screenshots build/report.html -o docs/images --section scaling

lint: build $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(if $(HAS_CARGO),cargo fmt --check --manifest-path evm/Cargo.toml)
	$(if $(HAS_CARGO),cargo fmt --check --manifest-path tests/support/prio_graph/Cargo.toml)
	@$(IF_CRATES) cargo clippy --quiet --locked --all-targets --manifest-path evm/Cargo.toml -- -D warnings; fi

sanitize: $(BUILT) $(TOOLS)
	$(BIN)/python -m tests.sanitize

build: $(BUILT) $(EVM)

clean:
	rm -rf build dist evm/target *.egg-info $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	rm -f blockstm/native/*.so
	find blockstm tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The core, compiled in place.
$(BUILT): $(INSTALLED) setup.py $(CORE)
	@echo "Compiling the core and the workloads (about a minute) ..."
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

# The native EVM, where there is a cargo that can compile it; where there is none, or it fails, py-evm does its work.
$(EVM): $(INSTALLED) $(CRATE)
ifeq ($(HAS_CARGO),)
	@echo "cargo 1.$(CARGO_MINOR) or newer is not here: Ethereum blocks run in py-evm"
else
	@echo "Compiling the native EVM (about two minutes the first time) ..."
	@$(INSTALL) --group evm
	@rm -f $(CRATES)
	@if cargo fetch --quiet --locked --manifest-path evm/Cargo.toml; then touch $(CRATES); fi
	@rm -rf build/wheels
	@mkdir -p build
	@if $(BIN)/maturin build --quiet --locked --release --manifest-path evm/Cargo.toml --interpreter $(BIN)/python \
			--out build/wheels > build/evm.log 2>&1 && \
		$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-index --reinstall build/wheels/*.whl; \
	then touch $@; \
	else echo "The native EVM could not be built (build/evm.log): Ethereum blocks run in py-evm" >&2; fi
endif

# The package's dependencies, those of all its extras too, and its command, as an editable install. What compiles the
# core comes first, and is used, rather than a throwaway environment of the installer's own.
$(INSTALLED): $(UV) pyproject.toml requirements.lock
	@echo "Installing the requirements into $(VENV) ..."
	@$(INSTALL)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# What tests, benchmarks and checks need beyond that.
$(TOOLS): $(INSTALLED)
	@echo "Installing what tests and checks need into $(VENV) ..."
	@$(INSTALL) --group lint --group lock --group test
	@touch $@

# The installer, itself in the version and with the hash of the lock; it is much faster than pip, which brings it.
$(UV): requirements.lock
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "blockstm needs Python 3.11 or newer with venv; choose one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv-requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--requirement $(VENV)/uv-requirements.txt
	@touch $@
