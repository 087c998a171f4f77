"""The key of an endpoint: from the environment, or from a file that nobody else can read. Never from the machine file."""

import os
import re
import stat
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NAME = 64
"""Characters: what is longer, or no name at all, may be the key itself and is not shown."""


def check_key_env(name: str) -> str:
    """The name. Raises ValueError, without showing it, for what no variable is called."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME or _is_mixed(name):
        raise ValueError(
            "that is no name of an environment variable; name the variable that holds the key, not the key"
        )
    return name


def check_key_file(place: str) -> str:
    """The place. Raises ValueError, without showing it, for what is no whole path."""
    if not place.startswith(("/", "~/")):
        raise ValueError("that is no path from / or ~/; name the file that holds the key, not the key")
    return place


def key_in_environment(name: str) -> str:
    """Raises ValueError."""
    if key := os.environ.get(name, ""):
        return key
    raise ValueError(f"needs the key in environment variable {name}, which is not set; export {name}=… and run again")


def key_in_file(place: str) -> str:
    """Raises ValueError."""
    path = Path(place).expanduser()
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"needs the key in {place}, which is no file; write the key into a file of mode 600")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise ValueError(f"needs the key in {place}, which is readable by others (mode {mode:o}); chmod 600 it")
        key = path.read_bytes().decode("utf-8", "replace").strip()
    except OSError as error:
        raise ValueError(
            f"needs the key in {place}: {error.strerror}; write the key into that file, mode 600"
        ) from error
    if not key:
        raise ValueError(f"needs the key in {place}, which is empty; write the key into it")
    return key


def _is_mixed(name: str) -> bool:
    """Like keys that happen to have no sign in them, and unlike any variable."""
    kinds = (str.islower, str.isupper, str.isdigit)
    return len(name) >= 20 and all(any(map(kind, name)) for kind in kinds)
