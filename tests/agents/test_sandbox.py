"""Programs that try to get out, to stay, to see, to lie or to use all there is: each is contained and named by its cause.

Without bubblewrap these are skipped, except in CI, which installs it; that nothing runs without it is tested everywhere.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from agents import isolation as isolating
from agents import sandbox
from agents.isolation import SandboxError
from agents.sandbox import Limits, Ran, run_programs, run_programs_aside, trouble
from agents.sandbox_child import READY
from tests.agents.hostile_programs import CHECKOUT, HOSTILE
from tests.contracts.isolated import TROUBLE, needs_isolation

AMPLE = Limits(seconds=5, wall_seconds=30, megabytes=96, output_bytes=20_000)
SHORT = Limits(seconds=1, wall_seconds=0.5, megabytes=96, output_bytes=20_000)
SECRET = "the-secret-4711"
ALLOW_ALL = b"\x06\x00\x00\x00\x00\x00\xff\x7f"
"""A filter of one instruction: every system call passes."""
MARK = f"/sandbox_child_{os.getpid()}.py"
"""By which the sandboxes of this process are known from those of tests beside it."""


def run(program: str, limits: Limits = AMPLE) -> Ran:
    (ran,) = run_programs([program], limits)
    return ran


def value_of(expression: str, before: str = "") -> Any:
    ran = run(f"{before}\ndef solution():\n    return {expression}")
    assert ran.cause == "ran", ran
    return ran.value


def sandboxes(mark: str = MARK) -> set[int]:
    """Processes of these sandboxes that are there, by what they were started with."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_survives(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(isolating, "_CHILD_INSIDE", MARK)
    isolating._isolation.cache_clear()
    yield
    isolating._isolation.cache_clear()
    assert sys.platform != "linux" or sandboxes() == set()


# --- what programs are for ------------------------------------------------------------------------------------------


@needs_isolation
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("3 + 4", 7),
        ("-10**30", -(10**30)),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("1e-7", 1e-7),
        ("'a\\0b\\ud800é'", "a?b?é"),
        ("1 == 1", True),
        ("__import__('fractions').Fraction(-2, 6)", Fraction(-1, 3)),
        ("__import__('decimal').Decimal('1.10')", Decimal("1.10")),
        ("[1, 'two', 2.5, False]", [1, "two", 2.5, False]),
        ("(1, 2)", [1, 2]),
        ("[]", []),
    ],
)
def test_a_value_comes_back_as_it_is(expression: str, value: Any) -> None:
    found = value_of(expression)
    assert (found, type(found)) == (value, type(value))


@needs_isolation
def test_the_standard_library_is_there_and_nothing_else() -> None:
    names = "math fractions decimal datetime itertools statistics random re collections functools dataclasses calendar"
    assert value_of("True", f"import {names.replace(' ', ', ')}") is True
    assert (
        run("import numpy").raised == run("import pip").raised == run("import agents").raised == "ModuleNotFoundError"
    )


@needs_isolation
def test_each_program_has_an_outcome_of_its_own_in_order() -> None:
    programs = [f"import math\nmath.pi = {n}\ndef solution():\n    print({n})\n    return math.pi" for n in range(12)]
    programs[5] = "import os\nos._exit(3)"
    found = run_programs(programs)
    assert [ran.value for ran in found] == [n if n != 5 else None for n in range(12)]
    assert [ran.stdout for ran in found] == [f"{n}\n" if n != 5 else "" for n in range(12)]


@needs_isolation
def test_the_same_program_says_the_same() -> None:
    program = (
        "import os, time, locale\n"
        "def solution():\n    return [str(set('abcdefgh')), time.tzname[0], str(sorted(os.environ)), locale.getencoding()]"
    )
    assert len({str(ran.value) for ran in run_programs([program] * 4)}) == 1


def test_no_programs_have_no_outcomes() -> None:
    if TROUBLE is None:
        assert run_programs([]) == []


@needs_isolation
def test_what_is_wrong_with_a_program_is_said_with_its_line() -> None:
    assert run("\ndef solution():\n    return x").message == "NameError: name 'x' is not defined (line 3)"
    assert (found := run("def solution(:")).cause == "syntax"
    assert found.message == "SyntaxError: invalid syntax (line 1)"
    assert run("x = 1").message == "the program defines no function `solution`"
    assert run("def solution():\n    return {}").message.startswith("`solution` returned dict, not a number")
    assert run("def solution(n):\n    return n").raised == "TypeError"
    assert run("def solution():\n    return input()").raised == "EOFError"


# --- hostile programs -----------------------------------------------------------------------------------------------


@needs_isolation
@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_is_contained_and_its_cause_is_named(name: str) -> None:
    program, cause, said = HOSTILE[name]
    ran = run(program, SHORT if cause == "timeout" else AMPLE)
    if cause == "*":  # which of the limits it meets first is the interpreter's business
        assert ran.cause in ("error", "syntax", "memory", "killed", "timeout", "no value", "ran")
    else:
        assert ran.cause == cause, ran
        assert said in f"{ran.raised} {ran.message}"
    assert ran.cause == "ran" or ran.value is None
    assert len(ran.stdout) <= AMPLE.output_bytes
    assert len(ran.stderr) <= AMPLE.output_bytes


@needs_isolation
@pytest.mark.parametrize("name", ["fork bomb", "text bomb", "reads passwords", "unix socket", "kills everything"])
def test_the_quickest_of_them(name: str) -> None:
    program, cause, said = HOSTILE[name]
    ran = run(program)
    assert (ran.cause, ran.raised) == (cause, said)


# --- what they would reach ------------------------------------------------------------------------------------------


@needs_isolation
def test_nobody_is_called_though_somebody_listens() -> None:
    program = (
        "import _socket\ndef solution():\n    s = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)\n"
        "    s.connect(('127.0.0.1', {}))\n    return 1"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        assert run(program.format(listener.getsockname()[1])).raised == "PermissionError"
        with pytest.raises(TimeoutError):
            listener.accept()


@needs_isolation
def test_neither_the_environment_nor_an_open_file_is_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", SECRET)
    (tmp_path / "planted").write_text(SECRET)
    with open(tmp_path / "planted", "rb") as planted:
        os.set_inheritable(planted.fileno(), True)
        found = value_of(
            "str(dict(os.environ)) + str(sys.argv) + read()",
            "import os, sys\ndef read():\n    said = []\n    for fd in range(64):\n        try:\n"
            "            os.lseek(fd, 0, 0)\n            said.append(str(os.read(fd, 99)))\n"
            "        except OSError as error: said.append(str(error.errno))\n    return ' '.join(said)",
        )
    assert SECRET not in found
    assert "PYTHONHASHSEED" in found


@needs_isolation
@pytest.mark.slow
def test_what_is_there_to_see_is_python_alone() -> None:
    walk = "import os\ndef walk():\n    return sorted({p.split('/')[1] for p, _, f in os.walk('/') if f and p != '/'})"
    there = value_of("walk()", walk)
    own = {path.parts[1] for path in (Path(sys.base_prefix), Path("/etc"), Path("/lib"), Path("/lib64"), Path("/usr"))}
    assert set(there) <= own
    assert value_of("os.path.exists('/usr/bin/env')", "import os") is False
    assert value_of("os.listdir('/etc')", "import os") == ["ld.so.cache"]


@needs_isolation
@pytest.mark.slow
def test_no_file_is_written_and_no_process_is_changed() -> None:
    before = {path: path.stat().st_mtime_ns for path in (CHECKOUT, Path("/tmp"), isolating.CHILD)}
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        for target in (victim.pid, os.getpid(), 1, -1, 0):
            assert run(f"import os\nos.kill({target}, 9)").raised == "PermissionError"
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.communicate()
    everywhere = (
        "import os\ndef write():\n    written = []\n    for folder, _, _ in os.walk('/'):\n        try: "
        "written.append(os.open(folder + '/x', os.O_CREAT | os.O_WRONLY))\n        except OSError: pass\n    return len(written)"
    )
    assert value_of("write()", everywhere) == 0
    assert not (CHECKOUT / "x").exists()
    assert isolating.CHILD.stat().st_mtime_ns == before[isolating.CHILD]


@needs_isolation
def test_a_process_that_would_outlive_its_program_cannot_be_made() -> None:
    daemon = (
        "import os, time\ndef solution():\n    try:\n        if os.fork() == 0:\n            os.setsid()\n"
        "            if os.fork() == 0: time.sleep(60)\n    except PermissionError: return 'denied'\n    return 'made'"
    )
    assert run(daemon).value == "denied"


@needs_isolation
def test_a_daemon_dies_with_its_sandbox_even_without_the_filter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second wall by itself: a filter that lets everything pass, and a child that does not look for one."""
    own = isolating.CHILD.read_text(encoding="utf-8").replace("    _refuse_without_filter()\n", "")
    child = tmp_path / "child.py"
    child.write_text(own.replace("        resource.RLIMIT_NPROC,\n", ""))
    command = [str(child) if word == str(isolating.CHILD) else word for word in isolating.isolation().command]
    monkeypatch.setattr(sandbox, "isolation", lambda: isolating.Isolation(tuple(command), ALLOW_ALL))
    ran = run("import os, time\ndef solution():\n    if os.fork() == 0: time.sleep(60)\n    return 'made'")
    assert ran.value == "made"


@needs_isolation
@pytest.mark.slow
def test_a_forged_value_is_a_value_of_its_own_and_no_more() -> None:
    found = [
        run(
            f"import os\nfor fd in range(3, 32):\n    try: os.write(fd, {record!r})\n    except OSError: pass\nos._exit(0)"
        )
        for record in (
            b"ran\0one\0int\x0042\0",
            b"ran\0one\0int\0x\0",
            b"ran\0many\0int\0",
            b"\xff\0\0",
            b"{}",
            b"cause\0",
        )
    ]
    assert [(ran.cause, ran.value) for ran in found] == [("ran", 42), *[("no value", None)] * 5]
    printed = (READY + b"ran\0one\0int\x0042\0").decode()
    assert run(f"import os\nprint({printed!r}, flush=True)\nos._exit(0)").cause == "no value"


# --- failing closed, and stopping -----------------------------------------------------------------------------------


def test_without_bubblewrap_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("something was started"))
    with pytest.raises(SandboxError, match=r"no `bwrap` on the PATH; install bubblewrap .*apt-get install|Linux alone"):
        run_programs(["def solution(): return 1"])
    assert "install bubblewrap" in (trouble() or "") or sys.platform != "linux"


@needs_isolation
def test_without_the_filter_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sandbox, "isolation", lambda real=isolating.isolation: isolating.Isolation(real().command, ALLOW_ALL)
    )
    with pytest.raises(SandboxError, match="the filter of system calls is not in force"):
        run("def solution(): return 1")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is run at all")
def test_where_namespaces_are_forbidden_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(sandbox, "isolation", lambda: isolating.Isolation((str(refusing),), b""))
    with pytest.raises(SandboxError, match=r"cannot be isolated here, so they are not run: .*No permissions .*allowed"):
        run("def solution(): return 1")


@needs_isolation
@pytest.mark.slow
async def test_programs_end_when_nobody_waits_for_them_any_more() -> None:
    waiting = asyncio.create_task(run_programs_aside(["while True: pass"] * 8, Limits(seconds=60, wall_seconds=60)))
    while not sandboxes():
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    until = time.monotonic() + 5
    while sandboxes() and time.monotonic() < until:
        await asyncio.sleep(0.05)
    assert not sandboxes()


@needs_isolation
@pytest.mark.slow
def test_programs_end_with_the_process_that_runs_them(tmp_path: Path) -> None:
    mark = f"/sandbox_child_{tmp_path.name}_{os.getpid()}.py"
    code = (
        f"from agents import isolation, sandbox\nisolation._CHILD_INSIDE = {mark!r}\n"
        "sandbox.run_programs(['import time; time.sleep(60)'] * 4)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT) as process:
        until = time.monotonic() + 20
        while len(sandboxes(mark)) < 12 and time.monotonic() < until:
            time.sleep(0.02)
        assert len(sandboxes(mark)) >= 6
        process.kill()
    while sandboxes(mark) and time.monotonic() < until:
        time.sleep(0.02)
    assert sandboxes(mark) == set()


@needs_isolation
@pytest.mark.slow
def test_no_descriptor_is_left_open() -> None:
    run("x = 1")
    before = len(os.listdir("/proc/self/fd"))
    run_programs(["x = 1", "while True: pass", "import os\nos._exit(1)"], SHORT)
    assert len(os.listdir("/proc/self/fd")) == before


@needs_isolation
def test_who_stops_them_is_told_so() -> None:
    stop = Event()
    stop.set()
    with pytest.raises(SandboxError, match="stopped from outside"):
        run_programs(["def solution(): return 1"], SHORT, stop)
