"""Carries out a function in a process of its own, which the kernel ends when it takes too long or too much memory.

Algebra on what a model wrote may never end, and a signal inside this process would reach its main thread alone. One such
process is kept for all calls, for what it imports takes longer than most of them; one that was ended is replaced.
"""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from threading import Event, Lock
from typing import Any, Literal, TypeVar

T = TypeVar("T")
R = TypeVar("R")
MEBIBYTE = 2**20
MEGABYTES = 2048
"""Address space of the process, in MiB; the libraries themselves take some 300 of it."""


@dataclass(frozen=True)
class Came:
    """What a call came to."""

    how: Literal["done", "time", "memory", "error"]
    """time: it took more than its seconds. error: it raised."""
    value: Any = None
    """Of one that is done: what the function returned."""
    message: str = ""


class _Process:
    """One at a time, kept until it is ended or this process ends, which closes its input."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: subprocess.Popen[str] | None = None

    def call(self, request: str) -> Came:
        with self._lock:
            if self._running is None or self._running.poll() is not None:
                self._running = self._start()
            assert self._running.stdin
            assert self._running.stdout
            try:
                self._running.stdin.write(f"{request}\n")
                self._running.stdin.flush()
                line = self._running.stdout.readline()
            except BaseException as error:  # whoever asks next would read this call's answer
                self._running.kill()
                if not isinstance(error, BrokenPipeError):
                    raise
                line = ""
            return Came(**json.loads(line)) if line.endswith("\n") else self._ended()

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "agents.limited"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},  # it finds what is found here
            start_new_session=True,
        )

    def _ended(self) -> Came:
        assert self._running
        code = self._running.wait()
        if code == -signal.SIGPROF:
            return Came("time", message="it was not done in time")
        return Came("memory", message=f"its process ended with status {code}")


_PROCESS = _Process()


def call_limited(function: str, *arguments: Any, seconds: float = 5.0) -> Came:
    """Call `module:function` with arguments that JSON can say; what it returns must be such, too.

    `seconds` are of CPU time, so that it does not depend on how busy the machine is. What the module's `get_ready` does,
    if it has one, is not counted: there it imports what is large.
    """
    return _PROCESS.call(json.dumps({"function": function, "arguments": arguments, "seconds": seconds}))


# --- inside that process --------------------------------------------------------------------------------------------


async def each_aside(do: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What `do` gives for each, in order, while the event loop goes on; whoever is cancelled while waiting ends it after
    the one under way."""
    stop = Event()

    def done() -> list[R]:
        return [do(item) for item in items if not stop.is_set()]

    try:
        return await asyncio.to_thread(done)
    finally:
        stop.set()


def _serve() -> None:
    """Answer line by line until there are no more; what functions print must not get among the answers."""
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES * MEBIBYTE, MEGABYTES * MEBIBYTE))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        place, _, name = request["function"].partition(":")
        module = import_module(place)
        if ready := getattr(module, "get_ready", None):
            ready()
        # Without a handler the signal ends the process wherever it is, in C as well.
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])
        came = _came(getattr(module, name), request["arguments"])
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(came) + "\n")
        answers.flush()


def _came(function: Any, arguments: list[Any]) -> dict[str, Any]:
    try:
        return {"how": "done", "value": function(*arguments)}
    except (MemoryError, RecursionError) as error:
        return {"how": "memory", "message": type(error).__name__}
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
        return {"how": "error", "message": f"{type(error).__name__}: {error}"[:1000]}


if __name__ == "__main__":
    _serve()
