"""A headless Chromium, driven by its own protocol over a websocket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
WAIT_S = 30.0
NAVIGATED = ("navigated", "context")
"""Words of the protocol's answers to a page that is left while it computes."""


class PageLeftError(Exception):
    """The page was left for another before it had answered."""


def find_chromium() -> str:
    """The browser's command; skips the test without one, and fails it in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "needs Chromium (Debian's package chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Browser:
    """One page of a headless browser.

    Parameters
    ----------
    command : str
    folder : Path
        For the browser's own files.
    *options : str
        Further options of the command.
    """

    def __init__(self, command: str, folder: Path, *options: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = subprocess.Popen(
            [
                command,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}",
                *options,
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0
        self.requested: list[str] = []
        """Addresses that the page has requested."""
        self.errors: list[str] = []
        """Errors in the page."""
        try:
            port = self._port(folder / "DevToolsActivePort")
            self._socket = self._run(lambda: self._connect(port))
        except BaseException:
            self.close()
            raise
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setScrollbarsHidden", hidden=True)

    def _port(self, file: Path) -> str:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if file.is_file() and len(lines := file.read_text().split()) == 2:
                return lines[0]
            assert self._process.poll() is None, "Chromium ended at once"
            time.sleep(0.05)
        raise AssertionError("Chromium does not answer")

    async def _connect(self, port: str) -> Any:
        from tornado.httpclient import AsyncHTTPClient

        pages = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/json/list")
        page = next(each for each in json.loads(pages.body) if each["type"] == "page")
        return await websocket_connect(page["webSocketDebuggerUrl"], max_message_size=1 << 28)

    def _run(self, begin: Callable[[], Awaitable[Any]]) -> Any:
        async def work() -> Any:
            return await asyncio.wait_for(begin(), WAIT_S)

        return self._loop.run_until_complete(work())

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and note what the page did meanwhile."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        text = json.dumps(message)
        self._run(lambda: self._socket.write_message(text))
        while True:
            answer = json.loads(self._run(self._socket.read_message))
            if answer.get("id") == self._number:
                if any(word in answer.get("error", {}).get("message", "") for word in NAVIGATED):
                    raise PageLeftError(answer["error"]["message"])
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif event["method"] == "Network.webSocketCreated":
            self.requested.append(parameters["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"]))
        elif event["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])

    def open(self, address: str, width: int, height: int) -> None:
        """Open an address in a window of a size."""
        self.resize(width, height)
        self.call("Page.navigate", url=address)

    def resize(self, width: int, height: int) -> None:
        """Change the size of the window."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def evaluate(self, script: str) -> Any:
        """Value of a JavaScript expression; None while it cannot be computed.

        Nor can it where the expression leads to another page, which comes before its value.
        """
        try:
            answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        except PageLeftError:
            return None
        return None if "exceptionDetails" in answer else answer["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if value := self.evaluate(script):
                return value
            time.sleep(0.02)
        raise AssertionError(f"never true: {script}; errors: {self.errors}")

    def key(self, name: str, code: int) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=name,
                code=name,
                windowsVirtualKeyCode=code,
            )

    def click(self, x: float, y: float) -> None:
        """Click at a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, path: Path) -> None:
        """Write a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._loop.close()
