"""Every recipe that the documentation calls runnable loads."""

import re
from pathlib import Path

import pytest

from orchestrator.recipe import load_recipe

ROOT = Path(__file__).parents[1]
RUNNABLE = re.compile(r"^```yaml runnable\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.exists()]


def blocks() -> list[tuple[str, str]]:
    """(page and line, YAML) of each."""
    texts = [(page, page.read_text(encoding="utf-8")) for page in PAGES]
    return [
        (f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}", found[1])
        for page, text in texts
        for found in RUNNABLE.finditer(text)
    ]


def test_the_documentation_shows_recipes() -> None:
    assert blocks()


@pytest.mark.parametrize(("place", "block"), [pytest.param(*each, id=each[0]) for each in blocks()])
def test_a_recipe_of_the_documentation_loads(place: str, block: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(block, encoding="utf-8")
    assert load_recipe(path).lessons, place
