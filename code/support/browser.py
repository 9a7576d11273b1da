"""Find or install the browsers for the site's tests and for printing the book.

    python code/support/browser.py            check; an error without Chromium or Chrome
    python code/support/browser.py --install  install missing ones (Debian and Ubuntu, as root)

``make test`` runs the first, ``make browsers`` the second.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# The same browser without a GUI: it opens the site's pages in three quarters of the time.
HEADLESS = ("chromium-headless-shell", "chrome-headless-shell")
FIREFOX = ("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox")
WEBKIT = ("WebKitWebDriver",)
SCREEN = ("Xvfb",)  # WebKit has no headless mode
# Requirements of each engine: one command of each group, and the Debian packages with them.
ENGINES = {
    "Chromium": ((CHROMIUM,), ("chromium", "fonts-liberation", "fonts-noto-cjk")),
    "Firefox": ((FIREFOX,), ("firefox-esr",)),
    "WebKit": ((WEBKIT, SCREEN), ("webkit2gtk-driver", "xvfb")),
}
FASTER = "chromium-headless-shell"  # a package that some distributions lack


def find(commands: tuple[str, ...]) -> str | None:
    """Return the path of the first of these commands that is installed, or None."""
    return next((path for path in map(shutil.which, commands) if path), None)


def find_browser(*, headless: bool = False) -> str | None:
    """Return the path of Chromium or Chrome, or None; ``headless`` prefers one without a GUI."""
    if named := os.environ.get("UPCONV_BROWSER"):
        if not shutil.which(named):
            raise SystemExit(f"UPCONV_BROWSER: got {named!r}, expected the path of a browser")
        return named
    if path := find(HEADLESS + CHROMIUM if headless else CHROMIUM):
        return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def missing() -> list[str]:
    """Return the engines that are not installed."""
    there = {name: all(map(find, groups)) for name, (groups, _) in ENGINES.items()}
    there["Chromium"] = find_browser() is not None
    return [name for name, found in there.items() if not found]


def how_to_get(engines: list[str]) -> str:
    """Say in one line how to install missing engines."""
    packages = " ".join(package for name in engines for package in ENGINES[name][1])
    return f"run `make browsers` (Debian: apt-get install {packages})"


def require_browser(*, headless: bool = False) -> str:
    """Return the path of Chromium or Chrome; exit with instructions if there is none."""
    if path := find_browser(headless=headless):
        return path
    raise SystemExit(
        f"The site's tests need Chromium or Chrome: {how_to_get(['Chromium'])},"
        " or name one in the environment variable UPCONV_BROWSER."
    )


def settle(page) -> None:
    """Wait for the layout, the fonts and all images, including lazy ones."""
    page.wait_for_function(
        "() => 'laidOut' in document.documentElement.dataset ||"
        " !document.querySelector('.bd-article')"
    )
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.evaluate(
        """async () => {
            const images = [...document.images];
            images.forEach(image => { image.loading = "eager"; });
            await Promise.all(images.map(image => image.decode().catch(() => {})));
        }"""
    )


def offered(package: str) -> bool:
    """Whether this distribution offers the package."""
    asked = subprocess.run(["apt-cache", "show", package], capture_output=True)
    return asked.returncode == 0


def install(engines: list[str]) -> None:
    """Install the Debian packages of these engines, and the faster Chromium if available."""
    packages = [package for name in engines for package in ENGINES[name][1]]
    faster = not find(HEADLESS)
    if not packages and not faster:
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise SystemExit(f"make browsers needs root on Debian or Ubuntu: {' '.join(packages)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-y", "-qq", "--no-install-recommends"]
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=True)
    if faster and offered(FASTER):
        packages.append(FASTER)
    if packages:
        subprocess.run(["apt-get", "install", *options, *packages], env=environment, check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--install"]:
        install(missing())
    elif sys.argv[1:]:
        raise SystemExit(f"arguments: got {' '.join(sys.argv[1:])!r}, expected none or --install")
    print("Chromium:", require_browser(headless=True))
    if lacking := missing():
        print(f"Not installed, so not tested: {', '.join(lacking)}; {how_to_get(lacking)}")
