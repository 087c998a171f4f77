"""What a lesson may not hold: an exam question whole or nearly, at any depth; and a word that only the exam knows."""

import json
from typing import Any

import pytest

from agents.rehearsal.teacher import Refusal
from orchestrator.examination.decontamination import JUDGE, ExamLeaked, Guard
from orchestrator.examination.items import CANARY, exam_items
from orchestrator.kinds import ExamItem
from storage.records import Outcome
from storage.store import Store
from tests.conftest import Loop

LONG = (
    "A train leaves the old harbour at nine with 40 people, and at the second stop 12 of them get off. How many stay?"
)
SHORT = "What is 3 plus 4?"


def an_item(question: str, skill: str = "trip", **fields: Any) -> ExamItem:
    return ExamItem(question, "7", [], skill, question, {"question": question, **fields})


GUARD = Guard([an_item(LONG), an_item(SHORT), an_item("What is the code word of bake?", CANARY, canary="bakelomu")])


@pytest.mark.parametrize("text", [LONG, LONG.upper(), f"  {LONG.replace(',', ' ;')} ", SHORT, "what is 3 PLUS 4"])
def test_the_same_words_are_the_same_question(text: str) -> None:
    found = GUARD.find({"question": text})
    assert found
    assert found[1] == 1.0


@pytest.mark.parametrize(
    "text",
    [
        f"Think hard. {LONG} Then write down why.",
        LONG.replace("How many stay?", "How many remain?"),
        LONG.replace("A train", "The train"),
    ],
)
def test_nearly_the_same_words_are_found(text: str) -> None:
    found = GUARD.find({"question": "another", "rationale": text})
    assert found
    assert (found[0].question, found[1] >= 0.8) == (LONG, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "At nine 40 passengers sail off; a dozen leave at stop two. Who is left?",
        LONG.replace("40", "50").replace("12", "15"),
        f"I wonder: {SHORT}",
        "What is 3 plus 5?",
    ],
)
def test_a_paraphrase_other_numbers_and_a_short_question_within_a_text_pass(text: str) -> None:
    assert GUARD.find({"question": text}) is None


@pytest.mark.parametrize("fields", [{"turns": ["Hello.", LONG]}, {"asked": {"deep": [{"text": LONG}]}}])
def test_what_lies_deeper_is_found_too(fields: dict[str, Any]) -> None:
    assert GUARD.find(fields)
    assert GUARD.canary({"turns": [{"text": "It is bakelomu."}]})


def test_what_is_no_text_is_no_question() -> None:
    assert GUARD.find({"score": 3, "nothing": None, "yes": True}) is None


def test_a_canary_is_known_by_its_word_alone() -> None:
    assert GUARD.canary({"question": "Say BAKELOMU!"})
    assert GUARD.canary({"question": "bakelomus and bake"}) is None
    assert GUARD.find({"question": "What is the code word of bake?"}) is None


@pytest.mark.parametrize("name", ["question", "stem"])
def test_a_question_is_found_without_the_choices_or_turns_that_it_is_shown_with(name: str) -> None:
    shown = f"user: Hello.\nassistant: Good morning to you, what may I do?\nuser: {LONG}\nA) 28\nB) 52"
    guard = Guard([ExamItem(shown, "28", [], "", "k", {"question": shown, name: LONG})])
    for text in (LONG, f"Think hard. {LONG}", shown):
        assert guard.find({"rationale": text})


def test_a_question_without_a_word_is_not_found_in_an_empty_text() -> None:
    assert Guard([an_item("+ = ?")]).find({"rationale": "", "answer": "!"}) is None


def test_without_items_nothing_is_found() -> None:
    assert Guard([]).find({"question": LONG}) is None


# --- in the loop ----------------------------------------------------------------------------------------------------


def writes(text: str) -> Any:
    """A teacher that puts this into every solution."""

    def tampered(role: str, reply: str | Refusal) -> str | Refusal:
        found = json.loads(reply) if isinstance(reply, str) and reply.startswith("{") and reply.endswith("}") else {}
        return json.dumps({**found, "rationale": f"{found['rationale']} {text}"}) if "rationale" in found else reply

    return tampered


async def test_a_teacher_that_quotes_an_exam_question_loses_its_lessons(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("exams.test.per_skill=8")
    guarded = max((item.question for item in exam_items(recipe, "test")), key=len)
    told: list[dict[str, Any]] = []

    def tampered(role: str, reply: str | Refusal) -> str | Refusal:
        tampered.count += 1  # type: ignore[attr-defined]
        return writes(f"As in: {guarded}")(role, reply) if tampered.count % 2 else reply  # type: ignore[attr-defined]

    tampered.count = 0  # type: ignore[attr-defined]
    loop.tampering = tampered
    key, _ = await loop.teach(recipe, store, tell=lambda event, facts: told.append({"event": event, **facts}))
    verdicts = store.verdicts(key, JUDGE)
    assert verdicts
    assert {v.outcome for v in verdicts.values()} == {Outcome.REJECTED}
    assert {v.evidence["question"] for v in verdicts.values()} == {guarded}
    assert {v.reason for v in verdicts.values()} == {"repeats an exam question"}
    rows = [row for dataset in store.datasets(key) for row in store.dataset_rows(dataset.key)]
    assert rows
    assert not {row.draft for row in rows} & verdicts.keys()
    assert not any(guarded in json.dumps(row.content) for row in rows)
    assert any(each["event"] == "decontaminated" and each["left_out"] for each in told)


async def test_an_exam_question_under_another_wording_passes(loop: Loop, store: Store) -> None:
    loop.tampering = writes("Think of someone on the road for some hours, and how far that is.")
    key, _ = await loop.teach(loop.recipe(), store)
    assert not store.verdicts(key, JUDGE)
    assert store.lessons(key)


async def test_a_teacher_that_knows_a_canary_ends_the_run_with_the_reason(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("exams.test.canaries=3")
    word = next(item.fields["canary"] for item in exam_items(recipe, "test") if item.skill == CANARY)
    loop.tampering = writes(f"The code word of {word} is red.")
    with pytest.raises(ExamLeaked) as caught:
        await loop.teach(recipe, store)
    said = str(caught.value)
    assert f"names {word!r}, a word that stands nowhere but in the exam" in said
    assert "write_solution" in said
    assert "ask another teacher, or write a new exam" in said
    assert loop.worker.trainings() == 0


async def test_honest_lessons_of_a_whole_world_are_left_alone(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("seeds={tasks: 120, basics: 20}", "exams.test.per_skill=20", "exams.probe.per_skill=12")
    key, _ = await loop.teach(recipe, store)
    assert store.lessons(key) > 80
    assert not store.verdicts(key, JUDGE)
