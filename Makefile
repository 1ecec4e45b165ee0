# One place for what a person does here. `make` alone lists the targets.
# Another interpreter: make test PYTHON=python3.12 (the environment is made anew when the version changes).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)

# Setup is done once: a stamp a step, older than pyproject.toml means "do it again".
MADE := $(VENV)/.made-$(VERSION)
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz lint docs pictures bench clean
.SUFFIXES:
.DELETE_ON_ERROR:

help:  ## list the targets
	@echo "rtml: the targets of this Makefile"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo "The first run makes $(VENV) and installs what the target needs. Another Python: make test PYTHON=python3.12"

demo: $(INSTALLED)-demo  ## the whole road on real data: author, prove, publish to three regions; events, profiles, scores on them (three minutes)
	@$(BIN)/python docs/examples/demo_cdnow.py
	@$(BIN)/python docs/examples/demo_serving.py
	@$(BIN)/python docs/examples/demo_profiles.py

test: $(INSTALLED)-contrib  ## the test suite, warnings are errors
	@echo "Running the tests with $$($(BIN)/python --version), two at a time"
	@$(BIN)/python -m pytest -n 2 $(ARGS)

fuzz: $(INSTALLED)-test  ## random graphs, authored against compiled; MINUTES=5 unless said otherwise
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),5)

lint: $(INSTALLED)-lint  ## ruff, mypy --strict on the core, the import contracts
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(INSTALLED)-docs  ## the documentation into docs/_build, warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

pictures: $(INSTALLED)-test  ## the pictures of the gallery and of notebooks, taken anew in a browser
	@$(BIN)/python -m pytest -q tests/browser/test_tour.py -k walked
	@cp build/screenshots/tour/*.png docs/pictures/
	@$(BIN)/python -m tests.browser.notebook_pictures
	@git status --short docs/pictures

bench: $(INSTALLED)-test  ## the benchmarks, measured side by side in one run
	@$(BIN)/python -m tests.benchmarks

clean:  ## remove the environment and everything the targets wrote
	rm -rf $(VENV) build dist docs/_build docs/reference/operators .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find rtml_core rtml_plugins tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@case "$(VERSION)" in \
	3.11|3.12|3.13) ;; \
	"") echo "make: '$(PYTHON)' does not run. Name a Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.12" >&2; exit 1 ;; \
	*) echo "make: '$(PYTHON)' is Python $(VERSION); rtml needs 3.11, 3.12 or 3.13. Name one: make PYTHON=python3.12" >&2; exit 1 ;; \
	esac
	@if [ "$$($(BIN)/python -m pip --version 2>/dev/null | sed 's/.*(python \(.*\))/\1/')" = "$(VERSION)" ]; then \
		echo "Using the environment $(VENV) that is here, Python $(VERSION)"; \
	else \
		echo "Making the environment $(VENV) with Python $(VERSION)"; \
		$(PYTHON) -m venv --clear $(VENV); \
	fi
	@touch $@

# What plugins_contrib holds, editable, with the libraries that its tests need: the largest is CatBoost, 100 MB. C is built anew
# when it changed.
CONTRIB := $(wildcard plugins_contrib/*)
$(INSTALLED)-contrib: $(INSTALLED)-test $(CONTRIB:%=%/pyproject.toml) $(wildcard plugins_contrib/*/*/*.[ch])
	@echo "Installing the packages in plugins_contrib and the libraries they are for"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile $(CONTRIB:%=--editable './%[test]')
	@touch $@

# What an installation copies for JupyterLab, editable or not: it is done again when one of them changed.
COPIED := $(wildcard rtml_plugins/notebook/launcher/*.* rtml_plugins/notebook/launcher/rtml/* rtml_plugins/notebook/templates/*)

# $(INSTALLED)-EXTRA: rtml itself, editable, with that extra. Byte code is made on all cores and without the packages' own tests,
# which takes a third off the setup; a file that does not compile is no failure, nobody imports it.
$(INSTALLED)-%: $(MADE) pyproject.toml $(COPIED)
	@echo "Installing rtml with what '$*' needs; only the first time takes a minute"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --editable '.[$*]'
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
	@touch $@
