"""How a student is served: commands for the engines that others wrote, and the template for one that reads no Jinja."""

import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class NoEngine(Exception):
    """Nothing is installed that could serve a model; the message says what to install."""


def engine() -> str:
    """`vllm` if it is installed, else `transformers`, if what its server needs is. Raises NoEngine."""
    if find_spec("vllm"):
        return "vllm"
    missing = [name for name in ("fastapi", "uvicorn", "openai") if not find_spec(name)]
    if not missing and find_spec("transformers"):
        return "transformers"
    raise NoEngine(
        f"no engine can serve the student (missing: {', '.join(missing)}): `pip install 'transformers[serving]'`, or "
        "`pip install vllm` on a machine with a GPU"
    )


def command(engine_name: str, folder: Path, host: str, port: int) -> list[str]:
    """What starts the engine on a folder of merged weights."""
    beside = Path(sys.executable).parent / engine_name
    program = str(beside) if beside.exists() else shutil.which(engine_name) or engine_name
    return [program, "serve", str(folder.resolve()), "--host", host, "--port", str(port)]


def modelfile(turns: Mapping[str, Any] | None, end: str) -> str | None:
    """Ollama's Modelfile, with the chat template in Go's language; None if the template does more than wrap turns.

    `turns` is what `student_worker.parity.turns` found.
    """
    if turns is None:
        return None
    roles = "".join(
        f'{{{{ if eq .Role "{role}" }}}}{before}{{{{ .Content }}}}{after}{{{{ end }}}}'
        for role, (before, after) in turns["roles"].items()
    )
    template = f"{{{{ range .Messages }}}}{roles}{{{{ end }}}}{turns['opens']}"
    return f'FROM .\nTEMPLATE """{template}"""\nPARAMETER stop "{end}"\nPARAMETER temperature 0\n'
