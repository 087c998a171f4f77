"""Programs that try to get out, to stay, to see, to lie or to use all there is, by what they do."""

from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
RETURNING = "def solution():\n    return "
HOSTILE: dict[str, tuple[str, str, str]] = {
    "fork bomb": ("import os\nwhile True: os.fork()", "error", "PermissionError"),
    "fork bomb that does not give up": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "timeout", ""),
    "thread bomb": ("import threading\nwhile True: threading.Thread(target=print).start()", "error", "RuntimeError"),
    "pools": ("import multiprocessing as m\nm.Pool(4)", "error", ""),
    "list bomb": ("x = [0]\nwhile True: x = x + x", "memory", "MemoryError"),
    "list bomb that holds on": (
        "x = []\ndef solution():\n    while True:\n        try:\n            while True: x.append(' ' * 9999)\n"
        "        except MemoryError: pass", "timeout", ""),
    "text bomb": (RETURNING + "'a' * 10**11", "memory", "MemoryError"),
    "mapped memory": ("import mmap\nx = [mmap.mmap(-1, 2**26) for _ in range(99)]", "memory", "memory"),
    "memory in a file without a name": ("import os\nos.memfd_create('x')", "error", "PermissionError"),
    "power": (RETURNING + "9**9**9**9", "timeout", ""),
    "regular expression": ("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", "timeout", ""),
    "endless loop": ("while True: pass", "timeout", ""),
    "sleep": ("import time\ntime.sleep(1000)", "timeout", "not done after 0.5 s"),
    "endless output": ("while True: print('x' * 100)", "output", ""),
    "endless errors": ("import sys\nwhile True: sys.stderr.write('x' * 100)", "output", ""),
    "long value": (RETURNING + "'x' * 100_000", "output", "too long"),
    "many digits": (RETURNING + "1 << 10**6", "output", "too many digits"),
    "reads passwords": ("open('/etc/passwd')", "error", "FileNotFoundError"),
    "reads the checkout": (f"open({str(CHECKOUT / 'README.md')!r})", "error", "FileNotFoundError"),
    "reads the home": (f"import os\nos.listdir({str(Path.home() / '.ssh')!r})", "error", "FileNotFoundError"),
    "reads processes": ("open('/proc/self/maps')", "error", "FileNotFoundError"),
    "climbs": ("open('/proc/1/root/etc/passwd')", "error", "FileNotFoundError"),
    "writes to /tmp": ("open('/tmp/x', 'w')", "error", "FileNotFoundError"),
    "writes to the root": ("open('/x', 'w')", "error", "OSError"),
    "writes into Python": ("import os\nopen(os.__file__, 'a')", "error", "OSError"),
    "writes into the child": ("import sys\nopen(sys.modules['__main__'].__file__, 'a')", "error", "OSError"),
    "makes a folder": ("import os\nos.mkdir('/x')", "error", "PermissionError"),
    "makes a link": ("import os\nos.symlink('/etc/passwd', '/x')", "error", "PermissionError"),
    "leaves the root": ("import os\nos.chroot('/lib')", "error", "PermissionError"),
    "unix socket": ("import socket\nsocket.socket(socket.AF_UNIX)", "error", "PermissionError"),
    "looks a name up": ("import socket\nsocket.getaddrinfo('example.com', 80)", "error", ""),
    "kills its parent": ("import os\nos.kill(os.getppid(), 9)", "error", "PermissionError"),
    "kills everything": ("import os\nos.kill(-1, 9)", "error", "PermissionError"),
    "ignores signals": (
        "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except OSError: pass\n"
        "while True: pass", "timeout", ""),
    "ends before its value": ("import os\nos._exit(0)", "no value", "status 0"),
    "says another status": ("import os\nos._exit(255)", "no value", "status 255"),
    "sys.exit": ("import sys\nsys.exit(0)", "error", "SystemExit"),
    "runs a shell": ("import os\nos.execv('/bin/sh', ['sh', '-c', 'id'])", "error", "FileNotFoundError"),
    "runs another program": ("import subprocess\nsubprocess.run(['id'])", "error", "PermissionError"),
    "runs Python anew": ("import os, sys\nos.execv(sys.executable, ['python', '-c', '1'])", "no value", "status 0"),
    "foreign functions": ("import ctypes\nctypes.string_at(0)\n", "*", ""),
    "crashes the interpreter": ("exec((lambda: 0).__code__.replace(co_code=b'd\\xff' * 9, co_consts=()))", "killed", "SIG"),
    "recursion": ("def solution():\n    return solution()", "error", "RecursionError"),
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())", "*", ""),
    "deep nesting": (RETURNING + "(" * 5000 + ")" * 5000, "*", ""),
    "large program": (RETURNING + "+".join(["1"] * 200_000), "*", ""),
    "no text": ("def solution():\n    return '\0'", "syntax", ""),
    "object that runs when read": (
        "class A:\n    def __reduce__(self): return (exec, ('while True: pass',))\n" + RETURNING + "A()", "no value", "A"),
    "hostile looks": (
        "class A:\n    @property\n    def __class__(self): return int\n    def __repr__(self): raise SystemExit\n"
        "    __str__ = __repr__\n    def __eq__(self, other): return True\n" + RETURNING + "A()", "no value", "returned A"),
    "hostile type": (
        "class M(type):\n    def __getattribute__(cls, name): raise KeyboardInterrupt\nclass A(metaclass=M): pass\n"
        + RETURNING + "A()", "error", "KeyboardInterrupt"),
    "number of its own": ("class A(int):\n    def __str__(self): return '7'\n" + RETURNING + "A(3)", "no value", "returned A"),
    "list of its own": ("class A(list): pass\n" + RETURNING + "A([1])", "no value", "returned A"),
    "list in a list": (RETURNING + "[[1]]", "no value", "returned list"),
    "endless list": ("x = []\nx.append(x)\n" + RETURNING + "x", "no value", "returned list"),
    "unspeakable error": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", "error", "cannot be read"),
    "at exit": (
        "import atexit, time\natexit.register(time.sleep, 99)\nimport sys\nsys.exit()", "error", "SystemExit"),
    "closes everything": ("import os\nos.closerange(0, 99)\n" + RETURNING + "1", "no value", "before"),
    "closes everything and stays": ("import os\nos.closerange(0, 99)\nwhile True: pass", "timeout", ""),
    "not a number": (RETURNING + "float('nan')", "no value", "nan"),
    "infinite": (RETURNING + "[1, float('-inf')]", "no value", "-inf"),
    "not a decimal": ("from decimal import Decimal\n" + RETURNING + "Decimal('sNaN')", "no value", "sNaN"),
    "no true or false": (RETURNING + "NotImplemented", "no value", "NotImplementedType"),
    "raises its limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))", "error", "ValueError"),
    "replaces what tells": (
        "import builtins, os, sys\nos.write = sys.stdout = builtins.str = builtins.isinstance = None\n"
        + RETURNING + "1", "*", ""),
}  # fmt: skip
"""A program, the cause that it comes to, and what the message or the exception's type says; `*` where the interpreter decides."""
