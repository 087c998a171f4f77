"""What a program of a model can reach: Python's standard library, and a few dozen system calls.

bubblewrap makes the namespaces and the file system, libseccomp the filter of system calls. Both are needed: without
either nothing is run.
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

INSTALL = (
    "install bubblewrap and libseccomp (Debian, Ubuntu: `apt-get install bubblewrap libseccomp2`; Fedora: `dnf install "
    "bubblewrap libseccomp`; Arch: `pacman -S bubblewrap libseccomp`), see docs/programs.md"
)
CHILD = Path(__file__).with_name("sandbox_child.py")
_CHILD_INSIDE = "/sandbox_child.py"
_NOBODY = "65534"
# `-I` would ignore PYTHONHASHSEED, without which the order of a set differs from run to run.
_FLAGS = ("-P", "-s", "-S", "-B")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
"""All that a program finds in its environment, besides PWD."""

_ALLOWED = """
read readv pread64 write writev lseek _llseek close close_range open openat stat fstat lstat newfstatat fstatat64 statx
access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd fcntl fcntl64 ioctl dup dup2 dup3
mmap mmap2 munmap mprotect mremap madvise brk
rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall
futex set_robust_list set_tid_address rseq arch_prctl execve exit exit_group
getpid getppid gettid getuid geteuid getgid getegid uname sysinfo getrandom
time gettimeofday clock_gettime clock_getres nanosleep clock_nanosleep times getrusage
getrlimit setrlimit prlimit64 sched_yield sched_getaffinity select pselect6 poll ppoll wait4
""".split()
"""What the interpreter needs, and bubblewrap to wait for it: nothing that makes a process, a thread, a socket or a pipe,
sends a signal, shares memory or changes a file."""
_ERRNO_EPERM = 0x00050000 | 1
_ALLOW = 0x7FFF0000
_NO_SUCH_CALL = -1


class SandboxError(Exception):
    """Programs cannot be run in isolation here, so they are not run; the message says why and what to do."""


@dataclass(frozen=True)
class Isolation:
    """How to start a process that can reach nothing: the command, and the filter it is to be given, as BPF."""

    command: tuple[str, ...]
    filter: bytes

    def around(self, descriptors: dict[str, int], *arguments: str) -> list[str]:
        """The command line, given bubblewrap's options that name a descriptor, and arguments of the child."""
        bwrap, *options = self.command
        named = [word for option, descriptor in descriptors.items() for word in (option, str(descriptor))]
        return [bwrap, *named, *options, "--", str(_interpreter()), *_FLAGS, _CHILD_INSIDE, *arguments]


def isolation() -> Isolation:
    """Raises SandboxError where a part of it is missing."""
    if sys.platform != "linux":
        raise SandboxError(f"programs are run on Linux alone, this is {sys.platform}; use a virtual machine or WSL 2")
    bwrap = shutil.which("bwrap")
    if not bwrap:
        raise SandboxError(f"programs are run in bubblewrap, and there is no `bwrap` on the PATH; {INSTALL}")
    return _isolation(bwrap)


@cache
def _isolation(bwrap: str) -> Isolation:
    options = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    options += ["--uid", _NOBODY, "--gid", _NOBODY, "--hostname", "sandbox", "--chdir", "/"]
    for path in (*_python(), *_libraries()):
        options += ["--ro-bind", str(path), str(path)]
    for folder in ("site-packages", "dist-packages"):
        packages = _standard_library() / folder
        if packages.is_dir():
            options += ["--tmpfs", str(packages), "--remount-ro", str(packages)]
    options += ["--ro-bind", str(CHILD), _CHILD_INSIDE, "--remount-ro", "/"]
    return Isolation((bwrap, *options), _filter())


def _interpreter() -> Path:
    """That of the installation which the virtual environment is of: nothing but the standard library belongs to it."""
    return Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")


def _standard_library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _python() -> list[Path]:
    for path in (_interpreter(), _standard_library()):
        if not path.exists():
            raise SandboxError(f"Python's own files are not where they belong: there is no {path}; install Python anew")
    return [_interpreter(), _standard_library()]


def _libraries() -> list[Path]:
    """The shared libraries of the interpreter and of `decimal`, by ldd.

    No other extension gets its own, so `ctypes`, `ssl` or `sqlite3` cannot be imported where they need some.
    """
    ldd = shutil.which("ldd")
    if not ldd:
        raise SandboxError("there is no `ldd` on the PATH to tell which libraries Python needs; it comes with libc")
    files = [_interpreter(), *(_standard_library() / "lib-dynload").glob("_decimal.*.so")]
    found = subprocess.run([ldd, *map(str, files)], capture_output=True, text=True, check=False).stdout
    paths = {os.path.normpath(path) for path in re.findall(r"(/\S+) \(0x", found)}
    cache_of_loader = Path("/etc/ld.so.cache")  # says where libraries are that lie in no default place
    return [*map(Path, sorted(paths)), *([cache_of_loader] if cache_of_loader.exists() else [])]


def _filter() -> bytes:
    """BPF that lets the allowed calls through, and answers all others with EPERM; other architectures' end the process."""
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise SandboxError(f"programs are run behind a filter by libseccomp, which is not here; {INSTALL}") from error
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ERRNO_EPERM)))
    if not context:
        raise SandboxError("libseccomp cannot make a filter on this machine")
    try:
        for name in _ALLOWED:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number != _NO_SUCH_CALL:  # one that this libseccomp does not know stays forbidden
                _checked(library.seccomp_rule_add_array(context, ctypes.c_uint32(_ALLOW), number, 0, None), name)
        descriptor = os.memfd_create("filter")
        with open(descriptor, "rb") as file:
            _checked(library.seccomp_export_bpf(context, descriptor), "the whole filter")
            file.seek(0)
            return file.read()
    finally:
        library.seccomp_release(context)


def _checked(code: int, what: str) -> None:
    if code < 0:
        raise SandboxError(f"libseccomp refuses {what}: {os.strerror(-code)}")
