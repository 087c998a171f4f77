"""Trees of topics in each form, and what is said of those that are none."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.generators.write_on_topic import WriteOnTopic
from agents.kinds import SourceError
from agents.rehearsal import world
from agents.rehearsal.faults import questions_in
from agents.rehearsal.teacher import RehearsalTeacher
from agents.sources import topics
from agents.sources.topics import Topics
from tests.conftest import ScriptedTeacher

YAML = """
cooking:
  baking: [bread, cakes]
  soups:
travel: {by land: [trains, walks]}
maths:
- sums
- proofs: {by induction: null}
"""
TEXT = """cooking
  baking
    bread
    cakes
  - soups
travel
    by land
        trains

        walks
maths
  sums
  proofs
    by induction
"""
LEAVES = {
    ("cooking > baking", "bread"), ("cooking > baking", "cakes"), ("cooking", "soups"), ("travel > by land", "trains"),
    ("travel > by land", "walks"), ("maths", "sums"), ("maths > proofs", "by induction"),
}  # fmt: skip


def source(place: Path, content: str, name: str = "t.yaml", **options: Any) -> Topics:
    (place / name).write_text(content, encoding="utf-8")
    return Topics(use="topics", path=str(place / name), **{"probe": 0, "test": 0, **options})


def leaves(found: Topics) -> set[tuple[str, str]]:
    materials = [m for skill in found.skills() for m in found.materials("train", skill, 0)]
    assert len({m.origin for m in materials}) == len(materials)
    return {(m.fields["branch"], m.fields["topic"]) for m in materials}


def test_every_form_gives_the_same_leaves(tmp_path: Path) -> None:
    assert leaves(source(tmp_path, YAML)) == LEAVES
    assert leaves(source(tmp_path, TEXT, "t.txt")) == LEAVES
    assert leaves(source(tmp_path, json.dumps({"a": {"b": [1, 2.5]}}), "t.json")) == {("a > b", "1"), ("a > b", "2.5")}


def test_the_skill_is_as_much_of_the_branch_as_asked_for(tmp_path: Path) -> None:
    assert source(tmp_path, YAML).skills() == ["cooking", "maths", "travel"]
    assert source(tmp_path, YAML, levels=0).skills() == [""]
    assert source(tmp_path, YAML, levels=2).skills() == [
        "cooking", "cooking > baking", "maths", "maths > proofs", "travel > by land",
    ]  # fmt: skip


def test_the_same_leaf_is_given_once(tmp_path: Path) -> None:
    assert leaves(source(tmp_path, "a\n  x\na\n  X\nb\n  x\n", "t.txt")) == {("a", "x"), ("b", "x")}


BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("a: [b", "t.yaml", "cannot be read as YAML"),
        ("{", "t.json", "cannot be read as JSON"),
        ("[" * 5000, "t.json", "cannot be read as JSON"),
        ("[" * 100 + "1" + "]" * 100, "t.json", "nested deeper than 20"),
        ("", "t.yaml", "holds no topics"),
        ("\n  \n", "t.txt", "holds no topics"),
        ("a: [yes]", "t.yaml", "expected the name of a topic"),
        (f"a: [{'x' * 301}]", "t.yaml", "at most 300 characters"),
        ("a\n \tb", "t.txt", "t.txt:2 is indented by spaces and tabs"),
        (BOMB, "t.yaml", "more than 500 topics"),
        (BOMB.replace("x", "~"), "t.yaml", "more than 500 entries"),
        ("a: !!set {2024-01-01}", "t.yaml", "expected the name of a topic"),
    ],
)
def test_what_is_no_tree_is_said(
    tmp_path: Path, content: str, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "MOST", 500)
    monkeypatch.setattr(topics, "MOST_ENTRIES", 500 if "~" in content else 10**6)
    with pytest.raises(SourceError, match=said):
        source(tmp_path, content, name).skills()


def test_a_tree_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        Topics(use="topics", path=str(tmp_path / "none.yaml")).skills()


# --- what is written on them ----------------------------------------------------------------------------------------


async def test_the_rehearsal_writes_on_the_topic_shown_and_not_what_is_covered() -> None:
    rehearsal = RehearsalTeacher()
    generator = WriteOnTopic(use="write_on_topic", count=20)
    honest = "rehearsal-teacher?error_rate=0&malformed_rate=0&refusal_rate=0"

    def reply(prompt: str, form: Any, sample: int) -> Any:
        said = rehearsal.reply(honest, [{"role": "user", "content": prompt}], form.model_json_schema(), sample=sample)
        assert isinstance(said, str)
        return json.loads(said)

    for skill in ("trip", "collect_and_give"):
        fields = {"topic": skill.replace("_", " "), "branch": "stories"}
        teacher = ScriptedTeacher(reply)
        written = [one.fields["question"] for one in await generator.write(fields, teacher, 0)]
        assert len(written) > 15
        assert {item.skill.name for item in questions_in("\n".join(written))} == {world.SKILLS[skill].name}
        again = await generator.write({**fields, "covered": "\n".join(written)}, teacher, 0)
        assert not {one.fields["question"] for one in again} & set(written)
        assert "write nothing of it again" in teacher.asked[1]
        assert "write nothing of it again" not in teacher.asked[0]
