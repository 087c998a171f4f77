"""The rehearsal teacher takes the world's questions apart in words that say which numbers to put together how."""

import json
import re
from collections import Counter
from itertools import islice

import pytest

from agents.generators.decompose import Decomposition
from agents.prompts import tagged
from agents.rehearsal.drills import ORDINALS
from agents.rehearsal.faults import same_text
from agents.rehearsal.tasks.decomposition import PARTS, subquestions
from agents.rehearsal.teacher import RehearsalTeacher
from agents.rehearsal.world import SKILLS, Item, items

TEACHER = RehearsalTeacher()
SURE = "?error_rate=0&wrong_reason_rate=0&malformed_rate=0&refusal_rate=0"
COUNTED = 600


def chain(item: Item, options: str = SURE, seed: int = 0) -> Decomposition:
    message = [{"role": "user", "content": f"Please.\n{tagged({'question': item.question})}"}]
    reply = TEACHER.reply(f"rehearsal-teacher{options}", message, Decomposition.model_json_schema(), seed)
    assert isinstance(reply, str)
    return Decomposition.model_validate(json.loads(reply))


@pytest.mark.parametrize("skill", SKILLS)
def test_an_unerring_chain_is_the_rationale_in_parts_and_ends_in_the_answer(skill: str) -> None:
    for item in islice(items(skill, 3), 5):
        steps = chain(item).steps
        assert steps[-1].answer == item.answer
        assert same_text("".join(step.solution for step in steps), item.rationale.replace("; ", ""))
        assert len(steps) == len(PARTS.split(item.rationale))


@pytest.mark.parametrize(
    "skill", ["collect_and_give", "change", "trip", "film", "pile", "next_number", "plan", "chain"]
)
def test_who_follows_the_subquestions_alone_gets_to_the_answer(skill: str) -> None:
    """They say all that has to be known besides the numbers of the question: a decomposition that is worth learning."""
    for item in islice(items(skill, 4), 40):
        assert followed(item.question, [step.subquestion for step in chain(item).steps]) == int(item.answer)


def followed(question: str, asked: list[str]) -> int:
    numbers, value = [int(n) for n in re.findall(r"\d+", question)], 0
    for subquestion in asked:
        words = subquestion.rstrip("?").split()
        read = [
            numbers[ORDINALS.index(w)] if w in ORDINALS else int(w) for w in words[1:] if w in ORDINALS or w.isdigit()
        ]
        one, other = read if words[0] == "Take" else (value, read[0])
        (verb,) = {"plus", "gap", "times"} & set(words)
        value = {"plus": one + other, "gap": abs(one - other), "times": one * other}[verb]
    return value


def test_a_number_that_is_none_of_the_questions_is_said_as_it_is() -> None:
    (film,) = islice(items("film", 1), 1)
    assert subquestions(film.question, PARTS.split(film.rationale)) == ["Take 60 times first?", "Then plus second?"]


def test_chains_are_wrong_as_often_as_solutions_and_half_of_these_in_their_plan() -> None:
    item = next(items("trip", 5))
    right = [step.subquestion for step in chain(item).steps]
    told = [chain(item, "?error_rate=.3&malformed_rate=0&refusal_rate=0", seed) for seed in range(COUNTED)]
    seen = Counter((c.steps[-1].answer == item.answer, [s.subquestion for s in c.steps] == right) for c in told)
    wrong = seen[False, True] + seen[False, False]
    assert wrong / COUNTED == pytest.approx(0.3, abs=0.05)
    assert seen[False, False] / wrong == pytest.approx(0.5, abs=0.1)
    assert seen[True, False] == 0


def test_of_a_question_that_it_does_not_know_it_says_so_in_one_step() -> None:
    (step,) = chain(Item("", "", 1, "Who knows?", "", "", "")).steps
    assert "rehearsal program" in step.solution
    assert step.answer == "unknown"
