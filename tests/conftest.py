"""Settings shared by all tests."""

import os
import signal

# Before any framework is imported: quiet, and one order of summation.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import functools
import gzip
import http.server
import importlib
import io
import sys
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from browser import require_browser, settle
from hypothesis import HealthCheck, settings
from pace import PATIENCE
from playwright.sync_api import Browser, Page, expect, sync_playwright

from upconv.frameworks import before_tensorflow

# Several tests import TensorFlow themselves.
before_tensorflow()

expect.set_options(timeout=1000 * PATIENCE)
SITE = Path(__file__).parents[1] / "_build" / "html"

# The same examples everywhere and no deadline: what passes here passes there.
settings.register_profile(
    "reproducible",
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("reproducible")


# Started in the background of a script, all processes of a shell ignore Ctrl-C; the tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# These take longest, in this order. They come first: of two processes, the one that began with a
# long file last would leave the other with nothing to do.
LONG = [
    "test_site", "test_extension", "test_cells", "test_scale", "test_cli", "test_engines",
    "test_landing", "test_download",
    "04_skip_ablation", "07_style_transfer", "test_colab", "03_fcn", "test_explorers",
    "test_make_gpu", "05_unet", "test_playground", "test_device", "06_dcgan", "test_onnx",
    "test_widgets", "test_lending", "test_transform", "test_faults", "test_package",
]  # fmt: skip


def pytest_collection_modifyitems(items):
    for item in items:
        # Random input runs the same lines many times, and noting them each time takes a third more.
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


def pytest_terminal_summary(terminalreporter, config):
    """The slowest files, beside the slowest tests that pytest prints itself."""
    spent: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            file = getattr(report, "nodeid", "").partition("::")[0]
            spent[file] += getattr(report, "duration", 0)
    if config.getoption("durations"):
        terminalreporter.section("slowest files")
        for name, seconds in spent.most_common(config.getoption("durations")):
            terminalreporter.write_line(f"{seconds:7.2f}s {name}")


@pytest.fixture
def import_from(monkeypatch):
    """Imports files that lie in no package, by their folder and then by name; anew in each test."""
    before, folders = set(sys.modules), []

    def importer(folder: Path):
        monkeypatch.syspath_prepend(str(folder))
        folders.append(folder)
        return importlib.import_module

    yield importer
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent in folders:
            del sys.modules[name]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Text gzipped, as GitHub Pages and most servers send it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def text(self, path: Path) -> bytes:
        """What is sent of a file with text."""
        return path.read_bytes()

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in {".html", ".css", ".js", ".svg"} or not path.is_file():
            return super().send_head()
        data = gzip.compress(self.text(path), 6)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return io.BytesIO(data)


@contextmanager
def serving(kind: type[Quiet], folder: Path = SITE):
    """Address of the site, or of what else is in a folder, on a server of this machine."""
    handler = functools.partial(kind, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def served():
    with serving(Quiet) as address:
        yield address


class Patient:
    """A browser whose pages wait for an event as long as a busy machine needs."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def new_context(self, **options):
        context = self.browser.new_context(**options)
        context.set_default_timeout(1000 * PATIENCE)
        return context

    def new_page(self, **options) -> Page:
        """A page in a context of its own, which goes when the page is closed."""
        page = self.browser.new_page(**options)
        page.set_default_timeout(1000 * PATIENCE)
        return page


@pytest.fixture(scope="session")
def launch():
    """Starts browsers, which end with the session."""
    # Started as root, as in most containers, Chromium refuses its own sandbox.
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())

        def start(path: str) -> Patient:
            browser = playwright.chromium.launch(executable_path=path, args=options)
            stack.callback(browser.close)
            return Patient(browser)

        yield start


@pytest.fixture(scope="session")
def chromium(launch):
    return launch(require_browser(headless=True))


@pytest.fixture(scope="session")
def chrome(launch):
    """The browser that readers have: where it does not do as the one without windows."""
    return launch(require_browser())


@contextmanager
def opening(chromium):
    """Opens pages; what each complains of and asks for is kept on the page object."""
    contexts = []

    def open_page(address: str, viewport=None, scheme="light"):
        context = chromium.new_context(
            viewport=viewport or {"width": 1280, "height": 900}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda m: m.type == "error" and page.complaints.append(m.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("requestfailed", lambda request: page.complaints.append(f"failed: {request.url}"))
        page.goto(address, wait_until="load")
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def visit(chromium):
    with opening(chromium) as open_page:
        yield open_page


def imported(page, text: str):
    """The module of a text, as the page has imported it."""
    return page.evaluate_handle(
        "text => import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })))", text
    )
