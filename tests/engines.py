"""Firefox and WebKit as their makers drive them: WebDriver's commands, over two transports.

Chromium is driven by Playwright. A Firefox as distributions ship it speaks Marionette, messages of
JSON over a socket; WebKit has a driver that speaks HTTP. Both understand the same few commands.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from browser import FIREFOX, WEBKIT, find
from pace import PATIENCE, wait_until

# Run a function of a page and wait for what it promises.
CALL = """
const [source, argument, done] = arguments;
Promise.resolve().then(() => eval("(" + source + ")")(argument))
    .then((value) => done({ value: value ?? null }), (error) => done({ error: String(error) }));
"""
# Animations would move what is measured; a next page fetched ahead, and given up when the test goes
# on, is an error of its link. The rest keeps Firefox from calling home.
PREFERENCES = {
    "ui.prefersReducedMotion": 1,
    "dom.disable_open_during_load": False,
    "marionette.port": 0,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.prefetch-next": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


class Engine:
    """One window of a browser."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        try:
            self.start()
            self.command("SetTimeouts", script=1000 * PATIENCE, pageLoad=1000 * PATIENCE)
        except BaseException:
            self.close()
            raise

    def command(self, name: str, **arguments: object) -> object:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def resize(self, width: int, height: int) -> None:
        """Give the page this size."""
        size = "() => [innerWidth, innerHeight]"

        def fits() -> bool:
            inner, frame = self.evaluate(size), self.command("GetWindowRect")
            if inner == [width, height]:
                return True
            wide, high = frame["width"] - inner[0], frame["height"] - inner[1]
            self.command("SetWindowRect", x=0, y=0, width=width + wide, height=height + high)
            return self.evaluate(size) == [width, height]

        wait_until(fits)

    def goto(self, address: str) -> None:
        self.command("Navigate", url=address)

    def evaluate(self, function: str, argument: object = None) -> object:
        found = self.command("ExecuteAsyncScript", script=CALL, args=[function, argument])
        assert "error" not in found, found["error"]
        return found["value"]

    def back(self) -> None:
        self.command("Back")

    def close(self) -> None:
        self.stack.close()

    def run(self, command: list[str], **options) -> subprocess.Popen:
        """A process that ends with the engine."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, **quiet, **options)

        def end() -> None:
            process.terminate()
            process.wait(PATIENCE)

        self.stack.callback(end)
        return process


class Firefox(Engine):
    """Each message: its length, a colon, and [0, number, command, arguments] as JSON."""

    def start(self) -> None:
        profile = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        lines = [f'user_pref("{key}", {json.dumps(value)});' for key, value in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        home = os.environ | {"HOME": str(profile)}
        command = [find(FIREFOX), "--headless", "--marionette", "--no-remote", "--profile"]
        self.run([*command, str(profile)], env=home)
        port = wait_until(lambda: _read(profile / "MarionetteActivePort"))
        self.socket = wait_until(lambda: _connect(int(port)))
        self.stream = self.stack.enter_context(self.socket.makefile("rb"))
        self.stack.callback(self.socket.close)
        self.number = 0
        self._receive()  # its greeting
        self.command("NewSession")
        # A window with toolbars has a least width, above that of a phone.
        (old,) = self.command("GetWindowHandles")
        self.evaluate("() => void open('about:blank', '_blank', 'popup,width=390,height=844')")
        new = wait_until(lambda: [w for w in self.command("GetWindowHandles") if w != old])
        self.command("SwitchToWindow", handle=new[0])

    def command(self, name: str, **arguments: object) -> object:
        self.number += 1
        text = json.dumps([0, self.number, f"WebDriver:{name}", arguments]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, number, error, found = self._receive()
        assert number == self.number
        assert error is None, f"{name}: {error}"
        # A value stands by itself, or as the only thing in an object.
        return found["value"] if isinstance(found, dict) and found.keys() == {"value"} else found

    def _receive(self) -> list:
        length = b""
        while not length.endswith(b":"):
            byte = self.stream.read(1)
            assert byte, "Firefox has gone"
            length += byte
        return json.loads(self.stream.read(int(length[:-1])))


class WebKit(Engine):
    """GTK's WebKit and its test browser, on a screen of their own."""

    PATHS: ClassVar = {
        "SetTimeouts": ("POST", "timeouts"),
        "GetWindowRect": ("GET", "window/rect"),
        "SetWindowRect": ("POST", "window/rect"),
        "Navigate": ("POST", "url"),
        "ExecuteAsyncScript": ("POST", "execute/async"),
        "TakeScreenshot": ("GET", "screenshot"),
    }

    def start(self) -> None:
        here, there = os.pipe()
        screen = ["-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
        self.run([shutil.which("Xvfb"), "-displayfd", str(there), *screen], pass_fds=[there])
        os.close(there)
        with os.fdopen(here) as told:
            display = told.readline().strip()
        assert display, "Xvfb has not started"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "DISPLAY": f":{display}",
            "GTK_THEME": "Adwaita",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "NO_AT_BRIDGE": "1",
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
            "HOME": self.stack.enter_context(tempfile.TemporaryDirectory()),
        }
        self.run([find(WEBKIT), f"--port={port}"], env=os.environ | settings)
        self.base = f"http://127.0.0.1:{port}/"
        wait_until(lambda: _ready(self.base))
        # Without the toolbar, which has a least width, above that of a phone.
        options = {"webkitgtk:browserOptions": {"args": ["--automation", "--full-screen"]}}
        wanted = {"capabilities": {"alwaysMatch": options}}
        session = self._request("POST", "session", wanted)["sessionId"]
        self.base += f"session/{session}/"
        self.stack.callback(lambda: self._request("DELETE", ""))

    def command(self, name: str, **arguments: object) -> object:
        method, path = self.PATHS[name]
        return self._request(method, path, arguments if method == "POST" else None)

    def back(self) -> None:
        """Within a page. The button passes over places that no person has gone to."""
        self.evaluate(
            """() => new Promise((resolve) => {
                addEventListener("popstate", () => resolve(true), { once: true });
                history.back();
            })"""
        )

    def _request(self, method: str, path: str, data: dict | None = None) -> object:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request((self.base + path).rstrip("/"), body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()[:500]}") from error


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _connect(port: int) -> socket.socket | None:
    try:
        found = socket.create_connection(("127.0.0.1", port))
    except OSError:
        return None
    found.settimeout(2 * PATIENCE)
    return found


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "status") as answer:
            return json.load(answer)["value"]["ready"]
    except OSError:
        return False
