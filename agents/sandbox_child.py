"""The process inside the sandbox: carries out one program and tells what `solution()` returned.

It is started by agents/sandbox.py with nothing but the standard library in sight. It writes `ready` to the descriptor it
is given once its limits stand, and only then gets the program, by standard input: if whoever started it is gone by then,
so is the program. What it tells is one record of parts between NULs. It shares its interpreter with the program, which
can therefore forge the record: a wrong value of its own, no more.
"""

import errno
import os
import sys
from types import TracebackType

READY = b"ready\n"
LONGEST_RECORD = 60_000
"""Bytes. It fits into a pipe, so that telling never waits."""
_RESERVE = 16 << 20
"""Bytes beyond the limit that are kept for telling that it was reached."""
_FILES = 32


def main(result: int, seconds: int, megabytes: int) -> None:
    _refuse_without_filter()
    streams = sys.stdout, sys.stderr
    write, end = os.write, os._exit
    _limit(seconds, megabytes << 20)
    sys.argv = ["program"]
    write(result, READY)
    record = _record(_outcome())
    write(result, record)
    for stream in streams:
        try:  # noqa: SIM105  `contextlib` costs every program the time of its import
            stream.flush()
        except BaseException:  # noqa: BLE001, S110  a program may close what it likes; its value is told
            pass
    end(0)


def _refuse_without_filter() -> None:
    """A filter that was not put in force would go unnoticed; the call that matters most shows whether it was."""
    try:
        child = os.fork()
    except PermissionError:
        return
    if child:
        sys.stderr.write("the filter of system calls is not in force\n")
        sys.stderr.flush()
    os._exit(1)


def _limit(seconds: int, memory: int) -> None:
    """Hard limits, which nothing in here can raise: it has no capability."""
    import resource  # here, for Windows has none, and what runs outside imports this module everywhere

    # The soft limit of CPU time ends a program by SIGXCPU, which tells it from one that somebody killed.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory + _RESERVE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    for nothing in (
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_NPROC,
        resource.RLIMIT_CORE,
        resource.RLIMIT_MEMLOCK,
    ):
        resource.setrlimit(nothing, (0, 0))


def _outcome() -> list[str]:
    """The cause, and what belongs to it: kinds and texts of the value, or the exception's type, message and line."""
    try:
        code = compile(sys.stdin.buffer.read(), "<program>", "exec", dont_inherit=True)
    except MemoryError as error:
        return _memory(error)
    except BaseException as error:  # noqa: BLE001  whatever compiling raises is what is wrong with the program
        return ["syntax", *_raised(error)]
    module = type(sys)("program")  # not `__main__`: what a program does when it is the script is not its solution
    sys.modules["program"] = module
    try:
        exec(code, module.__dict__)
        solution = module.__dict__.get("solution")
        if not callable(solution):
            return ["no value", "the program defines no function `solution`"]
        return _told(solution())
    except MemoryError as error:
        return _memory(error)
    except BaseException as error:  # noqa: BLE001  SystemExit and KeyboardInterrupt are the program's as well
        full = isinstance(error, OSError) and error.errno == errno.ENOMEM
        return _memory(error) if full else ["error", *_raised(error)]


def _memory(error: BaseException) -> list[str]:
    import resource

    soft_and_hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (soft_and_hard, soft_and_hard))
    return ["memory", *_raised(error)]


def _raised(error: BaseException) -> list[str]:
    try:
        said = str(error.msg if isinstance(error, SyntaxError) else error)
    except BaseException:  # noqa: BLE001  the program's own `__str__`
        said = "its message cannot be read"
    line = error.lineno if isinstance(error, SyntaxError) else _line(error.__traceback__)
    return [type(error).__name__, said[:1000], str(line or "")]


def _line(trace: TracebackType | None) -> int | None:
    line = None
    while trace:
        if trace.tb_frame.f_code.co_filename == "<program>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _told(value: object) -> list[str]:
    parts, entries = ["ran", "one"], [value]
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        parts, entries = ["ran", "many"], list(value)
    try:
        for entry in entries:
            parts += _scalar(entry)
    except TypeError as error:
        return ["no value", str(error)]
    except ValueError:  # Python's limit on the digits of an integer
        return ["output", "the value has too many digits"]
    return parts


def _scalar(value: object) -> tuple[str, str]:
    """By the exact type: a subclass could say anything of itself."""
    kind = type(value)
    if kind in (bool, int, float, str):
        return kind.__name__, str(value)
    if kind is getattr(sys.modules.get("fractions"), "Fraction", None):
        return "Fraction", str(value)
    if kind is getattr(sys.modules.get("decimal"), "Decimal", None):
        return "Decimal", str(value)
    raise TypeError(f"`solution` returned {kind.__name__}, not a number, a text, or a list of these")


def _record(parts: list[str]) -> bytes:
    record = b"".join(part.replace("\0", "?").encode("utf-8", "replace") + b"\0" for part in parts)
    return record if len(record) <= LONGEST_RECORD else b"output\0the value is too long\0"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
