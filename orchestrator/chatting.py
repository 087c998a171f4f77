"""A student to talk to: the worker kept open, asked line by line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.worker_process import WorkerFailed

MOST_TOKENS = 256


class Talk:
    """A conversation with a student. Use it as `with talking(…) as talk`."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process, self._log = process, log
        self._said: list[dict[str, str]] = []
        self.finished = True

    def ask(self, text: str) -> str:
        """What the student replies, knowing what was said before; `finished` says whether it came to its end. Raises
        WorkerFailed."""
        self._said.append({"role": "user", "content": text})
        found = self.exchange({"prompt": self._said, "max_tokens": MOST_TOKENS})
        reply, self.finished = found["reply"], found["finished"]
        self._said.append({"role": "assistant", "content": reply})
        return reply

    def forget(self) -> None:
        self._said.clear()

    def exchange(self, asked: dict[str, Any] | None = None) -> dict[str, Any]:
        """The next line of the worker, after it was sent one, if there is one to send."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            if asked is not None:
                self._process.stdin.write(json.dumps(asked) + "\n")
                self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerFailed(f"the student's process ended; its last words: {_last_words(self._log)} ({self._log})")
        return json.loads(line)


@contextmanager
def talking(base: str, adapter: str | None, folder: Path) -> Iterator[Talk]:
    """A student, loaded and listening; `folder` is for its job file and its log. Raises WorkerFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    job, log = folder / "job.json", folder / "worker.log"
    job.write_text(json.dumps({"kind": "chat", "folder": str(folder.resolve()), "base": base, "adapter": adapter}))
    command: Sequence[str] = (
        sys.executable,
        "-P",
        "-m",
        "orchestrator.student_worker",
        str(job),
        "--parent",
        str(os.getpid()),
    )
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        ) as process,
    ):
        try:
            talk = Talk(process, log)
            talk.exchange()  # it says when it is ready
            yield talk
        finally:
            assert process.stdin
            try:
                process.stdin.close()  # which ends it
                process.wait(timeout=10)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                process.kill()


def _last_words(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-2:]) or "none"
