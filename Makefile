# Each target makes the virtual environment it needs; nothing is assumed but python3 (3.11 or
# newer), python3-venv, make and git.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Most tests wait for a device, a broker or a patient, in real time: two for each core.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))
SECONDS ?= 120

.PHONY: deb demo test lint format bench soak fuzz schema node clean

define ensure_venv
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "dynod needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "python3-venv is missing. Install it with: sudo apt-get install python3-venv"; exit 1; }
@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
endef

$(VENV)/.demo: pyproject.toml
	$(ensure_venv)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml
	$(ensure_venv)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

$(VENV)/.lint: pyproject.toml $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	@touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,bench]'
	@touch $@

$(VENV)/.fuzz: pyproject.toml $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,fuzz]'
	@touch $@

demo: $(VENV)/.demo  ## the whole path with simulated devices, in about a minute
	@$(BIN)/dynod demo

# Programs in another language that the tests read messages with; a desk without npm skips those.
tests/node/node_modules/.package-lock.json: tests/node/package.json tests/node/package-lock.json
	@if command -v npm >/dev/null; then \
		cd tests/node && npm ci --no-audit --no-fund --ignore-scripts --silent; \
	else echo "npm is missing: tests that need Node.js are skipped. Try: sudo apt-get install npm"; fi

node: tests/node/node_modules/.package-lock.json

# Tests start dynod hundreds of times: its bytecode is kept, also where the environment forbids it.
test: $(VENV)/.test node  ## every test
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(VENV)/.lint  ## style, types, and the floors between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench  ## every figure as a ratio to a floor measured in the same run
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/.fuzz  ## each decoder guided by coverage: make fuzz SECONDS=600 FRAMINGS="unit_line pair_lines"
	@for framing in $(or $(FRAMINGS),$$($(BIN)/python -m tests.fuzz.framings)); do \
		$(BIN)/python -m tests.fuzz.fuzz_decoder $$framing $(SECONDS) || exit 1; \
	done

soak: $(VENV)/.test  ## the long forms, an hour: every profile, kills, faults
	DYNOD_SOAK_S=10 $(BIN)/python -m pytest -n auto tests/blackbox/test_every_device.py
	DYNOD_SOAK_KILLS=200 $(BIN)/python -m pytest tests/blackbox/test_killed.py
	DYNOD_SOAK_CUTS=3 $(BIN)/python -m pytest tests/store/test_power_cut.py \
		tests/blackbox/test_station_power_cut.py
	DYNOD_SOAK_S=1 $(BIN)/python -m pytest tests/blackbox/test_broker_outage.py \
		tests/blackbox/test_serial_faults.py
	DYNOD_SOAK_MINUTES=30 $(BIN)/python -m pytest tests/blackbox/test_soak.py

schema: $(VENV)/.demo  ## write the checked-in schemas and the AsyncAPI document again
	$(BIN)/dynod schema --write docs/schemas

deb: $(VENV)/.test  ## the Debian package: make deb RELEASE=13 ARCH=arm64
	@$(BIN)/python packaging/build_deb.py $(if $(RELEASE),--release $(RELEASE)) $(if $(ARCH),--arch $(ARCH))

clean:
	rm -rf $(VENV) build dist
