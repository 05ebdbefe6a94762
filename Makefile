# Two commands do all the set-up on a fresh machine: `make book` and `make test`. The rest is for those who carry the book on.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
BUILD  := book/_build

# The book and its tests see the embedded data set alone, whatever this machine has; and no progress bars in stored outputs.
CLEAN_ROOM := env -u VGG_LIB_DATA VGG_LIB_CACHE=$(CURDIR)/$(BUILD)/cache TQDM_DISABLE=1 PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: book test check unit nbval html test-browser refresh matrix unpinned lock clean

book: $(READY)  ## Execute every notebook on the embedded data set and build the HTML
	$(CLEAN_ROOM) jupyter-book build . --all --warningiserror --path-output book
	@echo "The book is at $(CURDIR)/$(BUILD)/html/index.html"

test: check unit nbval html  ## Everything: style, types, tests, notebooks, book
	@echo "All of it holds."

check: $(READY)  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(READY)  ## Tests of the library, with doctests; of one thread each, as they start many processes
	$(CLEAN_ROOM) OMP_NUM_THREADS=1 pytest

nbval: $(READY)  ## Execute every notebook and compare each output with the stored one
	$(CLEAN_ROOM) pytest --nbval --nbval-current-env --nbval-cell-timeout 300 -p no:doctest --override-ini addopts= notebooks

html: $(READY)  ## Build the HTML from the stored outputs
	mkdir -p $(BUILD)
	sed -e 's/execute_notebooks: force/execute_notebooks: "off"/' -e 's|book/_ext|../_ext|g' _config.yml > $(BUILD)/stored.yml
	$(CLEAN_ROOM) jupyter-book build . --all --warningiserror --path-output book --config $(BUILD)/stored.yml

test-browser: $(READY) $(BUILD)/html/index.html  ## The pages as last built in a real browser: links, mathematics, accessibility, weight
	$(CLEAN_ROOM) pytest tests/browser

$(BUILD)/html/index.html:
	$(MAKE) html

refresh: $(READY)  ## Execute the notebooks in place and rewrite what is made from records: commit it with its cause
	$(BIN)/vgg-lib scoreboard > book/scoreboard_table.md
	$(BIN)/vgg-lib table pilot > book/pilot_table.md
	$(CLEAN_ROOM) python -m vgg_lib.explore book/_static/explore
	$(CLEAN_ROOM) jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

matrix: $(READY)  ## nbval as other processors and thread counts compute, by hand: takes six times as long
	for capability in default avx2 ""; do for threads in 1 2; do \
	  echo "ATEN_CPU_CAPABILITY=$$capability OMP_NUM_THREADS=$$threads"; \
	  env $${capability:+ATEN_CPU_CAPABILITY=$$capability} OMP_NUM_THREADS=$$threads $(MAKE) nbval || exit 1; \
	done; done

unpinned:  ## The tests against the newest of everything that pyproject.toml allows, as Colab has it
	$(PYTHON) -m venv .venv-unpinned
	.venv-unpinned/bin/pip install --upgrade --editable ".[book,browser,dev]"
	$(MAKE) READY= VENV=.venv-unpinned unit nbval html

lock: $(READY)  ## Pin requirements.txt anew; PyTorch pins its own CUDA packages
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra book --extra browser --extra dev --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" pyproject.toml --output-file requirements.txt
	sed -i.bak -E '/^(nvidia|cuda|triton)[a-z0-9-]*==/d' requirements.txt && rm requirements.txt.bak

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --requirement requirements.txt
	$(BIN)/pip install --no-deps --editable .
	$(BIN)/python -c "import matplotlib.pyplot"  # makes its font cache, or else the first notebook would say so on stderr
	touch $@

clean:  ## Remove the environment and everything built
	rm -rf $(VENV) .venv-unpinned $(BUILD)
