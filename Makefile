# Everything a newcomer types: `make demo`, then `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
PROGRAMS := openssh-server=sshd rsync podman runc busybox-static=busybox docker.io=dockerd ffmpeg
INSTALLED := $(VENV)/.installed
# tests wait half of the time: three at once keep two cores busy
WORKERS := 3

.PHONY: demo test check lint soak flaky bench install clean

demo: $(INSTALLED)
	@test -f $(DEMO)/cosmosctl.yaml || $(BIN)/cosmosctl init $(DEMO) --demo
	@cd $(DEMO) && $(abspath $(BIN))/cosmosctl batch --batch-name demo
	@sh .ci/after-demo $(BIN) $(DEMO)

test: $(INSTALLED)
	@sh .ci/packages jq git
	@sh .ci/packages $(PROGRAMS) || echo "tests that need them are skipped by name" >&2
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile $(TESTS)

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

soak: $(INSTALLED)
	@sh .ci/packages jq git $(PROGRAMS)
	COSMOSCTL_SOAK=1 $(BIN)/pytest -m "soak or hypothesis" -s $(TESTS)

# the tests that once depended on the machine's speed, N times quiet and N times beside two busy loops per core;
# WHOLE=1: every test, twice in a row each
N := $(if $(WHOLE),2,20)
flaky: $(INSTALLED)
	@sh .ci/packages jq git $(PROGRAMS) || echo "tests that need them are skipped by name" >&2
	$(BIN)/python -m tests.flaky -n $(N) --workers $(WORKERS) $(if $(WHOLE),whole,$(TESTS))

# each figure is stored as soon as it is measured
bench: $(INSTALLED)
	@sh .ci/packages git $(PROGRAMS) || echo "figures that need them are skipped by name" >&2
	$(BIN)/python -m tests.bench --json bench.json

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@sh .ci/packages rsync
	@sh .ci/venv $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(INSTALLED)

clean:
	rm -rf $(VENV) $(DEMO) bench.json .mypy_cache .pytest_cache .ruff_cache
