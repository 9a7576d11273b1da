"""Explorers in a real JupyterLab with a real kernel: what the reader sets, Python reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from pace import PATIENCE
from playwright.sync_api import TimeoutError, expect

# What a reader does with each, and what Python is then asked.
CASES = {
    "ConvolutionExplorer": ("stride S", 3, "explorer.stride, explorer.output.shape", "(3, (5, 5))"),
    "TransposedConvolutionExplorer": (
        "stride S",
        3,
        "explorer.stride, explorer.output.shape",
        "(3, (9, 9))",
    ),
    "FourierExplorer": (None, None, "explorer.view, explorer.output.shape", "('signal', (1, 128))"),
    "UpsamplingExplorer": (
        "factor S",
        3,
        "explorer.factor, explorer.output.shape",
        "(3, (72,))",
    ),
    "KernelLearningExplorer": (
        "steps",
        2,
        "explorer.steps, explorer.learned.shape, len(explorer.path)",
        "(2, (3, 3), 3)",
    ),
    "GanExplorer": (
        "steps",
        20,
        "explorer.steps, explorer.generated.shape, len(explorer.losses)",
        "(20, (500, 2), 20)",
    ),
    "PoolingExplorer": ("window K", 3, "explorer.stride, explorer.pooled.shape", "(3, (2, 2))"),
    "ReceptiveFieldExplorer": ("input size", 100, "explorer.map_sizes[-1]", "3"),
    "ShapeExplorer": ("input size", 540, "explorer.size, explorer.fitting_size", "(540, 544)"),
    "LatentExplorer": ("direction 1", 2, "explorer.first, explorer.image.shape", "(2, (32, 32))"),
}

CONNECTED = """() => {
  const kernel = jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab of its own, and the folder that it shows."""
    folder = tmp_path_factory.mktemp("lab")
    settings = {
        name: str(folder / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    }
    (folder / "work").mkdir()
    port = 8000 + os.getpid() % 1000
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    command += ["--LabApp.expose_app_in_browser=True"]  # the page's `jupyterapp`
    command += [f"--ServerApp.port={port}", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={folder / 'work'}"]
    with open(folder / "log.txt", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | settings)
        try:
            yield wait_for_address(server, folder / "log.txt"), folder / "work"
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE)


def wait_for_address(server: subprocess.Popen, log) -> str:
    for _ in range(4 * PATIENCE):
        found = re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/lab", log.read_text())
        if found:
            address = f"http://127.0.0.1:{found[1]}/"
            try:
                urllib.request.urlopen(address + "api", timeout=PATIENCE)
                return address
            except OSError:
                pass
        assert server.poll() is None, log.read_text()
        time.sleep(0.25)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def notebook(lab, chromium):
    """A notebook with every explorer, run; each in a cell, and after it one that asks it."""
    address, folder = lab
    cells = [nbformat.v4.new_code_cell("from upconv.widgets import *")]
    for name, (_, _, question, _) in CASES.items():
        show = f"explorer = {name}()\nseen_{name} = []\n"
        show += f"explorer.observe(seen_{name}.append)\nkept_{name} = explorer\nexplorer"
        ask = question.replace("explorer.", f"kept_{name}.")
        cells += [nbformat.v4.new_code_cell(show), nbformat.v4.new_code_cell(ask)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}),
        folder / "explorers.ipynb",
    )
    page = chromium.new_page(viewport={"width": 1200, "height": 6000})
    page.goto(f"{address}lab/tree/explorers.ipynb")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    last = page.locator(".jp-CodeCell").nth(2 * len(CASES))
    done = last.locator(".jp-InputPrompt").get_by_text(re.compile(r"\[\d+\]"))
    # Without a kernel that is connected, JupyterLab forgets what it is told to run.
    for _ in range(5):
        page.wait_for_function(CONNECTED)
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
        try:
            done.wait_for(timeout=30_000)
            break
        except TimeoutError:
            pass
    expect(done).to_be_visible()
    expect(last.locator(".jp-OutputArea-output")).to_be_visible()
    # JupyterLab may draw an output a second time just after the first.
    for _ in range(4 * PATIENCE):
        page.wait_for_timeout(250)
        if page.locator("section.ux").count() == len(CASES):
            break
    page.wait_for_timeout(1500)
    yield page
    page.close()


def ask(page, cell: int) -> str:
    """Run a cell and read what it says."""
    code = page.locator(".jp-CodeCell").nth(cell)
    prompt = code.locator(".jp-InputPrompt").first
    before = prompt.inner_text()
    code.locator(".cm-content").first.click()
    page.keyboard.press("Control+Enter")
    expect(prompt).not_to_have_text(before)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]"))
    return code.locator(".jp-OutputArea-output").inner_text().strip()


@pytest.mark.parametrize("name", list(CASES))
def test_python_reads_what_the_reader_sets(notebook, name):
    label, value, _, expected = CASES[name]
    cell = 1 + 2 * list(CASES).index(name)
    box = notebook.locator(".jp-CodeCell").nth(cell).locator("section.ux")
    expect(box).to_have_count(1)
    assert ask(notebook, cell + 1) != expected
    if label is None:
        box.get_by_role("tab", name="Signal").click()
    else:
        field = box.get_by_label(label, exact=True).first
        field.fill(str(value))
        field.press("Enter")
    for _ in range(4 * PATIENCE):  # messages to the kernel take their time
        answer = ask(notebook, cell + 1)
        if answer == expected:
            break
        notebook.wait_for_timeout(250)
    assert answer == expected


def test_the_reader_sees_what_python_sets_and_python_observes(notebook):
    cell = 1 + 2 * list(CASES).index("ShapeExplorer")
    box = notebook.locator(".jp-CodeCell").nth(cell).locator("section.ux")
    expect(box).to_be_visible()
    code = notebook.locator(".jp-CodeCell").first
    code.locator(".cm-content").first.click()
    notebook.keyboard.press("Control+A")
    notebook.keyboard.type(
        "kept_ShapeExplorer.network = 'U-Net, same'; seen_ShapeExplorer[-1].name"
    )
    assert ask(notebook, 0) == "'network'"
    expect(box.get_by_label("network", exact=True)).to_have_value("U-Net, same")
    expect(box).to_contain_text("Pad to 544 × 544")
