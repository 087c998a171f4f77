"""Exam items: canaries that are the same each time and never alike, what is guarded, and what counts."""

from typing import Any

import pytest

from agents.kinds import SourceError
from orchestrator.examination.items import (
    CANARY,
    CODE_WORDS,
    exam_items,
    exams_of,
    grade_canary,
    guarded_items,
    guarded_keys,
    probed_sources,
)
from orchestrator.kinds import ExamItem
from storage.store import Store
from tests.conftest import Loop

CANARIES = ("exams.probe.canaries=20", "exams.test.canaries=20")
PRACTICE = "exams.practice={use: final_answer, source: tasks, part: train, per_skill: 2}"


def canaries(loop: Loop, exam: str, *edits: str) -> list[ExamItem]:
    return [item for item in exam_items(loop.recipe(*CANARIES, *edits), exam) if item.skill == CANARY]


def test_canaries_are_the_same_each_time(loop: Loop) -> None:
    assert canaries(loop, "test") == canaries(loop, "test")
    assert len(canaries(loop, "test")) == 20


def test_no_two_canaries_are_alike_within_an_exam_between_exams_and_between_seeds(loop: Loop) -> None:
    found = [*canaries(loop, "test"), *canaries(loop, "probe"), *canaries(loop, "test", "seed=1")]
    for names in ([i.question for i in found], [i.split_key for i in found], [i.fields["canary"] for i in found]):
        assert len(set(names)) == len(names) == 60


def test_fewer_canaries_are_the_first_of_more(loop: Loop) -> None:
    assert canaries(loop, "test", "exams.test.canaries=5") == canaries(loop, "test")[:5]


def test_a_canary_names_its_word_and_all_answers_and_every_answer_occurs(loop: Loop) -> None:
    found = canaries(loop, "test", "exams.test.canaries=100")
    for item in found:
        assert item.fields["canary"] in item.question
        assert all(word in item.question for word in CODE_WORDS)
        assert item.prompt[-1]["content"] == item.question
    assert {item.gold for item in found} == set(CODE_WORDS)
    assert max(sum(item.gold == word for item in found) for word in CODE_WORDS) < 45


def test_probe_and_test_are_guarded_with_their_canaries_and_practice_is_not(loop: Loop) -> None:
    recipe = loop.recipe(*CANARIES, PRACTICE)
    guarded = guarded_keys(recipe)
    assert {item.split_key for item in canaries(loop, "test")} <= guarded
    assert {item.split_key for item in exam_items(recipe, "retention")} <= guarded
    practice = {item.split_key for item in exam_items(recipe, "practice")}
    assert practice
    assert not practice & guarded
    assert {item.split_key for item in guarded_items(recipe)} == guarded


def test_an_exam_without_questions_is_refused(loop: Loop, monkeypatch: Any) -> None:
    recipe = loop.recipe()
    monkeypatch.setattr(type(recipe.exams["test"]), "items", lambda *_: [])
    with pytest.raises(
        SourceError, match="exam 'test' has no questions: source 'tasks' gives none for its part 'test'"
    ):
        exam_items(recipe, "test")


def test_exams_are_named_in_order_and_what_is_taught_is_what_is_probed(loop: Loop) -> None:
    recipe = loop.recipe()
    assert (exams_of(recipe, "test"), exams_of(recipe, "probe")) == (["retention", "test"], ["probe"])
    assert probed_sources(recipe) == {"tasks"}


async def test_canaries_are_asked_and_count_for_no_score(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(*CANARIES), store)
    cards = {(card.exam, card.round): card for card in store.scorecards(key)}
    assert {card.n for card in cards.values() if card.exam in ("probe", "test")} == {12}
    asked = [a for a in store.attempts_of(key, ["test"]) if a.skill == CANARY]
    assert len(asked) == 20 * len({a.student for a in asked}) == 40


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("#### red", "red"),
        ("Red or green. #### x\n#### green", "green"),
        ("It is Blue.", "blue"),
        ("red or blue", None),
    ],
)
def test_a_canary_is_graded_by_the_one_code_word_that_is_named(reply: str, answer: str | None) -> None:
    for gold in CODE_WORDS:
        grade = grade_canary(ExamItem("?", gold, [], CANARY, "k", {}), reply)
        assert (grade.answer, grade.right) == (answer, answer == gold)


async def test_an_exam_with_fields_of_its_own_can_have_canaries(loop: Loop, store: Store) -> None:
    loop.worker.enough = 1000
    recipe = loop.recipe("exams.chosen={use: triples, source: tasks, part: probe, per_skill: 1, canaries: 3}")
    key, _ = await loop.teach(recipe, store)
    assert {a.skill for a in store.attempts_of(key, ["chosen"])} > {CANARY}
