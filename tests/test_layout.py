"""The shape of the repository: who imports whom, how long a thing may get, and that README draws what is there."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import agents

ROOT = Path(__file__).parents[1]
PACKAGES = ("storage", "agents", "orchestrator", "flows")
LONGEST_FILE, LONGEST_FUNCTION = 400, 80
MEANINGLESS = re.compile(r"utils?|helpers?|misc|common|manager|core|base_.*", re.IGNORECASE)


def listed() -> list[Path]:
    """Files that are in the repository, or would be with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [path for name in names if name and (path := ROOT / name).is_file()]


PYTHON = [path for path in listed() if path.suffix == ".py"]


def test_there_is_something_to_look_at() -> None:
    assert len(PYTHON) > 100


def test_the_tests_test_this_repository() -> None:
    assert Path(agents.__file__).is_relative_to(ROOT)


def test_imports_keep_the_contracts() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", found.stdout)


@pytest.mark.parametrize("module", ["flows.cli", "orchestrator.cycle", "orchestrator.report.page"])
def test_the_slow_and_the_heavy_are_imported_only_when_they_are_needed(module: str) -> None:
    heavy = {"torch", "transformers", "trl", "peft", "prefect", "openai"}
    code = f"import sys, {module}; print(*({heavy!r} & sys.modules.keys()))"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@pytest.mark.parametrize("module", ["agents.registry", "storage.store"])
def test_a_folder_does_not_import_those_above_it(module: str) -> None:
    above = PACKAGES[PACKAGES.index(module.partition(".")[0]) + 1 :]
    code = f"import sys, {module}; print(*(m for m in sys.modules if m.partition('.')[0] in {above!r}))"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_no_file_is_too_long_to_read() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long_to_see_at_once() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": length
        for path in PYTHON
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert found == {}


def test_no_name_says_nothing() -> None:
    names = {name for path in PYTHON for name in (*path.relative_to(ROOT).parts[:-1], path.stem)}
    assert [name for name in names if MEANINGLESS.fullmatch(name)] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in PYTHON
        if path.relative_to(ROOT).parts[0] in PACKAGES
        and not ast.get_docstring(tree := ast.parse(path.read_text(encoding="utf-8")))
        and not any(isinstance(node, ast.ClassDef) and ast.get_docstring(node) for node in tree.body)
    ]
    assert silent == []


# --- the tree that README draws -------------------------------------------------------------------------------------


def readme_tree() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^## The tree\n.*?^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, "README.md has no fenced block under the heading `## The tree`"
    return found[1]


def first_level() -> Iterator[str]:
    """The folders of the repository, and the folders and modules of the four packages, as the tree writes them."""
    for path in listed():
        first, *rest = path.relative_to(ROOT).parts
        if rest and not first.startswith("."):
            yield f"{first}/"
        if first in PACKAGES and rest and not rest[0].startswith("__"):
            if len(rest) > 1:
                yield f"{rest[0]}/"
            elif path.suffix == ".py":
                yield rest[0]


def test_the_tree_in_the_readme_names_everything_that_is_there() -> None:
    words = set(re.findall(r"[\w.-]+/?", readme_tree()))
    missing = {name for name in first_level() if not {name, name.rstrip("/"), name.removesuffix(".py")} & words}
    assert missing == set()


def test_the_tree_in_the_readme_names_nothing_that_is_not_there() -> None:
    there = {part for path in listed() for part in path.relative_to(ROOT).parts}
    drawn = re.findall(r"(?<![\w./-])([\w-]+(?:/|\.(?:py|yaml|toml|md|txt|jinja)\b))", readme_tree())
    assert [name for name in drawn if name.rstrip("/") not in there] == []
