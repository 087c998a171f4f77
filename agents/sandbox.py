"""Carries out programs that a model wrote, each in a sandbox of its own, and says what became of each.

A program can reach neither network nor files nor other processes, and leaves nothing behind; docs/programs.md says how
and what that does not protect from. Where it cannot be isolated it is not run.
"""

import asyncio
import math
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from threading import Event
from typing import IO, Literal

from agents.isolation import ENVIRONMENT, INSTALL, Isolation, SandboxError, isolation
from agents.sandbox_child import LONGEST_RECORD, READY

Cause = Literal["ran", "error", "syntax", "timeout", "memory", "output", "no value", "killed"]
"""ran: it returned a value. error: it raised. syntax: it is no Python. timeout, memory, output: it went beyond a limit.
no value: `solution` is not there, does not return, or returns what is no answer. killed: a signal ended it."""
Scalar = int | float | str | bool | Fraction | Decimal
Value = Scalar | list[Scalar]

_START_S = 30.0
_END_S = 10.0
_SIDE_BY_SIDE = 2
"""Sandboxes for each processor: while one is set up or taken down, the kernel mostly waits."""
_LOOK_S = 0.2
"""How often a run looks whether it is to stop."""


@dataclass(frozen=True)
class Limits:
    """What one program may use."""

    seconds: int = 5
    """CPU time, which is the same however busy the machine is."""
    wall_seconds: float = 20.0
    """Counted from when the interpreter is ready."""
    megabytes: int = 256
    """Address space, in MiB, of which the interpreter itself takes some 15."""
    output_bytes: int = 65_536
    """Of standard output and of standard error, each."""


LIMITS = Limits()


@dataclass(frozen=True)
class Ran:
    """What became of one program."""

    cause: Cause
    value: Value | None = None
    """Of a program that ran."""
    raised: str = ""
    """The exception's type, where there was one."""
    message: str = ""
    stdout: str = ""
    stderr: str = ""


def run_programs(programs: Sequence[str], limits: Limits = LIMITS, stop: Event | None = None) -> list[Ran]:
    """The outcome of each program, in order; several are carried out at once.

    A program defines `solution()`; what that returns is its value. Raises SandboxError, with no program run
    unprotected, where isolation is not to be had, and when `stop` is set by another thread.
    """
    isolated, stop = isolation(), stop or Event()
    with ThreadPoolExecutor(_SIDE_BY_SIDE * len(os.sched_getaffinity(0)), "sandbox") as pool:
        try:
            return list(pool.map(lambda program: _run(program, limits, isolated, stop), programs))
        finally:
            stop.set()


async def run_programs_aside(programs: Sequence[str], limits: Limits = LIMITS) -> list[Ran]:
    """The same while the event loop goes on; whoever is cancelled while waiting ends the programs."""
    stop = Event()
    try:
        return await asyncio.to_thread(run_programs, programs, limits, stop)
    finally:
        stop.set()


def trouble() -> str | None:
    """Why programs cannot be run here and what to do about it; None if they can."""
    try:
        (ran,) = run_programs(["def solution():\n    return 6 * 7"])
    except SandboxError as error:
        return str(error)
    return None if ran.value == 42 else f"a program that is right came to nothing: {ran.cause}, {ran.message}"


# --- what a program said --------------------------------------------------------------------------------------------


def said(value: Scalar | list[Scalar]) -> str:
    """A value as an answer is written: 3 for 3.0, 0.3 for 0.1 + 0.2, 1/3 for a fraction, entries with commas."""
    if isinstance(value, list):
        return ", ".join(said(entry) for entry in value)
    if isinstance(value, float):
        # Twelve digits are what a sum of money needs, and leave the last four to errors of rounding.
        value = Decimal(int(value)) if value.is_integer() and abs(value) < 2**53 else Decimal(f"{value:.12g}")
    if isinstance(value, Decimal):
        # Beyond this an exponent says it shorter; `normalize` would round to the context's precision.
        return _without_zeros(f"{value:f}") if abs(value.adjusted()) < 300 else str(value)
    return str(value)


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- one program ----------------------------------------------------------------------------------------------------


class _Stream:
    """What comes through a pipe, as far as it is wanted."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self.file, self.most, self.read = file, most, b""
        os.set_blocking(file.fileno(), False)

    @property
    def overflows(self) -> bool:
        return len(self.read) > self.most

    def take(self) -> bool:
        """Whether there may be more."""
        try:
            got = os.read(self.file.fileno(), 65_536)
        except BlockingIOError:
            return True
        self.read = (self.read + got)[: self.most + 1]
        return bool(got) and not self.overflows

    def drain(self) -> None:
        """What is left of a process that has ended."""
        os.set_blocking(self.file.fileno(), True)
        while self.take():
            pass

    @property
    def text(self) -> str:
        """Without NUL, which no database takes as text."""
        return self.read[: self.most].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


class _Sandbox:
    """One process tree. To leave the context kills what is left of it, and waits until nothing is."""

    def __init__(self, limits: Limits, isolated: Isolation) -> None:
        self.limits = limits
        self.first: int | None = None
        """The first process of the namespace, as a descriptor, once it is known. Its death is that of all others."""
        with ExitStack() as inside:  # the ends of pipes that belong to the sandbox are closed here once it has them
            seccomp = inside.enter_context(open(os.memfd_create("filter"), "w+b"))
            seccomp.write(isolated.filter)
            seccomp.seek(0)
            result_reader, result = _pipe(inside)
            self.info, info = _pipe(inside)
            self.alive, sync = _pipe(inside)
            descriptors = {"--seccomp": seccomp.fileno(), "--info-fd": info, "--sync-fd": sync}
            self.process = subprocess.Popen(
                isolated.around(descriptors, *map(str, (result, limits.seconds, limits.megabytes))),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(result, *descriptors.values()),
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.source = self.process.stdin
        self.result = _Stream(result_reader, len(READY) + LONGEST_RECORD)
        self.stdout = _Stream(self.process.stdout, limits.output_bytes)
        self.stderr = _Stream(self.process.stderr, limits.output_bytes)
        self.streams = (self.result, self.stdout, self.stderr)

    def __enter__(self) -> "_Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.end()
        finally:
            for file in (self.info, self.alive, *(stream.file for stream in self.streams)):
                file.close()
            if self.first is not None:
                os.close(self.first)

    def send(self, program: str) -> None:
        """To a child that is ready, and reads it before it does anything else."""
        self.learn()
        with suppress(BrokenPipeError):  # it was killed; the exit status will say so
            self.source.write(program.encode("utf-8", "surrogatepass"))
            self.source.close()

    def learn(self) -> None:
        """bubblewrap writes which process is the first before that does anything, and nothing if there is none."""
        told = b""
        while not (found := re.search(rb'"child-pid": *([0-9]+)', told)):  # the rest of that record comes in pieces
            _await(self.info.fileno())
            if not (more := os.read(self.info.fileno(), 4096)):
                return
            told += more
        with suppress(ProcessLookupError):
            self.first = os.pidfd_open(int(found[1]))

    def end(self) -> None:
        """Kill the first process of the namespace, with which the kernel kills all others, and wait for that.

        To kill bubblewrap's outer process instead would strand one that is not yet told to die with it.
        """
        with suppress(BrokenPipeError):
            self.source.close()
        if self.first is None:
            self.learn()
        if self.first is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.first, signal.SIGKILL)
            _await(self.first)
        self.process.kill()
        self.process.wait()
        _await(self.alive.fileno())
        for stream in self.streams:
            stream.drain()

    def follow(self, program: str, stop: Event) -> bool:
        """Until all processes have ended, or a limit is reached; whether that was the limit of time."""
        until, sent = time.monotonic() + _START_S, False
        with selectors.DefaultSelector() as selector:
            selector.register(self.alive, selectors.EVENT_READ)
            for stream in self.streams:
                selector.register(stream.file, selectors.EVENT_READ, stream)
            while not any(stream.overflows for stream in self.streams):
                if stop.is_set():
                    raise SandboxError("the programs were stopped from outside")
                if not sent and self.result.read.startswith(READY):
                    self.send(program)
                    until, sent = time.monotonic() + self.limits.wall_seconds, True
                if time.monotonic() > until:
                    return sent
                for key, _ in selector.select(_LOOK_S):
                    if key.data is None:
                        return False
                    if not key.data.take():
                        selector.unregister(key.fileobj)
        return False


def _pipe(inside: ExitStack) -> tuple[IO[bytes], int]:
    """The end to read from, and the descriptor to write to, which is closed with `inside`."""
    reader, writer = os.pipe()
    inside.callback(os.close, writer)
    return open(reader, "rb", buffering=0), writer


def _await(descriptor: int) -> None:
    """The end of the process that this is, or of those that hold the other end of this pipe, or what they write."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        if not selector.select(_END_S):
            raise SandboxError(f"a program is still there {_END_S:.0f} seconds after it was killed; end it yourself")


def _run(program: str, limits: Limits, isolated: Isolation, stop: Event) -> Ran:
    with _Sandbox(limits, isolated) as sandbox:
        late = sandbox.follow(program, stop)
        if not late and not any(stream.overflows for stream in sandbox.streams):
            sandbox.process.wait()  # it has the exit status of a program that ended by itself
        sandbox.end()
        told = sandbox.result.read
        if not told.startswith(READY):
            raise SandboxError(_no_start(sandbox.stderr.text))
        found = _outcome(told.removeprefix(READY), late, sandbox)
    return Ran(**found, stdout=sandbox.stdout.text, stderr=sandbox.stderr.text)  # type: ignore[arg-type]


def _no_start(said: str) -> str:
    return (
        f"programs cannot be isolated here, so they are not run: {said.strip() or 'the sandbox did not start'}. Where "
        "user namespaces are forbidden (containers, some Ubuntu releases) they have to be allowed; otherwise "
        f"{INSTALL}"
    )


def _outcome(record: bytes, late: bool, sandbox: _Sandbox) -> dict[str, object]:
    if any(stream.overflows for stream in sandbox.streams):
        return {"cause": "output", "message": f"more than {sandbox.limits.output_bytes} bytes were written"}
    if late:
        return {"cause": "timeout", "message": f"not done after {sandbox.limits.wall_seconds:g} s"}
    parts = record.decode("utf-8", "replace").split("\0")
    try:
        return _RECORDS[parts[0]](parts[1:-1])
    except (KeyError, ValueError, IndexError):
        return _without_record(sandbox.process.returncode, sandbox.limits)


def _without_record(status: int, limits: Limits) -> dict[str, object]:
    """It ended before it told a value, or told what is none. The shell's way: 128 and the signal."""
    number = status - 128
    if number == signal.SIGXCPU:
        return {"cause": "timeout", "message": f"not done after {limits.seconds} s of CPU time"}
    if number in set(signal.Signals):
        return {"cause": "killed", "message": f"ended by {signal.Signals(number).name}"}
    return {"cause": "no value", "message": f"it ended, with status {status}, before `solution` returned"}


# --- the record that the child writes: never trusted to be what it should be ---------------------------------------


def _value_told(parts: list[str]) -> dict[str, object]:
    form, *told = parts
    if len(told) % 2 or (form == "one" and len(told) != 2) or form not in ("one", "many"):
        raise ValueError(parts)
    scalars = [_scalar(kind, text) for kind, text in zip(told[::2], told[1::2], strict=True)]
    unfit = next((text for text, scalar in zip(told[1::2], scalars, strict=True) if not _finite(scalar)), None)
    if unfit is not None:
        return {"cause": "no value", "message": f"`solution` returned {unfit}, which is no number"}
    return {"cause": "ran", "value": scalars if form == "many" else scalars[0]}


def _scalar(kind: str, text: str) -> Scalar:
    form, read = _SCALARS[kind]
    if not re.fullmatch(form, text, re.ASCII | re.DOTALL):
        raise ValueError(text)
    return read(text)


def _finite(scalar: Scalar) -> bool:
    return scalar.is_finite() if isinstance(scalar, Decimal) else not isinstance(scalar, float) or math.isfinite(scalar)


_DIGITS = r"[0-9]{1,4300}"
_SCALARS: dict[str, tuple[str, Callable[[str], Scalar]]] = {
    "bool": ("True|False", lambda text: text == "True"),
    "int": (rf"-?{_DIGITS}", int),
    "float": (r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?|-?inf|nan", float),
    "str": (r".*", str),
    "Fraction": (rf"-?{_DIGITS}(/[1-9][0-9]{{0,4299}})?", Fraction),
    "Decimal": (rf"-?({_DIGITS}(\.{_DIGITS})?(E[+-]?[0-9]{{1,7}})?|Infinity|s?NaN)", Decimal),
}


def _exception_told(cause: Cause) -> Callable[[list[str]], dict[str, object]]:
    def read(parts: list[str]) -> dict[str, object]:
        name, said, line = parts
        where = f" (line {line})" if line.isdecimal() else ""
        return {"cause": cause, "raised": name[:100], "message": f"{name[:100]}: {said[:1000]}{where}"}

    return read


def _message_told(cause: Cause) -> Callable[[list[str]], dict[str, object]]:
    return lambda parts: {"cause": cause, "message": parts[0][:1000]}


_RECORDS: dict[str, Callable[[list[str]], dict[str, object]]] = {
    "ran": _value_told,
    "error": _exception_told("error"),
    "syntax": _exception_told("syntax"),
    "memory": _exception_told("memory"),
    "no value": _message_told("no value"),
    "output": _message_told("output"),
}
