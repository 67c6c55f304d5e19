# Every target makes the environment it needs: `.venv` to serve and develop, `.venv-train` to train, `.venv-servers` for
# the real model servers that tests start, `.venv-audit` to look after what is installed. Stamp files
# inside remember what was installed, so that a second call costs nothing. uv is used where present, else venv and pip.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

SERVE := .venv/.serve
DEV := .venv/.dev
TRAIN := .venv-train/.train
SERVERS := .venv-servers/.servers
AUDIT := .venv-audit/.audit
FUZZ := .venv/.fuzz
PYTHON ?= python3
ARGS ?=
WORKERS ?= 1
OUT ?= models/deepfake/2
LOCK ?=

ifneq ($(shell command -v uv 2>/dev/null),)
create_venv = test -x $(1)/bin/python || uv venv --quiet --python '>=3.11,<3.14' $(1)
install = uv pip install --quiet --python $(1)/bin/python
else
create_venv = test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
install = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile
endif

# The build tool is pinned like the rest, so the package is installed without build isolation.
install_package = $(install) --no-deps --no-build-isolation --editable .

# Hash-pinned requirement files name no index; uv.lock would.
compile = UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile --quiet $(LOCK) --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url
# A file's tests stay together: many share what they start.
side_by_side = $(if $(filter-out 1,$(WORKERS)),--numprocesses $(WORKERS) --dist loadfile)
pinned = -c requirements/build.txt -c requirements/serve.txt

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(SERVE) ## Analyse the sample clips
	.venv/bin/dfd predict samples/*.mp4

.PHONY: serve
serve: $(SERVE) ## Serve the HTTP interface on HOST and PORT (default 8000)
	.venv/bin/dfd serve

.PHONY: test
test: $(DEV) $(SERVERS) $(TRAIN) ## Run the whole test suite, training's own in .venv-train (WORKERS=2: two files at a time)
	.venv/bin/python -m pytest $(side_by_side) --ignore=tests/train $(ARGS)
	.venv-train/bin/python -m pytest $(side_by_side) tests/train $(ARGS)

.PHONY: servers
servers: $(SERVERS) ## Install the servers of models that tests start (Triton, KServe, MLflow, in .venv-servers)

.PHONY: check
check: lint ## Check format, lint, types and imports, and run the unit tests
	.venv/bin/python -m pytest --quiet $(side_by_side) tests/unit tests/architecture

.PHONY: lint
lint: $(DEV) ## Check format, lint, types and imports
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

.PHONY: secrets
secrets: $(DEV) ## Look for secrets in the tracked files
	.venv/bin/python -m supply.secret_scan

.PHONY: audit
audit: $(AUDIT) ## Look for known weaknesses of the pinned packages (ARGS=--strict: fail where none could be looked up)
	.venv-audit/bin/python -m supply.audit $(ARGS) requirements/*.txt

.PHONY: sbom
sbom: $(AUDIT) ## List what the service is made of, packages and models, as CycloneDX in dist/sbom.cdx.json
	rm -rf .venv-sbom
	$(call create_venv,.venv-sbom)
	$(call install,.venv-sbom) --require-hashes -r requirements/serve.txt
	mkdir -p dist
	.venv-audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON \
		-o dist/sbom.cdx.json .venv-sbom/bin/python
	.venv-audit/bin/python -m supply.sbom dist/sbom.cdx.json
	rm -rf .venv-sbom

.PHONY: format
format: $(DEV) ## Format the code and fix what can be fixed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: bench
bench: $(DEV) ## Time the analysis beside a plain decode and a naive pipeline (ARGS="--quick")
	.venv/bin/python -m benchmarks.analysis $(ARGS)

.PHONY: bench-matrix
bench-matrix: $(DEV) ## The same over sizes, codecs, keyframe distances and faces (ARGS="--plots docs/assets")
	.venv/bin/python -m benchmarks.matrix $(ARGS)

.PHONY: bench-lengths
bench-lengths: $(DEV) ## The same of 5 seconds to 2 hours; takes 5 GB of disk (ARGS="--full")
	.venv/bin/python -m benchmarks.lengths $(ARGS)

.PHONY: bench-service
bench-service: $(DEV) ## Time a service with eight clients beside the bare library (ARGS="--quick")
	.venv/bin/python -m benchmarks.service $(ARGS)

.PHONY: bench-gpu
bench-gpu: $(DEV) ## Time detection and scoring on a graphics card, where there is one (ARGS="--device cpu")
	.venv/bin/python -m benchmarks.gpu $(ARGS)

.PHONY: bench-all
bench-all: $(DEV) ## All of these one after the other, and every figure beside its goal (ARGS="--quick --clips DIR")
	.venv/bin/python -m benchmarks.everything $(ARGS)

.PHONY: bench-jobs
bench-jobs: $(DEV) ## Time what jobs cost beyond their analyses, workers, and a long history (ARGS="--quick")
	.venv/bin/python -m benchmarks.jobs $(ARGS)

.PHONY: load
load: $(DEV) ## Ask a service for twice what it can do (ARGS="--seconds 1800 --out figures.json")
	.venv/bin/python -m tests.load $(ARGS)

.PHONY: chaos
chaos: $(DEV) ## Kill every part of a cluster in turn, under load (ARGS="--rounds 10 --seed 7")
	.venv/bin/python -m tests.chaos $(ARGS)

.PHONY: bench-sandbox
bench-sandbox: $(DEV) ## Compare decoding in a process of its own with decoding in this one (ARGS="--repeat 9")
	.venv/bin/python -m benchmarks.sandbox $(ARGS)

.PHONY: fuzz
fuzz: $(DEV) ## Send 5,000 spoilt media files and some bombs through the service (ARGS="--count 500 --seed 7")
	.venv/bin/python -m tests.fuzz $(ARGS)

.PHONY: fuzz-parsers
fuzz-parsers: $(FUZZ) ## Search our own parsers for faults, guided by coverage (ARGS="--runs 1000000")
	.venv/bin/python -m tests.fuzz.covered $(ARGS)

.PHONY: peers
peers: $(TRAIN) ## Compare our models with MesoNet on videos of DFD_DATA_DIR (ARGS="--split dev")
	@test -n "$$DFD_DATA_DIR" || { echo 'make peers: set DFD_DATA_DIR to the folder with the videos' >&2; exit 2; }
	.venv-train/bin/python -m benchmarks.peers $(ARGS)

.PHONY: train
train: $(TRAIN) ## Train the model on DFD_DATA_DIR, into OUT (ARGS="--help"); call again to resume
	@test -n "$$DFD_DATA_DIR" || { echo 'make train: set DFD_DATA_DIR to the folder with the training data' >&2; exit 2; }
	.venv-train/bin/dfd-train run --out $(OUT) $(ARGS)

.PHONY: samples
samples: $(DEV) ## Make the sample clips again
	.venv/bin/python -m samples.make_samples

.PHONY: screenshots
screenshots: $(DEV) ## Make the pictures of the page in docs/assets again (needs Debian's chromium)
	.venv/bin/python -m tests.browser.screenshots

.PHONY: lock
lock: ## Pin every requirement again (needs uv; LOCK="--upgrade" for newer releases)
	$(compile) --group build -o requirements/build.txt
	$(compile) pyproject.toml -c requirements/build.txt -o requirements/serve.txt
	$(compile) pyproject.toml --extra scale --extra grpc --extra sign $(pinned) -o requirements/container.txt
	$(compile) pyproject.toml --group dev $(pinned) -o requirements/dev.txt
	$(compile) --group servers -o requirements/servers.txt
	$(compile) --group audit -o requirements/audit.txt
	$(compile) --group fuzz -o requirements/fuzz.txt
	$(compile) pyproject.toml --extra train --group train-test $(pinned) -o requirements/train.txt

.PHONY: protos
protos: $(DEV) ## Make the messages of the model servers' gRPC interfaces again
	cd src && ../.venv/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. dfd/backends/messages/*.proto

.PHONY: clean
clean: ## Remove the environments and everything that was made
	rm -rf .venv .venv-audit .venv-sbom .venv-servers .venv-train build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks samples -name __pycache__ -type d -prune -exec rm -rf {} +

$(SERVE): requirements/serve.txt requirements/build.txt pyproject.toml
	$(call create_venv,.venv)
	$(call install,.venv) --require-hashes -r requirements/serve.txt -r requirements/build.txt
	$(call install_package,.venv)
	@touch $@

$(DEV): $(SERVE) requirements/dev.txt
	$(call install,.venv) --require-hashes -r requirements/dev.txt
	@touch $@

$(FUZZ): $(DEV) requirements/fuzz.txt
	$(call install,.venv) --require-hashes -r requirements/fuzz.txt
	@touch $@

# Triton runs models in a Python of the system's library, so this environment has that version.
$(SERVERS): requirements/servers.txt
	test -x .venv-servers/bin/python || $(if $(shell command -v uv 2>/dev/null),uv venv --quiet --python 3.11,\
		$(firstword $(shell command -v python3.11) $(PYTHON)) -m venv) .venv-servers
	$(call install,.venv-servers) --require-hashes -r $<
	@touch $@

$(AUDIT): requirements/audit.txt
	$(call create_venv,.venv-audit)
	$(call install,.venv-audit) --require-hashes -r $<
	@touch $@

$(TRAIN): requirements/train.txt requirements/build.txt pyproject.toml
	$(call create_venv,.venv-train)
	$(call install,.venv-train) --require-hashes -r requirements/train.txt -r requirements/build.txt
	$(call install_package,.venv-train)
	@touch $@
