"""Every recipe that the documentation calls runnable loads, and every component that it shows works."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from agents import registry
from agents.registry import build
from orchestrator.kinds import Feedback, Progress
from orchestrator.recipe import load_recipe
from storage.records import Plan, Scorecard

ROOT = Path(__file__).parents[1]
RUNNABLE = re.compile(r"^```yaml runnable\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMPONENT = re.compile(r"^```python runnable\n(# \S+/(\w+)\.py\n.*?)^```$", re.MULTILINE | re.DOTALL)
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


# --- components -----------------------------------------------------------------------------------------------------


def shown() -> Iterator[tuple[str, str]]:
    """(name, code) of each component."""
    for page in PAGES:
        yield from ((found[2], found[1]) for found in COMPONENT.finditer(page.read_text(encoding="utf-8")))


def imported(name: str, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The component's module, registered for this test alone."""
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    path = folder / f"{name}.py"
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"shown_{name}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "code"), [pytest.param(*each, id=each[0]) for each in shown()])
def test_a_component_of_the_documentation_is_registered_under_its_files_name(
    name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = imported(name, code, tmp_path, monkeypatch)
    own = [cls for _, known, cls in registry.components() if known == name]
    assert [cls.__module__ for cls in own] == [module.__name__]


def _card(number: int, **accuracies: float) -> Scorecard:
    skills = {skill: {"n": 10.0, "accuracy": share, "low": 0.0, "high": 1.0} for skill, share in accuracies.items()}
    facts = {"student": f"s{number}", "exam": "probe", "n": 20, "accuracy": 0.5, "low": 0.0, "high": 1.0}
    return Scorecard.new(run="r", round=number, skills=skills, **facts)


def test_the_policy_of_the_documentation_wins_back_what_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported("win_back", dict(shown())["win_back"], tmp_path, monkeypatch)
    policy = build({"use": "win_back", "seeds": 40}, Feedback)  # type: ignore[type-abstract]
    plan, levels = Plan.new(run="r", round=2, why="before"), {"trip": 1, "change": 1, "film": 1}
    cards = [_card(0, trip=0.1, change=0.0, film=0.2), _card(1, trip=0.9, change=0.6, film=0.5)]
    fallen = _card(2, trip=0.3, change=0.8, film=0.3)
    said = policy.next_plan(Progress(plans=[plan], cards=[*cards, fallen], levels=levels))
    assert said.quotas == {"trip": 30, "film": 10, "change": 0}
    assert said.why == "trip has fallen by 60% of its questions and gets most of 40 seeds"
    even = policy.next_plan(Progress(plans=[plan], cards=cards, levels=levels))
    assert sum(even.quotas.values()) == 40
    assert max(even.quotas.values()) - min(even.quotas.values()) == 1
    assert policy.most(300) == (40, 0)
