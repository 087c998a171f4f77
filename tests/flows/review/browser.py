"""A headless Chromium, driven over the DevTools protocol by the websockets that Prefect brings."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 60.0


def installed() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._number = socket, 0

    def do(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    def says(self, script: str) -> Any:
        return self.do("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def open(self, address: str) -> None:
        self.do("Page.navigate", url=address)
        until(lambda: self.says(f"document.readyState == 'complete' && location.href.startsWith({address!r})"))

    def press(self, key: str) -> None:
        for kind, text in (("keyDown", {"text": key} if len(key) == 1 else {}), ("keyUp", {})):
            self.do("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def type(self, text: str) -> None:
        self.do("Input.insertText", text=text)

    def picture(self) -> bytes:
        return base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"])


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)
    return found


@contextmanager
def tab(folder: Path, width: int = 1380, height: int = 900) -> Iterator[Tab]:
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run")
    words = [str(installed()), *flags, f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    note = folder / "DevToolsActivePort"
    try:
        until(lambda: note.exists() and "\n" in note.read_text())
        port = note.read_text().split()[0]
        with urlopen(f"http://127.0.0.1:{port}/json", timeout=PATIENCE_S) as reply:
            page = next(each for each in json.load(reply) if each["type"] == "page")
        with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Tab(socket)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
