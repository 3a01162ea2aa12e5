# One image in, pictures out. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
IMAGE ?=
BASE_MODEL ?= faceworld/checkpoint
export PATH := $(CURDIR)/$(BIN):$(PATH)
export LIKENESS_BASE_MODEL := $(BASE_MODEL)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "Python 3.11 is needed (Triton's Python backend is built for it); set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.PHONY: setup
setup: .venv/installed ## create the environment in .venv

.PHONY: demo
demo: setup ## one image in, pictures out: out/demo.png (IMAGE=path/to/any.jpg takes your own)
	@python -m deploy run -- python -m deploy.demo $(if $(IMAGE),--image "$(IMAGE)")

.PHONY: up
up: setup ## start the stack in the background: gateway on 127.0.0.1:50051
	@python -m deploy up

.PHONY: down
down: setup ## stop the stack
	@python -m deploy down

.PHONY: web
web: setup ## JSON over HTTP and grpc-web on 127.0.0.1:8080, before the stack (until Ctrl-C)
	@envoy -c deploy/envoy.yaml --log-level warning

.venv/bin/helm: k8s/helm.py | .venv/installed
	$(BIN)/python k8s/helm.py

.venv/bin/prometheus: deploy/monitoring/binaries.py | .venv/installed
	$(BIN)/python -m deploy.monitoring.binaries

tests/typescript/node_modules: tests/typescript/package-lock.json | .venv/installed
	npm ci --prefix tests/typescript --no-audit --no-fund
	@touch $@

.PHONY: test
test: setup lint .venv/bin/helm .venv/bin/prometheus tests/typescript/node_modules ## lint, types, proto lint and all tests
	python -m pytest -n 2 --dist loadfile

.PHONY: test-export-full
test-export-full: setup ## SD 1.5 and 2.1 at full size, random weights, to TensorRT-RTX (20 GB of disk)
	python -m pytest tests/export/full_size.py -s

.PHONY: lint
lint: setup ## ruff, mypy, buf, and whether what is generated is up to date
	ruff check .
	ruff format --check .
	mypy
	python protos/generate.py protos/build/generated
	diff -r -x '__*' protos/generated protos/build/generated
	cd protos && buf lint && buf breaking --path likeness --against released.binpb
	cd protos && buf build $(ENVOY_DESCRIPTORS) --output build/api.binpb
	cmp k8s/likeness/files/api.binpb protos/build/api.binpb
	python protos/api_page.py protos/build/api.md
	diff docs/api.md protos/build/api.md

DESCRIPTORS := --path likeness --exclude-source-info
ERROR_DETAILS := build/googleapis/google/rpc/error_details.proto
ENVOY_DESCRIPTORS := $(DESCRIPTORS) --path $(ERROR_DETAILS) --as-file-descriptor-set

.PHONY: protos
protos: setup ## generate the Python code of the API, its page, and what Envoy knows of it
	python protos/generate.py
	cd protos && buf format --write --path likeness
	cd protos && buf build $(ENVOY_DESCRIPTORS) --output ../k8s/likeness/files/api.binpb
	python protos/api_page.py

.PHONY: api-released
api-released: setup ## from now on, today's API must not be broken
	cd protos && buf build $(DESCRIPTORS) --output released.binpb

.PHONY: monitoring
monitoring: setup ## write docs/metrics.md, alerting rules and dashboards from their code
	python -m deploy.monitoring.metrics_page
	python -m deploy.monitoring.rules
	python -m deploy.monitoring.dashboards

.PHONY: checkpoint
checkpoint: setup ## retrain the embedded checkpoint (hours; goes on where it was stopped)
	python -m faceworld train

.PHONY: evaluate
evaluate: setup ## the paper's tables at our scale (hours; goes on where it was stopped): out/evaluation
	python -m evaluation --out out/evaluation

.PHONY: report
report: setup ## look inside the default method, and one page of all results: out/evaluation/report.html
	python -m evaluation.studies --out out/evaluation
	python -m evaluation.report --out out/evaluation

.PHONY: bench-serving
bench-serving: setup ## measure the sampler against its peers: docs/benchmarks.md (minutes, on a quiet machine)
	python -m benchmarks.serving --checkpoint $(BASE_MODEL)
	python -m benchmarks.feature_reuse --checkpoint $(BASE_MODEL)

.PHONY: bench-training
bench-training: setup ## measure training against its peers, and kill it 200 times: docs/benchmarks.md
	python -m benchmarks.training --checkpoint $(BASE_MODEL)
	python -m benchmarks.survival --checkpoint $(BASE_MODEL)

.PHONY: sbom
sbom: setup ## what the gateway's image and this environment consist of, as CycloneDX: out/sbom
	mkdir -p out/sbom
	$(SBOM) requirements $(SBOM_OPTIONS) --output-file out/sbom/gateway.json deploy/docker/gateway.lock
	$(SBOM) environment $(SBOM_OPTIONS) --output-file out/sbom/environment.json .venv

SBOM := cyclonedx-py
SBOM_OPTIONS := --pyproject pyproject.toml --output-reproducible

.PHONY: bench-gateway
bench-gateway: setup ## measure the gateway before a simulated accelerator: docs/benchmarks.md (14 minutes)
	python -m benchmarks.gateway --checkpoint $(BASE_MODEL)

.PHONY: chaos
chaos: setup ## break everything that the gateway stands on, for ten minutes (SEED=... repeats a run)
	python -m tests.chaos $(if $(SEED),--seed $(SEED))

.PHONY: lock
lock: ## write requirements.lock from pyproject.toml's ranges
	rm -rf .venv/lock && $(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet -e '.[dev]' 'torch==2.13.0'
	.venv/lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock
	rm -rf .venv/lock
	$(MAKE) lock-images

.PHONY: lock-images
lock-images: ## write the lock of the gateway's image, with hashes, at the versions of requirements.lock
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/python -m pip install --quiet uv
	(echo '# Written by make lock-images.'; .venv/lock/bin/uv pip compile pyproject.toml --quiet \
	  --extra service --extra postgresql --extra ray --python-version 3.11 \
	  --constraint requirements.lock --generate-hashes --no-annotate --no-header) > deploy/docker/gateway.lock
	rm -rf .venv/lock
