"""Any of an item's tails is right, and heads are kept apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.kinds import SourceError
from agents.sources.questions import Questions
from orchestrator.exams.triples import Triples
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer

FORM = RationaleThenAnswer(use="rationale_then_answer")
EXAM = Triples(use="triples", source="triples", part="train", per_skill=50)


def items(folder: Path, tails: Any, keep: tuple[str, ...] = ("tails",)) -> Any:
    rows = [
        {
            "head": f"PersonX pays {i}",
            "relation": r,
            "question": f"PersonX pays {i}. {r}?",
            "answer": "to eat",
            "tails": tails,
        }
        for i in range(20)
        for r in ("xWant", "xNeed")
    ]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = Questions(
        use="questions", path=str(folder / "t.jsonl"), skill="relation", split_by="head", keep=list(keep)
    )
    return EXAM.items(source, FORM, 0)


def test_any_of_the_tails_is_right_and_no_other(tmp_path: Path) -> None:
    item = items(tmp_path, ["to drink", "a table"])[0]
    for reply, right in {
        "to eat": True,
        "To drink.": True,
        "the table": True,
        "to sleep": False,
        "to eat or drink": False,
    }.items():
        grade = EXAM.grade(item, f"Let me see.\n#### {reply}")
        assert grade.right is right, reply
    assert EXAM.grade(item, "to eat").answer is None


def test_relations_are_skills_and_one_head_is_one_cluster(tmp_path: Path) -> None:
    found = items(tmp_path, ["to drink"])
    assert {item.skill for item in found} == {"xWant", "xNeed"}
    by_head: dict[str, set[str]] = {}
    for item in found:
        by_head.setdefault(item.split_key, set()).add(item.skill)
    assert set(map(len, by_head.values())) == {2}


def test_without_a_list_the_gold_answer_is_the_only_tail(tmp_path: Path) -> None:
    item = items(tmp_path, ["to drink"], keep=())[0]
    assert item.fields["tails"] == ["to eat"]


@pytest.mark.parametrize("tails", ["to drink", [1], ["to drink", " "], {"a": "b"}])
def test_tails_that_are_no_list_of_texts_are_refused(tmp_path: Path, tails: Any) -> None:
    with pytest.raises(SourceError, match=r"t.jsonl:[0-9]+: expected `tails` to be a list of texts, found"):
        items(tmp_path, tails)
