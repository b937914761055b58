# Everything starts from Python 3.11+, venv and make. `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
FOLDER ?= data/sample
OUT ?= reports/$(notdir $(FOLDER))

.PHONY: help setup report test check notebooks bench docs reference sample clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; about two minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ketaoutcomes needs Python 3.11 or later; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing; on Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

$(VENV)/.notebooks: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,notebooks]'
	@touch $@

setup: $(VENV)/.ready  ## make the virtual environment and install

report: $(VENV)/.ready  ## write the monthly outcome report of data/sample: HTML, PDF, tables (FOLDER=... for another)
	@echo "Writing the monthly outcome report of $(FOLDER)"
	@$(BIN)/ketaoutcomes report $(FOLDER) --out $(OUT)

test: $(VENV)/.ready  ## run the tests
	@echo "Running the tests on all cores"
	@$(BIN)/python -m pytest -q -n auto --dist loadfile
	@echo "Tests passed. What was skipped, and why, stands above."

check: $(VENV)/.ready  ## lint the code, then check data/sample
	@$(BIN)/ruff check .
	@$(BIN)/ketaoutcomes check $(FOLDER)

notebooks: $(VENV)/.notebooks  ## run every notebook; nothing is written back
	@$(BIN)/python tools/run_notebooks.py notebooks

bench: $(VENV)/.ready  ## measure speed against the peers that are installed
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: $(VENV)/.ready  ## write docs/data.md and docs/definitions.md anew from the schema and the catalog
	@$(BIN)/python tools/write_docs.py docs

reference:  ## make the reference values anew (needs R; the packages stand in its message)
	@command -v Rscript >/dev/null || { echo "R is needed: apt install r-base-core r-cran-survival r-cran-jsonlite r-cran-nlme" \
		"r-cran-lme4 r-cran-lmertest r-cran-pbkrtest r-cran-emmeans r-cran-multcomp r-cran-mvtnorm r-cran-cmprsk" \
		"r-cran-geepack r-cran-numderiv r-cran-mass r-cran-glmmtmb r-cran-metafor r-cran-sandwich r-cran-ordinal" \
		"r-cran-clubsandwich"; exit 1; }
	@cd tests/reference && for script in *.R; do \
		name=$$(basename $$script .R); echo "$$script -> tests/reference/$$name.json"; \
		Rscript $$script > $$name.new || { rm -f $$name.new; exit 1; }; \
		if [ -s $$name.new ]; then mv $$name.new $$name.json; else rm -f $$name.new; fi; \
	done

sample: $(VENV)/.ready  ## write data/sample anew (the same bytes each time)
	@$(BIN)/python -m ketaoutcomes.cohort.simulate data/sample

clean:  ## remove the virtual environment and the reports
	@rm -rf $(VENV) reports
