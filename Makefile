# The only commands a person needs:
#   make book       build the website and say where to open it
#   make test       check everything: code, chapters cell by cell, the site in a browser
#   make browsers   install the browsers that these tests need (Debian and Ubuntu, as root)
#   make lab        work on the chapters in JupyterLab
#   make serve      build and serve the website on this machine
#   make notebooks  run the chapters and store their outputs
#   make download   the whole book as PDF and EPUB, in _build/
# For those who write: make new-chapter NAME=file_name TITLE="Title of the page".
# For those who maintain it: make format, make formulas, make stamp, make lock,
# make fuzz, make nightly, make clean.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SITE := _build/html
RUNTIME := build/playground/.ready

# One thread each: the tests run two at a time, and sums stay in one order.
export OMP_NUM_THREADS ?= 1
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: book test nightly browsers lab serve notebooks download new-chapter fuzz format formulas stamp lock clean
.DELETE_ON_ERROR:

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v == (3, 11) or sys.exit("make: got Python %d.%d, expected 3.11: run make PYTHON=/path/to/python3.11" % v)'
	@echo "Installing into $(VENV) (some minutes the first time) …"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# What runs the networks of the playground; without Node.js the page says that it cannot.
$(RUNTIME): book/_playground/package-lock.json
	@mkdir -p $(@D) && cp book/_playground/package*.json $(@D)
	@if command -v npm > /dev/null; \
	then npm ci --prefix $(@D) --silent --ignore-scripts --no-audit --no-fund && touch $@; \
	else echo "No Node.js: the book is built without what runs the playground."; fi

book: $(READY) $(RUNTIME)
	@$(BIN)/jupyter-book build --all --warningiserror --nitpick --keep-going --quiet .
	@echo "The book is ready. Open file://$(CURDIR)/$(SITE)/index.html or run: make serve"

test: book
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@$(BIN)/python tests/browser.py
	$(BIN)/pytest --numprocesses 2 --dist loadscope -m "not timing and not nightly" --nbval --nbval-current-env tests chapters
	$(BIN)/pytest -m timing tests

# What is too long for every push.
nightly: book
	@$(BIN)/python tests/browser.py
	$(BIN)/pytest -m nightly tests

# The browsers of the site's tests. The only command that installs anything outside this folder.
browsers: $(READY)
	@$(BIN)/python tests/browser.py --install

lab: $(READY)
	$(BIN)/jupyter lab chapters

serve: book
	$(BIN)/python -m http.server --directory $(SITE) --bind 127.0.0.1 $(PORT)

notebooks: $(READY)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.record_timing=False --ExecutePreprocessor.timeout=600 \
		--ExecutePreprocessor.store_widget_state=False chapters/*.ipynb

new-chapter: $(READY)
	@$(BIN)/python code/scripts/new_chapter.py "$(NAME)" "$(TITLE)"

# The PDF is printed by Chromium, from the book built as one page.
download: $(READY)
	@$(BIN)/python tests/browser.py
	@rm -rf _build/singlehtml _build/epub
	@$(BIN)/jupyter-book build --builder singlehtml --warningiserror --nitpick --keep-going --quiet .
	@$(BIN)/python code/scripts/print_book.py
	@$(BIN)/jupyter-book build --builder custom --custom-builder epub --warningiserror --nitpick --keep-going --quiet .
	@cp _build/epub/upconv.epub _build/upconv.epub

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Set the formulas that the last `make book` has found. Needs Node.js.
formulas: $(READY)
	$(BIN)/python code/scripts/formulas.py

stamp: $(READY)
	$(BIN)/python code/scripts/stamp.py

# Resolve anew, in a fresh environment, and pin every package.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet --requirement requirements.in
	build/lock/bin/python code/scripts/write_lock.py > requirements.lock

# Ten thousand hostile inputs, others every day; FUZZ=100000 SEED=7 for more and the same again.
fuzz: $(READY)
	$(BIN)/python -W ignore tests/fuzz.py $(or $(FUZZ),10000) $(or $(SEED),$(shell date +%Y%m%d))

clean:
	rm -rf _build build
