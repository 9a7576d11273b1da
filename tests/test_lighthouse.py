"""Lighthouse, as Google's page speed reports run it: a middling phone on a slow network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from browser import require_browser
from pace import PATIENCE
from test_site import PAGES

LIMITS = {"performance": 0.95, "accessibility": 1, "best-practices": 0.95, "seo": 0.95}
PAUSES = (0, 0, 5, 15, 30, 60)  # seconds; what else a machine does can only slow a page down
# The phone in Lighthouse's benchmark index: a machine four times as fast is slowed by 4.
PHONE = 650
HEAVY = ("intro", "explorers", "playground", "gallery", "ops")


@pytest.fixture(scope="session")
def lighthouse() -> str:
    """The pinned Lighthouse, installed below build/ if it is not there yet."""
    if shutil.which("npm") is None:
        assert "CI" not in os.environ, "continuous integration needs Node.js"
        pytest.skip("needs Node.js")
    source = Path(__file__).with_name("lighthouse")
    home = Path(__file__).parents[1] / "build" / "lighthouse"
    shutil.copytree(source, home, dirs_exist_ok=True)
    command = home / "node_modules/.bin/lighthouse"
    wanted = json.loads((source / "package.json").read_text(encoding="utf-8"))["dependencies"]
    installed = home / "node_modules/lighthouse/package.json"
    if not (
        installed.exists()
        and json.loads(installed.read_text(encoding="utf-8"))["version"] == wanted["lighthouse"]
    ):
        subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=home, check=True)
    return str(command)


def audit(command: str, address: str, slowdown: float) -> dict:
    run = subprocess.run(
        [
            command,
            address,
            "--quiet",
            "--output=json",
            "--only-categories=" + ",".join(LIMITS),
            f"--throttling.cpuSlowdownMultiplier={slowdown:.2f}",
            # As for the other tests: root in a container has no sandbox.
            "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
        ],
        env=os.environ | {"CHROME_PATH": require_browser()},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def heavy(page: str) -> bool:
    """Whether a page has more than words: chapters, explorers, networks, and one of the API."""
    return page.startswith("chapters/") or Path(page).stem in HEAVY


@pytest.mark.timing
@pytest.mark.parametrize(
    "page_name",
    [page if heavy(page) else pytest.param(page, marks=pytest.mark.nightly) for page in PAGES],
)
def test_lighthouse_is_content(lighthouse, served, page_name):
    slowdown = 4.0
    for pause in PAUSES:
        time.sleep(pause)
        report = audit(lighthouse, served + page_name, slowdown)
        slowdown = max(1.0, min(4.0, report["environment"]["benchmarkIndex"] / PHONE))
        scores = {name: part["score"] for name, part in report["categories"].items()}
        if all(scores[name] >= limit for name, limit in LIMITS.items()):
            break
    metrics = {
        name: report["audits"][name]["displayValue"]
        for name in (
            "first-contentful-paint",
            "largest-contentful-paint",
            "total-blocking-time",
            "cumulative-layout-shift",
        )
    }
    print(page_name, scores, metrics)
    low = [
        f"{audit['id']}: {audit['title']} {audit.get('displayValue', '')}"
        for audit in report["audits"].values()
        if audit["score"] is not None and audit["score"] < 0.9
    ]
    for name, limit in LIMITS.items():
        assert scores[name] >= limit, (scores, metrics, low)
