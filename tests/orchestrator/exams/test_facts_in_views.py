"""Facts in four views: which are asked, that they are one cluster, and what counts as saying the answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.kinds import SourceError
from agents.sources.questions import Questions
from orchestrator.examination.scoring import scorecard
from orchestrator.exams.facts_in_views import VIEWS, FactsInViews, states
from orchestrator.formats.rationale_then_answer import RationaleThenAnswer
from storage.records import Attempt, Student

FORM = RationaleThenAnswer(use="rationale_then_answer")


def source(folder: Path, facts: int = 40, views: list[str] = VIEWS) -> Questions:
    rows = [
        {"fact": f"f{i}", "view": view, "question": f"{view}: who leads town {i}?", "answer": f"Ada of {i}"}
        for i in range(facts)
        for view in views
    ]
    (folder / "facts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    place = str(folder / "facts.jsonl")
    return Questions(use="questions", path=place, skill="view", split_by="fact", probe=0.4, test=0.4)


def exam(**options: Any) -> FactsInViews:
    return FactsInViews(use="facts_in_views", source="views", **options)


def test_the_same_facts_are_asked_in_every_view(tmp_path: Path) -> None:
    items = exam(facts=5).items(source(tmp_path), FORM, 0)
    by_view = {view: {item.split_key for item in items if item.skill == view} for view in VIEWS}
    assert len(items) == 20
    assert all(keys == by_view["memorised"] for keys in by_view.values())
    assert {item.split_key for item in exam(facts=5).items(source(tmp_path), FORM, 1)} != by_view["memorised"]


def test_a_file_with_fewer_facts_is_asked_whole(tmp_path: Path) -> None:
    assert 0 < len(exam(facts=500).items(source(tmp_path, 8), FORM, 0)) <= 32


def test_all_views_of_a_fact_are_in_one_part_and_one_cluster(tmp_path: Path) -> None:
    questions = source(tmp_path)
    probed, tested = (exam(part=part, facts=99).items(questions, FORM, 0) for part in ("probe", "test"))
    assert not {item.split_key for item in probed} & {item.split_key for item in tested}
    assert all(item.split_key == f"fact: {item.fields['fact']}" for item in probed)


def test_a_parrot_is_right_in_the_first_view_alone(tmp_path: Path) -> None:
    sat, student = exam(facts=6), Student.new(run="r", round=1, job="j", base="b", base_digest="d")
    items = sat.items(source(tmp_path), FORM, 0)
    learnt = {item.question: f"#### {item.gold}" for item in items if item.skill == "memorised"}
    attempts = []
    for item in items:
        grade, reply = sat.grade(item, learnt.get(item.question, "#### Ben")), learnt.get(item.question, "#### Ben")
        facts = {"question": item.question, "gold": item.gold, "skill": item.skill, "split_key": item.split_key}
        attempts.append(
            Attempt.new(run="r", round=1, student=student.key, exam="facts", reply=reply, **facts, **vars(grade))
        )
    card = scorecard("r", student, "facts", attempts)
    assert {view: score["accuracy"] for view, score in card.skills.items()} == {
        view: float(view == "memorised") for view in VIEWS
    }


def test_a_view_of_another_name_is_refused_unless_the_exam_knows_it(tmp_path: Path) -> None:
    questions = source(tmp_path, views=["memorised", "comparison"])
    with pytest.raises(SourceError, match="has a view 'comparison'; expected memorised, rephrased, derived, updated"):
        exam().items(questions, FORM, 0)
    named = exam(views=["memorised", "comparison"]).items(questions, FORM, 0)
    assert {item.skill for item in named} == {"memorised", "comparison"}


SAME = [
    ("Oslo", "Oslo"),
    ("in Oslo", "Oslo"),
    ("It is the town of Oslo.", "Oslo"),
    ("Dr. Ada Lovelace", "Ada Lovelace"),
    ("the Apollo 11 mission", "Apollo 11"),
    ("on March 5, 1999", "March 5, 1999"),
    ("he was found not guilty", "not guilty"),
    ("7", "7"),
    ("seven", "7"),
    ("yes", "Yes"),
]
OTHER = [
    ("not Oslo", "Oslo"),
    ("Oslo or Rome", "Oslo"),
    ("Oslo, Rome, Paris", "Oslo"),
    ("Rome, not Oslo", "Oslo"),
    ("anywhere but Oslo", "Oslo"),
    ("formerly Oslo", "Oslo"),
    ("it isn't Oslo", "Oslo"),
    ("perhaps Oslo", "Oslo"),
    ("guilty", "not guilty"),
    ("Apollo 12", "Apollo 11"),
    ("Apollo 11 and 12", "Apollo 11"),
    ("7 million", "7"),
    ("between 6 and 7", "7"),
    ("no", "yes"),
    ("I would say no", "no"),
    ("Os lo", "Oslo"),
    ("Lovelace Ada", "Ada Lovelace"),
    ("", "Oslo"),
    ("Oslo " + "and so on as it has been said for a very long time " * 2, "Oslo"),
]


@pytest.mark.parametrize(("answer", "gold"), SAME)
def test_a_phrase_around_the_gold_answer_says_it(answer: str, gold: str) -> None:
    assert states(answer, gold, 12)


@pytest.mark.parametrize(("answer", "gold"), OTHER)
def test_what_denies_doubts_lists_or_counts_otherwise_does_not(answer: str, gold: str) -> None:
    assert not states(answer, gold, 12)
