"""What a worker says while it works: one JSON line an event, and the result last, by rename."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn


class Events:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._began = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = (folder / "events.jsonl").open("a", buffering=1, encoding="utf-8")

    def say(self, event: str, **facts: Any) -> None:
        self._lines.write(json.dumps({"event": event, "time": time.time(), **facts}) + "\n")

    def finish(self, **facts: Any) -> NoReturn:
        """Leave the result and end the process at once: after a CUDA error an ordinary exit can hang."""
        result = {"seconds": round(time.monotonic() - self._began, 3), **facts}
        partial = self._folder / "result.json.partial"
        partial.write_text(json.dumps(result), encoding="utf-8")
        os.replace(partial, self._folder / "result.json")
        self.say("end", **result)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0 if facts["ok"] else 1)
