# Two commands do all the set-up on a fresh machine: `make book` and `make test`. The rest is for those who carry the book on.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
BUILD  := book/_build

# The book and its tests see the embedded data set alone, whatever this machine has; and no progress bars in stored outputs.
CLEAN_ROOM := env -u VGG_LIB_DATA VGG_LIB_CACHE="$(CURDIR)/$(BUILD)/cache" TQDM_DISABLE=1 PATH="$(CURDIR)/$(BIN):$$PATH"

# A process of one thread for each core, four at most: two threads each would take turns at the cores. `WORKERS=0`: no other process.
WORKERS  ?= auto
PARALLEL := env OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} pytest -n $(WORKERS) --maxprocesses 4

.PHONY: book test check style types layers schemas unit nbval html pdf stills links test-browser refresh repository minimum elsewhere matrix unpinned tomorrow lock clean

book: $(READY)  ## Execute every notebook on the embedded data set and build the HTML
	$(CLEAN_ROOM) jupyter-book build . --all --warningiserror --path-output book
	@echo "The book is at $(CURDIR)/$(BUILD)/html/index.html"

test: check unit nbval html  ## Everything: style, types, tests, notebooks, book
	@echo "All of it holds."

check: style types layers schemas  ## Style, types, the order of packages, files that others read

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)  ## Whether each package of the library imports only from those below it
	$(BIN)/lint-imports --no-cache

schemas: $(READY)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	! grep -rnE 'uses: [^ ]+@[^ ]{1,39}( |$$)' .github/workflows  # an action is pinned by its commit
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

unit: $(READY)  ## Tests of the library, with doctests
	$(CLEAN_ROOM) $(PARALLEL) --dist worksteal

nbval: $(READY)  ## Execute every notebook and compare each output with the stored one
	$(CLEAN_ROOM) $(PARALLEL) --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout 300 -p no:doctest --override-ini addopts= notebooks

html: $(READY)  ## Build the HTML from the stored outputs
	mkdir -p $(BUILD)
	sed -e 's/execute_notebooks: force/execute_notebooks: "off"/' -e 's|book/_ext|../_ext|g' _config.yml > $(BUILD)/stored.yml
	$(CLEAN_ROOM) jupyter-book build . --all --warningiserror --path-output book --config $(BUILD)/stored.yml

pdf: $(READY) $(BUILD)/html/index.html  ## The book as last built in one file, linked from its front page: needs a browser
	$(CLEAN_ROOM) python book/pdf.py

stills: $(READY) html  ## The still pictures of the page that answers, anew where its nets are: needs a browser
	$(CLEAN_ROOM) python book/stills.py

links: html  ## Whether the links to other sites still lead somewhere: needs a network
	$(CLEAN_ROOM) jupyter-book build . --path-output book --config $(BUILD)/stored.yml --builder custom --custom-builder linkcheck

test-browser: $(READY) $(BUILD)/html/index.html  ## The pages as last built in a real browser: links, mathematics, accessibility, weight
	$(CLEAN_ROOM) pytest tests/browser

$(BUILD)/html/index.html:
	$(MAKE) html

refresh: $(READY)  ## Execute the notebooks in place and rewrite what is made from records: commit it with its cause
	mkdir -p $(BUILD)  # a table is moved to its place when it is whole
	for name in scoreboard statements rules power "table pilot"; do \
	  $(BIN)/vgg-lib $$name > $(BUILD)/table.md && mv $(BUILD)/table.md book/$${name#table }_table.md || exit 1; \
	done
	$(BIN)/python book/results.py
	$(CLEAN_ROOM) python -m vgg_lib.book.explorers book/_static/explore
	$(BIN)/python book/assemble.py
	$(CLEAN_ROOM) jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

repository: $(READY)  ## make repository URL=https://github.com/OWNER/NAME: launch buttons, first cells, links; with URL= none
	$(BIN)/python book/address.py "$(URL)"

minimum:  ## The library's tests with the oldest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-minimum
	.venv-minimum/bin/pip install --quiet uv
	cd .venv-minimum && bin/uv pip compile --no-config --python bin/python --resolution lowest-direct --extra cluster --extra transfer --quiet \
	  ../pyproject.toml --output-file oldest.txt
	cd .venv-minimum && VIRTUAL_ENV=$$PWD bin/uv pip install --no-config --requirement oldest.txt hypothesis ipython psutil pytest scikit-image wasmtime
	cd .venv-minimum && VIRTUAL_ENV=$$PWD bin/uv pip install --no-config --no-deps --editable ..
	env -u VGG_LIB_DATA TQDM_DISABLE=1 OMP_NUM_THREADS=1 .venv-minimum/bin/pytest --ignore=tests/test_book.py --ignore=tests/test_golden.py  # dropout draws other numbers in an older PyTorch

elsewhere:  ## The chapters as in Colab: an empty folder, an older PyTorch, no checkout, installed from a repository
	$$(command -v python3.13 || echo $(PYTHON)) tests/elsewhere.py  # Colab has 3.13

matrix: $(READY) minimum elsewhere  ## All that `make test` has no time for, by hand: an hour or two
	for capability in default avx2 ""; do for threads in 1 2; do \
	  echo "ATEN_CPU_CAPABILITY=$$capability OMP_NUM_THREADS=$$threads"; \
	  env $${capability:+ATEN_CPU_CAPABILITY=$$capability} OMP_NUM_THREADS=$$threads $(MAKE) WORKERS=0 nbval || exit 1; \
	done; done

unpinned:  ## The tests against the newest of everything that pyproject.toml allows, as Colab has it
	$(PYTHON) -m venv .venv-unpinned
	.venv-unpinned/bin/pip install --upgrade --editable ".[book,browser,dev]"
	$(MAKE) READY= VENV=.venv-unpinned unit nbval html

tomorrow: $(READY)  ## Whether a current Sphinx, which Jupyter Book 1 does not allow, builds the pages: what is committed is built
	rm -rf $(BUILD)/tomorrow && mkdir -p $(BUILD)/tomorrow
	git archive HEAD | tar x -C $(BUILD)/tomorrow
	sed -i.bak -e 's/execute_notebooks: force/execute_notebooks: "off"/' $(BUILD)/tomorrow/_config.yml
	$(BIN)/jupyter-book config sphinx $(BUILD)/tomorrow
	sed -i.bak -E "s/'(jupyter_book|sphinx_jupyterbook_latex)', //g" $(BUILD)/tomorrow/conf.py
	$(PYTHON) -m venv .venv-tomorrow
	.venv-tomorrow/bin/pip install --quiet --upgrade --editable . brotli fonttools math-core myst-nb sphinx sphinx-book-theme \
	  sphinx-comments sphinx-copybutton sphinx-design sphinx-external-toc sphinx-multitoc-numbering sphinx-notfound-page \
	  sphinx-thebe sphinx-togglebutton sphinxcontrib-bibtex ziamath
	cd $(BUILD)/tomorrow && PYTHONPATH=book/_ext $(CLEAN_ROOM) "$(CURDIR)/.venv-tomorrow/bin/sphinx-build" -W --keep-going . _build/html

lock: $(READY)  ## Pin requirements.txt anew; PyTorch pins its own CUDA packages
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra book --extra browser --extra dev --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" pyproject.toml --output-file requirements.txt
	sed -i.bak -E '/^(nvidia|cuda|triton)[a-z0-9-]*==/d' requirements.txt && rm requirements.txt.bak

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit("Python 3.11 to 3.13 is needed, and %s is %d.%d: name another, as in make PYTHON=python3.12" % (sys.executable, *sys.version_info[:2]))'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --requirement requirements.txt
	$(BIN)/pip install --no-deps --editable .
	$(BIN)/python -c "import matplotlib.pyplot"  # makes its font cache, or else the first notebook would say so on stderr
	touch $@

clean:  ## Remove the environment and everything built
	rm -rf $(VENV) .venv-minimum .venv-unpinned .venv-tomorrow $(BUILD)
