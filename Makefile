# Everything a newcomer types: `make demo`, then `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
PROGRAMS := openssh-server=sshd rsync podman runc busybox-static=busybox docker.io=dockerd ffmpeg
INSTALLED := $(VENV)/.installed
# the environment of the newest Python there is beside $(PYTHON)
VENV_NEWEST := .venv-newest
# tests wait half of the time: three at once keep two cores busy
WORKERS := 3
# a file stays together; those that take longest come first: tests/conftest.py
DIST := --dist loadfile --no-loadscope-reorder
# where the environment forbids compiled modules, each of the thousands of commands that tests start compiles them all
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test fast setup test-real pictures cases unit test-newest constraints check lint soak flaky bench alike install release clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(INSTALLED) ## a project with five finished previews in demo/
	@test -f $(DEMO)/cosmosctl.yaml || $(BIN)/cosmosctl init $(DEMO) --demo
	@cd $(DEMO) && $(abspath $(BIN))/cosmosctl batch --batch-name demo
	@$(BIN)/cosmosctl -C $(DEMO) gallery >/dev/null
	@sh .ci/after-demo $(BIN) $(DEMO)

test: $(INSTALLED) ## every test of the base product; installs what needs root where it may
	@sh .ci/packages jq git || echo "tests that need them are skipped by name" >&2
	@sh .ci/packages $(PROGRAMS) || echo "tests that need them are skipped by name" >&2
	@sh .ci/packages git-lfs git-annex zsh fish || echo "tests that need them are skipped by name" >&2
	$(BIN)/pytest --numprocesses $(WORKERS) $(DIST) $(TESTS)

fast: $(INSTALLED) ## the tests that start nothing but Python, for each save
	$(BIN)/pytest -q --numprocesses 2 $(DIST) tests/unit

setup: ## what needs root: Debian packages of the tests, by apt
	@sh .ci/packages jq git git-lfs git-annex zsh fish $(PROGRAMS)

test-real: $(INSTALLED) ## the tests of parts that take long to install: a browser, a language server of editors, torch, Slurm, Apptainer
	@sh .ci/packages chromium firefox-esr || echo "tests that need them are skipped by name" >&2
	@sh .ci/packages $(PROGRAMS) patchelf squashfs-tools=mksquashfs squashfuse slurm-wlm=sbatch munge=munged || echo "tests that need them are skipped by name" >&2
	$(BIN)/pytest -m real --timeout 3600 -o faulthandler_timeout=3660 $(TESTS); code=$$?; [ $$code = 5 ] || exit $$code

pictures: $(INSTALLED) ## docs/pictures anew: each view of the page over the demo, at a desk and on a phone
	@sh .ci/packages chromium
	COSMOSCTL_PICTURES=docs/pictures $(BIN)/pytest -n 0 -q -m real tests/real/test_page.py tests/real/test_live_page.py -k fits_its_screen

cases: $(INSTALLED) ## scripts from outside: make cases CASES=FOLDER
	@sh .ci/packages jq git ffmpeg faketime || echo "scripts that need them cannot be tried" >&2
	@COSMOSCTL=$(abspath $(BIN))/cosmosctl COSMOSCTL_CHECKOUT=$(CURDIR) sh .ci/cases $(abspath $(CASES))

unit: $(INSTALLED) ## the tests that need neither sshd nor a container engine nor root
	$(BIN)/pytest --numprocesses $(WORKERS) $(DIST) $$(sh .ci/unit-tests)

# the demo and the unit tests on the newest Python there is, which is another one than $(PYTHON)
test-newest: ## demo and unit tests on the newest Python that is not PYTHON
	@newest=$$(sh .ci/newest-python $(PYTHON)) || \
		{ echo "SKIPPED: the demo and the unit tests on a newer Python: none is newer than $(PYTHON) here" >&2; exit 0; }; \
	echo "on $$newest:"; \
	$(MAKE) --no-print-directory demo fast PYTHON=$$newest VENV=$(VENV_NEWEST) DEMO=$(DEMO)-newest

lint: $(INSTALLED) ## ruff and mypy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test ## lint and test
soak: $(INSTALLED) ## the long matrices and property tests, with new examples
	@sh .ci/packages jq git $(PROGRAMS)
	COSMOSCTL_SOAK=1 $(BIN)/pytest -m "soak or hypothesis" --timeout 0 -o faulthandler_timeout=0 -s $(TESTS)

# the tests that once depended on the machine's speed, N times quiet and N times beside two busy loops per core;
# WHOLE=1: every test, twice in a row each
N := $(if $(WHOLE),2,20)
flaky: $(INSTALLED) ## tests again and again, quiet and busy: N=20, WHOLE=1, ONLY=busy
	@sh .ci/packages jq git $(PROGRAMS) || echo "tests that need them are skipped by name" >&2
	$(BIN)/python -m tests.support.flaky -n $(N) --workers $(WORKERS) $(if $(ONLY),--only $(ONLY)) $(if $(WHOLE),whole,$(TESTS))

# each figure is stored as soon as it is measured
bench: $(INSTALLED) ## every figure, beside what it is compared with
	@sh .ci/packages git $(PROGRAMS) || echo "figures that need them are skipped by name" >&2
	@sh .ci/packages chromium || echo "figures that need it are skipped by name" >&2
	$(BIN)/python -m tests.bench --json bench.json $(if $(BESIDE),--beside $(BESIDE))

alike: $(INSTALLED) ## what every verb says, beside another commit: BESIDE=COMMIT, NOW=COMMIT
	$(BIN)/python -m tests.support.alike $(if $(NOW),--now $(NOW)) $(BESIDE)

install: $(INSTALLED) ## .venv with the package and the tools
CONSTRAINTS := --constraint constraints.txt
$(INSTALLED): pyproject.toml constraints.txt
	@sh .ci/packages rsync python3-venv=python:$(PYTHON)
	@sh .ci/venv $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) --editable '.[dev,ui]'
	@touch $(INSTALLED)

# writes constraints.txt anew from the newest releases, for the oldest and the newest Python; then run the tests
constraints: ## constraints.txt anew from the newest releases
	@newest=$$(sh .ci/newest-python $(PYTHON)); rm -rf $(VENV) $(VENV_NEWEST); \
	$(MAKE) --no-print-directory install CONSTRAINTS= && \
	$(MAKE) --no-print-directory install CONSTRAINTS= PYTHON=$$newest VENV=$(VENV_NEWEST) && \
	$(PYTHON) .ci/constraints $(BIN) $(VENV_NEWEST)/bin >constraints.new && mv constraints.new constraints.txt
	@touch $(INSTALLED) $(VENV_NEWEST)/.installed

release: $(INSTALLED) ## build, try and tag the version of cosmosctl/__init__.py
	@sh .ci/release $(BIN)/python

clean: ## remove what make made
	rm -rf dist $(VENV) $(VENV_NEWEST) $(DEMO) $(DEMO)-newest bench.json .mypy_cache .pytest_cache .ruff_cache
