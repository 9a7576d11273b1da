"""The browser of the site's tests: found, or installed, or said how to get.

Run as a script (``make test`` does), it makes sure that there is one and prints its path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# The system's package managers, asked in this order when we may: commands to run.
PACKAGE_MANAGERS = {
    "apt-get": (
        ["apt-get", "update", "-qq"],
        [
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "chromium",
            "fonts-liberation",
            "fonts-noto-cjk",  # for the glossary
        ],
    ),
    "dnf": (["dnf", "install", "-y", "-q", "chromium"],),
    "apk": (["apk", "add", "--quiet", "chromium"],),
    "pacman": (["pacman", "-Sy", "--noconfirm", "chromium"],),
}
HELP = (
    "The site's tests need Chromium or Chrome, and none was found or could be installed.\n"
    "Install one (Debian: apt install chromium; macOS: brew install --cask chromium), or name\n"
    "one in the environment variable UPCONV_BROWSER, or run: .venv/bin/playwright install chromium"
)


def find_browser() -> str | None:
    """Path of an installed Chromium or Chrome, or None."""
    if named := os.environ.get("UPCONV_BROWSER"):
        if not shutil.which(named):
            raise SystemExit(f"UPCONV_BROWSER: got {named!r}, expected the path of a browser")
        return named
    for command in COMMANDS:
        if path := shutil.which(command):
            return path
    for application in APPLICATIONS:
        if Path(application).exists():
            return application
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def install_browser() -> None:
    """Try the system's package manager when root, then Playwright's own download."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        for manager, commands in PACKAGE_MANAGERS.items():
            if shutil.which(manager):
                environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
                if all(_run(command, environment) for command in commands) and find_browser():
                    return
    _run([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ))


def _run(command: list[str], environment: dict[str, str]) -> bool:
    print("Running:", " ".join(command), file=sys.stderr)
    return subprocess.run(command, env=environment, stdout=sys.stderr).returncode == 0


def require_browser() -> str:
    """Path of a browser, installing one if need be; ends the run with advice otherwise."""
    path = find_browser()
    if path is None:
        install_browser()
        path = find_browser()
    if path is None:
        raise SystemExit(HELP)
    return path


if __name__ == "__main__":
    print("Browser:", require_browser())
