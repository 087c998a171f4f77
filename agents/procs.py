"""Which process has something in hand, written down for others to find, and whether it still lives."""

import os
import platform
import sys
import uuid
from functools import cache
from pathlib import Path


def here() -> str:
    """This process: `pid@host boot`. No other one has the same name while it lives."""
    return f"{os.getpid()}@{_host()}"


def is_dead(name: str) -> bool:
    """Whether it is a process of this machine that is no more. Of another machine's nothing is known."""
    pid, _, host = name.partition("@")
    return host == _host() and pid.isascii() and pid.isdecimal() and len(pid) < 10 and not _lives(int(pid))


@cache
def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # Two containers on a machine may have its name, and number their processes each for itself.
        return f"{platform.node()} {boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return f"{platform.node()} {uuid.getnode():x}"


def _lives(pid: int) -> bool:
    if sys.platform == "win32":  # where a signal 0 is none that only asks
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # one that has ended and was not waited for is still there to be asked
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return True
