"""The rehearsal teacher recalls a problem like one that is shown, and errs in it as often as its profile says."""

import json
from itertools import islice
from typing import Any

from agents.generators.recall_analogy import RecallAnalogy
from agents.rehearsal import world
from agents.rehearsal.faults import known, same_text
from agents.rehearsal.teacher import RehearsalTeacher
from tests.conftest import ScriptedTeacher

TEACHER = RehearsalTeacher()
FAULTLESS = "rehearsal-teacher?error_rate=0&wrong_reason_rate=0&duplicate_rate=0&malformed_rate=0&refusal_rate=0"
QUESTIONS = [
    item.question for skill in ("lead", "film", "switch", "trip") for item in islice(world.items(skill, 1), 25)
]


async def recalled(question: str, options: str = "") -> dict[str, Any]:
    def says(prompt: str, form: Any, sample: int) -> Any:
        message = [{"role": "user", "content": prompt}]
        reply = TEACHER.reply(f"{FAULTLESS}{options}", message, form.model_json_schema(), sample=sample)
        assert isinstance(reply, str)
        return json.loads(reply)

    [writing] = await RecallAnalogy(use="recall_analogy").write({"question": question}, ScriptedTeacher(says), 0)
    return writing.fields


def like(question: str, fields: dict[str, Any]) -> bool:
    one, other = known(question), known(fields["analogous_problem"])
    return bool(one and other and one.skill.name == other.skill.name and one.question != other.question)


def right(fields: dict[str, Any]) -> bool:
    item = known(fields["analogous_problem"])
    assert item
    solution, _, answer = fields["analogous_solution"].rpartition(": ")
    rationale = item.truth.rationale.rstrip(".")
    return same_text(solution, rationale) and answer == f"{item.truth.answer}."


async def test_without_errors_it_is_another_problem_of_the_skill_rightly_solved_and_the_same_one_again() -> None:
    for question in QUESTIONS:
        fields = await recalled(question)
        assert like(question, fields)
        assert right(fields)
        assert sorted(fields["restated_problem"].split()) == sorted(question.split())
        assert fields["restated_problem"] != question or question.count(". ") + question.count("? ") == 0


async def test_its_analogies_are_wrong_as_often_as_its_solutions_and_its_restatings_as_its_reasons() -> None:
    found = [(question, await recalled(question, "&error_rate=.5")) for question in QUESTIONS]
    assert 0.35 < sum(right(fields) for _, fields in found) / len(found) < 0.65
    found = [(question, await recalled(question, "&wrong_reason_rate=.5")) for question in QUESTIONS]
    same = [sorted(fields["restated_problem"].split()) == sorted(question.split()) for question, fields in found]
    assert 0.35 < sum(same) / len(same) < 0.65


async def test_a_problem_of_no_world_is_not_made_up() -> None:
    fields = await recalled("Why is the sky blue?")
    assert all("rehearsal program" in text for text in fields.values())
