"""What a worker says while it works: one JSON line an event, and the result last, by rename."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

EVERY_S = 5.0
"""How often a worker says that it lives."""


class Events:
    """Of several processes that train together, the first speaks; of the others it is heard only how they failed."""

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self._folder, self._rank = folder, rank
        self._began = self._spoke = time.monotonic()
        self._writing = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = (folder / "events.jsonl").open("a", buffering=1, encoding="utf-8") if rank == 0 else None

    def say(self, event: str, **facts: Any) -> None:
        self._spoke = time.monotonic()
        self._write(event, facts)

    @contextmanager
    def beating(self, every_s: float = EVERY_S) -> Iterator[None]:
        """Inside, `heartbeat` is said from a thread: a first step, or a large base, can take minutes without another word.

        Its `silent_s` is how long ago the last other event was.
        """
        done = threading.Event()

        def beat() -> None:
            while not done.wait(every_s):
                self._write("heartbeat", {"silent_s": round(time.monotonic() - self._spoke, 1)})

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def finish(self, **facts: Any) -> NoReturn:
        """Leave the result and end the process at once: after a CUDA error an ordinary exit can hang."""
        result = {"seconds": round(time.monotonic() - self._began, 3), **facts}
        if self._rank == 0 or not facts["ok"]:
            partial = self._folder / f"result.json.partial-{self._rank}"
            partial.write_text(json.dumps(result), encoding="utf-8")
            os.replace(partial, self._folder / "result.json")
        self.say("end", **result)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0 if facts["ok"] else 1)

    def _write(self, event: str, facts: dict[str, Any]) -> None:
        line = json.dumps({"event": event, "time": time.time(), **facts}) + "\n"
        if self._lines:
            with self._writing:
                self._lines.write(line)
