# What a person does here. The work itself is in hack/.
.DEFAULT_GOAL := help
.PHONY: help setup setup-demo demo test test-fast test-busy test-ahead e2e lint docs site image apiserver cluster cluster-down mesh mesh-cost soak load bench instructions growth fleet attack fuzz kill-test clean

IN_VENV := .venv/bin/python
# The first that runs and is new enough; looked for only where a target needs it.
PYTHON = $(shell for p in $(IN_VENV) python3.13 python3.12 python3.11 python3; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## the development environment in .venv
setup setup-demo:
	@python="$(PYTHON)"; if [ -z "$$python" ]; then \
	  echo 'Python 3.11 or newer is missing (Debian: apt-get install python3 python3-venv)' >&2; exit 1; fi; \
	$$python hack/setup.py $(if $(findstring demo,$@),demo)

demo: setup-demo ## inject examples/shop, ask why, and send a pod through the webhook; needs no cluster
	@$(IN_VENV) -m hack.demo

test: setup ## everything: lint, types, contracts, all tests, coverage; builds the API server once
	@$(IN_VENV) -m hack.check

test-fast: setup ## the tests of the pure core, and of links, workflows and hooks
	@$(IN_VENV) -m pytest -q -n 2 tests/templating tests/core tests/profiles tests/test_repository.py

test-busy: setup ## the tests that need no built programs, with every core kept busy
	@$(IN_VENV) -m hack.conditions busy

test-ahead: setup ## the same tests with the clock a year ahead; takes libfaketime
	@$(IN_VENV) -m hack.conditions ahead

e2e: setup ## the tests on a Kubernetes node and a mesh of their own; root; builds them once
	@$(IN_VENV) -m hack.check e2e

lint: setup ## ruff, mypy --strict, import contracts
	@$(IN_VENV) -m hack.check lint

docs: setup ## make the reference pages, and what the chart knows of the code, anew
	@$(IN_VENV) -m hack.reference
	@$(IN_VENV) -m hack.chart
	@$(IN_VENV) -m hack.pull_request_picture

site: setup ## the documentation as a site, in build/site; a broken link fails
	@$(IN_VENV) -m hack.docs_site

image: setup ## the wheel and the image, in dist/ where no container engine answers; REGISTRY=, ENGINE=, PYTHON_IMAGE=
	@$(IN_VENV) -m hack.image --registry "$(REGISTRY)" --engine "$(ENGINE)" --python-image "$(PYTHON_IMAGE)"

apiserver: setup ## build the API server test bed into the user's cache folder
	@$(IN_VENV) -m tests.beds.programs.build

cluster: setup ## a one-node Kubernetes on this machine, until make cluster-down
	@$(IN_VENV) -m tests.beds.node up

cluster-down: setup ## remove it, with all that ran in it
	@$(IN_VENV) -m tests.beds.node down

mesh: setup ## the shop in a mesh, live: who talks to whom, over which TLS, by which version
	@$(IN_VENV) -m tests.beds.mesh.show

mesh-cost: setup ## measure what a sidecar costs, and write docs/explanation/cost.md
	@$(IN_VENV) -m hack.bench.cost.run

soak: setup ## pods without pause while all that can happen to the webhook happens; N=100000 for longer
	@$(IN_VENV) -m hack.bench.soak $(if $(N),--creations $(N))

load: setup ## the webhook at its limits: start, memory, overload; writes docs/explanation/load.md
	@$(IN_VENV) -m hack.bench.load

instructions: setup ## the instructions of an admission, as multiples of json.loads, beside their bounds; valgrind
	@$(IN_VENV) -m hack.bench.instructions

bench: setup ## an admission and kube-inject next to istiod and istioctl; writes docs/explanation/performance.md
	@$(IN_VENV) -m hack.bench.performance

growth: setup ## CPU of an admission as pods, templates and clusters grow; writes docs/explanation/how-far-it-goes.md
	@$(IN_VENV) -m hack.bench.growth

fleet: setup ## costs of admissions and a simulated restart of 100,000 pods, into that page; AGAIN=1 keeps its costs
	@$(IN_VENV) -m hack.bench.fleet $(if $(AGAIN),--again)

attack: setup ## what attacks on the webhook and the commands cost, and whom; loopback only; writes nothing
	@$(IN_VENV) -m hack.attack

fuzz: setup ## 200,000 generated reviews through the webhook's door; N=1000 for fewer, SEED=x for the same again
	@$(IN_VENV) -m tests.fuzz $(if $(N),--count $(N)) $(if $(SEED),--seed $(SEED))

kill-test: setup ## kill render --in-place 200 times and look at the files; Linux; N=1000 for more, SEED=x for the same
	@$(IN_VENV) -m tests.killing $(if $(N),--kills $(N) --between $$(($(N) / 2))) $(if $(SEED),--seed $(SEED))

clean: ## remove what was made here; what is cached for the beds stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
