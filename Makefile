# Everything below needs Python >= 3.11, git and make. Each target installs what it needs into .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Half of what tests do is wait.
WORKERS ?= 3
ENGINE  ?= docker
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
TOOLS   := .tmp/tools/.installed

.PHONY: demo test check bench soak mutants docs format image lock install clean

install: $(STAMP)

$(STAMP): .ci/locks/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "syncer needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r .ci/locks/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)         ## the main job on the embedded emulator: plan, apply, drift, put back, verify
	$(BIN)/syncer demo

test: $(STAMP)         ## every test, with coverage bounds
	@$(BIN)/coverage erase
	$(BIN)/python -m pytest -m "not soak and not kubernetes" -n $(WORKERS) --cov --cov-report= -q
	$(BIN)/coverage report --fail-under=95 > /dev/null || { $(BIN)/coverage report --fail-under=95; exit 1; }
	$(BIN)/coverage report --include='syncer/model/*,syncer/plan/*' --fail-under=100

check: $(STAMP) lint test   ## what CI runs

.PHONY: lint
lint: $(STAMP)         ## format, lint, types, import contracts, dead code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture

bench: $(STAMP)        ## benchmarks: ratios side by side, no assertion on time
	@for b in tests/bench/bench_*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

soak: $(STAMP)         ## the full length of every fuzz and kill loop; its figures go into docs/reliability.md
	mkdir -p .tmp/soak && find .tmp/soak -name '*.json' ! -name 'mutants*' ! -name 'lease-real*' -delete
	SYNCER_SOAK_LOG=$(CURDIR)/.tmp/soak $(BIN)/python -m pytest -m soak -n $(WORKERS) -q --timeout=0
	$(BIN)/python -m tests.soak.table .tmp/soak

.PHONY: soak-kubernetes
soak-kubernetes: $(STAMP)  ## the election, and the overlays on a one-node cluster; CONTRIBUTING.md says what both need
	mkdir -p .tmp/soak
	SYNCER_SOAK_LOG=$(CURDIR)/.tmp/soak $(BIN)/python -m pytest -m kubernetes -q --timeout=0
	$(BIN)/python -m tests.soak.table .tmp/soak

mutants: $(STAMP)      ## how many mutants of plan/ and audit/ the tests kill; takes an hour
	$(BIN)/python -m pip install --quiet --target .tmp/mutmut 'mutmut>=3.8,<4'
	rm -rf .tmp/mutants && mkdir -p .tmp/mutants
	PYTHONPATH=$(CURDIR)/.tmp/mutmut SYNCER_SOAK_LOG=$(CURDIR)/.tmp/soak $(BIN)/python -m tests.mutation.score .tmp/mutants
	$(BIN)/python -m tests.soak.table .tmp/soak

docs: $(STAMP)         ## the reference tables in docs/, from the schemas
	$(BIN)/python -m tests.docs.reference

.PHONY: screenshots
screenshots: $(STAMP)  ## the pictures of the pages in docs/images, of a fleet with something of everything
	$(BIN)/python -m tests.docs.screenshots

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

image: $(TOOLS)        ## the container image and its bill of materials; ENGINE=podman builds it, too
	$(ENGINE) build --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) -t syncer:$(VERSION) .
	mkdir -p .tmp && $(ENGINE) save -o .tmp/syncer-$(VERSION).tar syncer:$(VERSION)
	.tmp/tools/bin/syft scan -q docker-archive:.tmp/syncer-$(VERSION).tar -o cyclonedx-json=.tmp/syncer-$(VERSION).cdx.json
	@echo "syncer:$(VERSION), and what is in it: .tmp/syncer-$(VERSION).cdx.json"

.PHONY: checkov
checkov: $(TOOLS)      ## what checkov says of Dockerfile and overlays, but for what config/kubernetes/checkov.yaml explains
	test -x .tmp/checkov/bin/checkov || { $(PYTHON) -m venv .tmp/checkov && .tmp/checkov/bin/python -m pip install --quiet 'checkov>=3.3,<4'; }
	rm -rf .tmp/rendered && mkdir -p .tmp/rendered && cp Dockerfile .tmp/rendered/
	for each in config/kubernetes/overlays/*; do .tmp/tools/bin/kubectl kustomize $$each > .tmp/rendered/$${each##*/}.yaml || exit 1; done
	.tmp/checkov/bin/checkov --config-file config/kubernetes/checkov.yaml -d .tmp/rendered

.PHONY: tools
tools: $(TOOLS)        ## the programs that look at manifests and images; what needs them is skipped without them

$(TOOLS): .ci/locks/tools.txt
	$(PYTHON) -m venv .tmp/tools
	.tmp/tools/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r .ci/locks/tools.txt
	@touch $@

lock:                  ## pin every requirement with hashes, for every Python we support
	$(PYTHON) -m venv .tmp/lock && .tmp/lock/bin/python -m pip install --quiet 'uv>=0.5'
	UV=.tmp/lock/bin/uv; $$UV pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' -o .ci/locks/run.txt pyproject.toml
	UV=.tmp/lock/bin/uv; $$UV pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' --constraint .ci/locks/run.txt \
	  --group dev -o .ci/locks/dev.txt pyproject.toml .ci/locks/build.in
	UV=.tmp/lock/bin/uv; for each in build tools; do $$UV pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make lock' -o .ci/locks/$$each.txt .ci/locks/$$each.in || exit 1; done

clean:
	rm -rf $(VENV) build dist .coverage*
