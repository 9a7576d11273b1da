# Everyday commands:
#   make book       build the website and say where to open it
#   make lint       static checks: style, types, imports
#   make check      run the quick checks while you write code
#   make test       check everything: code, chapters cell by cell, the site in real browsers
#   make browsers   install the browsers these tests need (Debian and Ubuntu, as root)
#   make lab        work on the chapters in JupyterLab
#   make serve      build and serve the website on this machine
#   make notebooks  run the chapters and store their outputs
#   make download   make a PDF and an EPUB of the whole book in _build/
# For machines with a GPU: make gpu PYTHON=/path/to/python DATA=/path/to/data, at most 20 minutes.
# For authors: make new-chapter NAME=file_name TITLE="Title of the page".
# For maintainers: make format, make formulas, make stamp, make lock,
# make editions, make fuzz, make nightly, make clean.

# The first of these that is Python 3.11, 3.12 or 3.13 is used; PYTHON=/path/to/python overrides the list.
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python)
PORT ?= 8000
VENV := .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
# Marks: what the website needs is installed; everything else is installed.
BUILDER := $(VENV)/.builder
READY := $(VENV)/.ready
SITE := _build/html
RUNTIME := build/playground/.ready
LENT := build/lent

# One thread each: tests run in parallel, and sums keep one order.
export OMP_NUM_THREADS ?= 1
export TF_CPP_MIN_LOG_LEVEL ?= 3

# PyTorch's build for this machine is chosen by pip's configuration, or by uv (UV_TORCH_BACKEND=auto).
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL_TORCH := $(if $(UV_TORCH_BACKEND),uv pip install --quiet --python $(BIN)/python,$(PIP))

# What `make check` runs: quick tests that need no browser, site, network connection or training.
QUICK := augment claims imports lock make ops_errors ops_fourier ops_shapes package quiz results statistics words workflows

.PHONY: book lint check test nightly gpu browsers lab serve notebooks editions download new-chapter fuzz format formulas stamp lock clean
.DELETE_ON_ERROR:

FIND_PYTHON = for python in $(PYTHONS); do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null && break; \
	python=; \
	done; test "$$python" || { echo "make: found no Python 3.11, 3.12 or 3.13 among: $(PYTHONS);" \
	"to name one, run: make PYTHON=/path/to/python" >&2; exit 1; }

# When a lock file changes, everything is reinstalled, so that nothing remains that it no longer names.
$(BUILDER): requirements-site.lock requirements.lock requirements-torch.txt pyproject.toml
	@$(FIND_PYTHON); echo "Installing what builds the book into $(VENV) …"; \
	"$$python" -m venv --clear $(VENV)
	@$(PIP) --no-compile --no-deps --requirement requirements-site.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(READY): $(BUILDER)
	@echo "Installing everything else into $(VENV) (a few minutes the first time) …"
	@$(PIP) --no-deps --requirement requirements.lock
	@$(INSTALL_TORCH) --requirement requirements-torch.txt
	@touch $@

# The runtime for the playground's networks; without Node.js the page says that it is missing.
$(RUNTIME): book/_playground/package-lock.json
	@mkdir -p $(@D) && cp book/_playground/package*.json $(@D)
	@if command -v npm > /dev/null; \
	then npm ci --prefix $(@D) --silent --ignore-scripts --no-audit --no-fund && touch $@; \
	else echo "Node.js not found: building the book without the playground's runtime."; fi

book: $(BUILDER) $(RUNTIME)
	@$(BIN)/jupyter-book build --all --warningiserror --nitpick --keep-going --quiet .
	@echo "The book is ready. Open file://$(CURDIR)/$(SITE)/index.html or run: make serve"

# What reads the code and does not run it: style, types, who imports whom.
lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy

check: lint
	$(BIN)/pytest --quiet --numprocesses 2 -m "not timing" -k "not installing" $(QUICK:%=tests/test_%.py)

# On a fresh machine the book is built before the rest is installed. Chapters run as on Colab: in a
# folder of their own, with only the packages that Colab has.
test: book lint
	@$(BIN)/python code/support/browser.py
	@$(BIN)/python tests/lending.py $(LENT)
	JUPYTER_PATH=$(LENT)/jupyter $(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder \
		-m "not timing and not nightly" \
		--nbval --nbval-kernel-name lent --durations 25 --durations-min 5 \
		--cov --cov-report= tests $(LENT)/chapters
	@$(BIN)/python code/support/rooms.py
	@diff -rq chapters $(LENT)/chapters  # running them must not change or add files
	$(BIN)/pytest -m "timing and not nightly" --durations 10 --durations-min 5 tests

# Tests that take too long for every push.
nightly: book $(READY)
	@$(BIN)/python code/support/browser.py
	$(BIN)/pytest -m nightly tests

# What only a GPU can show, stored in results/: its tests, each chapter at full size, the speed. Installs
# and downloads nothing: PYTHON must have PyTorch and the rest. Without a GPU: GPU=--smallest.
gpu:
	env -u OMP_NUM_THREADS PYTHONPATH=code $(firstword $(PYTHON) python3) code/gpu \
		$(if $(DATA),--data "$(DATA)") $(GPU)

# The browsers for the site's tests. The only command that installs anything outside this folder.
browsers: $(READY)
	@$(BIN)/python code/support/browser.py --install

lab: $(READY)
	$(BIN)/jupyter lab chapters

serve: book
	$(BIN)/python -m http.server --directory $(SITE) --bind 127.0.0.1 $(PORT)

notebooks: $(READY)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.record_timing=False --ExecutePreprocessor.timeout=600 \
		--ExecutePreprocessor.store_widget_state=False chapters/*.ipynb

new-chapter: $(BUILDER)
	@$(BIN)/python code/scripts/new_chapter.py "$(NAME)" "$(TITLE)"

# The chapters for Colab, which does not read MyST, in _build/colab/.
editions: $(BUILDER)
	$(BIN)/python code/scripts/colab.py _build/colab/chapters

# The PDF is printed by Chromium, from the book built as one page.
download: $(READY)
	@$(BIN)/python code/support/browser.py
	@rm -rf _build/singlehtml _build/epub
	@$(BIN)/jupyter-book build --builder singlehtml --warningiserror --nitpick --keep-going --quiet .
	@$(BIN)/python code/scripts/print_book.py
	@$(BIN)/jupyter-book build --builder custom --custom-builder epub --warningiserror --nitpick --keep-going --quiet .
	@cp _build/epub/upconv.epub _build/upconv.epub

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Convert the formulas that the last `make book` found. Needs Node.js.
formulas: $(BUILDER)
	$(BIN)/python code/scripts/formulas.py

stamp: $(BUILDER)
	$(BIN)/python code/scripts/stamp.py

# Resolve everything but PyTorch again, with hashes, for every system and Python at once; then select
# from the result what builds the website.
# Required by the website's builders but never used by this book: a fifth of the disk space.
UNUSED := contourpy cycler debugpy ipykernel jedi kiwisolver matplotlib networkx parso pyparsing
RESOLVE := build/lock/$(SCRIPTS)/uv pip compile --quiet --universal --python-version 3.11.2 \
	--generate-hashes --no-emit-index-url --no-annotate --no-header
lock:
	@$(FIND_PYTHON); rm -rf build/lock; "$$python" -m venv build/lock
	@build/lock/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check uv
	@echo 'torch; sys_platform == "never"' > build/lock/without-torch.txt
	@$(RESOLVE) requirements.in --output-file build/lock/all.txt \
		--overrides build/lock/without-torch.txt --no-emit-package torch --no-emit-package upconv
	@$(RESOLVE) pyproject.toml --extra site --output-file build/lock/site.txt \
		--constraints build/lock/all.txt $(UNUSED:%=--no-emit-package %)
	@(echo "# Written by \`make lock\` from requirements.in: exact versions of all packages, for every system."; \
		cat build/lock/all.txt) > requirements.lock
	@(echo "# Written by \`make lock\`: the part of requirements.lock that builds the website."; \
		cat build/lock/site.txt) > requirements-site.lock

# Ten thousand hostile inputs, different every day; for more, or to repeat a run: FUZZ=100000 SEED=7.
fuzz: $(READY)
	$(BIN)/python -W ignore tests/fuzz.py $(or $(FUZZ),10000) $(or $(SEED),$(shell date +%Y%m%d))

clean:
	rm -rf _build build
