# The only commands a person needs:
#   make book       build the website and say where to open it
#   make lint       read the code: style, types, who imports whom
#   make check      check the code quickly, while writing
#   make test       check everything: code, chapters cell by cell, the site in a browser
#   make browsers   install the browsers that these tests need (Debian and Ubuntu, as root)
#   make lab        work on the chapters in JupyterLab
#   make serve      build and serve the website on this machine
#   make notebooks  run the chapters and store their outputs
#   make download   the whole book as PDF and EPUB, in _build/
# For those who have a GPU: make gpu PYTHON=/path/to/python DATA=/path/to/data, in at most 20 minutes.
# For those who write: make new-chapter NAME=file_name TITLE="Title of the page".
# For those who maintain it: make format, make formulas, make stamp, make lock,
# make editions, make fuzz, make nightly, make clean.

# The first of these that is Python 3.11, 3.12 or 3.13; PYTHON=/path/to/python is taken instead.
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python)
PORT ?= 8000
VENV := .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
# What the website needs is installed, and all the rest.
BUILDER := $(VENV)/.builder
READY := $(VENV)/.ready
SITE := _build/html
RUNTIME := build/playground/.ready
LENT := build/lent

# One thread each: the tests run side by side, and sums stay in one order.
export OMP_NUM_THREADS ?= 1
export TF_CPP_MIN_LOG_LEVEL ?= 3

# PyTorch's build for this machine is chosen by pip's configuration, or by uv (UV_TORCH_BACKEND=auto).
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL_TORCH := $(if $(UV_TORCH_BACKEND),uv pip install --quiet --python $(BIN)/python,$(PIP))

# What `make check` runs: what is quick, and needs no browser, site, network or training.
QUICK := augment claims imports lock make ops_errors ops_fourier ops_shapes package quiz results statistics words workflows

.PHONY: book lint check test nightly gpu browsers lab serve notebooks editions download new-chapter fuzz format formulas stamp lock clean
.DELETE_ON_ERROR:

FIND_PYTHON = for python in $(PYTHONS); do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null && break; \
	python=; \
	done; test "$$python" || { echo "make: found no Python 3.11, 3.12 or 3.13 among: $(PYTHONS);" \
	"name one: make PYTHON=/path/to/python" >&2; exit 1; }

# From new locks everything is installed anew: nothing is left of what they no longer name.
$(BUILDER): requirements-site.lock requirements.lock requirements-torch.txt pyproject.toml
	@$(FIND_PYTHON); echo "Installing what builds the book into $(VENV) …"; \
	"$$python" -m venv --clear $(VENV)
	@$(PIP) --no-compile --no-deps --requirement requirements-site.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(READY): $(BUILDER)
	@echo "Installing all the rest into $(VENV) (some minutes the first time) …"
	@$(PIP) --no-deps --requirement requirements.lock
	@$(INSTALL_TORCH) --requirement requirements-torch.txt
	@touch $@

# What runs the networks of the playground; without Node.js the page says that it cannot.
$(RUNTIME): book/_playground/package-lock.json
	@mkdir -p $(@D) && cp book/_playground/package*.json $(@D)
	@if command -v npm > /dev/null; \
	then npm ci --prefix $(@D) --silent --ignore-scripts --no-audit --no-fund && touch $@; \
	else echo "No Node.js: the book is built without what runs the playground."; fi

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

# On a fresh machine the book is built before the rest is there. Chapters run like on Colab: where
# nothing is installed that Colab does not have, in a folder of their own.
test: book lint
	@$(BIN)/python code/support/browser.py
	@$(BIN)/python tests/lending.py $(LENT)
	JUPYTER_PATH=$(LENT)/jupyter $(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder \
		-m "not timing and not nightly" \
		--nbval --nbval-kernel-name lent --durations 25 --durations-min 5 \
		--cov --cov-report= tests $(LENT)/chapters
	@$(BIN)/python code/support/rooms.py
	@diff -rq chapters $(LENT)/chapters  # they change and leave nothing where they run
	$(BIN)/pytest -m "timing and not nightly" --durations 10 --durations-min 5 tests

# What is too long for every push.
nightly: book $(READY)
	@$(BIN)/python code/support/browser.py
	$(BIN)/pytest -m nightly tests

# All that a GPU shows, in results/: its tests, each chapter at full size, the speed. Installs nothing and
# fetches nothing: the Python that is named has PyTorch and the rest. GPU=--smallest where there is none.
gpu:
	env -u OMP_NUM_THREADS PYTHONPATH=code $(firstword $(PYTHON) python3) code/gpu \
		$(if $(DATA),--data "$(DATA)") $(GPU)

# The browsers of the site's tests. The only command that installs anything outside this folder.
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

# The chapters for Colab, which reads no MyST, in _build/colab/.
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

# Set the formulas that the last `make book` has found. Needs Node.js.
formulas: $(BUILDER)
	$(BIN)/python code/scripts/formulas.py

stamp: $(BUILDER)
	$(BIN)/python code/scripts/stamp.py

# Resolve anew, with hashes, for every system and Python at once: all but PyTorch; and from what
# came out, what builds the website.
# Required by what builds it, and never asked for by this book: a fifth of the disk space.
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
	@(echo "# Written by \`make lock\` from requirements.in: every package, exactly, for every system."; \
		cat build/lock/all.txt) > requirements.lock
	@(echo "# Written by \`make lock\`: of requirements.lock, what builds the website."; \
		cat build/lock/site.txt) > requirements-site.lock

# Ten thousand hostile inputs, others every day; FUZZ=100000 SEED=7 for more and the same again.
fuzz: $(READY)
	$(BIN)/python -W ignore tests/fuzz.py $(or $(FUZZ),10000) $(or $(SEED),$(shell date +%Y%m%d))

clean:
	rm -rf _build build
