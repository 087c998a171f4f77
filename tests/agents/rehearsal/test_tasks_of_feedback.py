"""The rehearsal teacher compares answers and writes what feedback asks for, and errs as often as its profile says."""

import json
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from agents.critics.better_than_reference import Comparison
from agents.generators.write_from_report import PROMPT, NewQuestions
from agents.generators.write_rarer_question import RarerQuestion
from agents.prompts import fill, tagged
from agents.rehearsal.faults import known
from agents.rehearsal.teacher import RehearsalTeacher
from agents.rehearsal.world import Item, items

PAIRS, WRITTEN = 600, 1500
TEACHER = RehearsalTeacher()
FAULTLESS = "&judge_error_rate=0&order_bias=0&duplicate_rate=0"
ITEM = next(items("trip", 5))


def asked(options: str, form: Any, fields: dict[str, Any], said: str = "Please.", seed: int = 0) -> dict[str, Any]:
    model = f"rehearsal-teacher?malformed_rate=0&refusal_rate=0{options}"
    message = [{"role": "user", "content": f"{said}\n{tagged(fields)}"}]
    reply = TEACHER.reply(model, message, form.model_json_schema(), seed)
    assert isinstance(reply, str)
    return json.loads(reply)


def pair(options: str, first: str, second: str, item: Item = ITEM, seed: int = 0) -> tuple[int, int]:
    fields = {"question": item.question, "first_answer": first, "second_answer": second}
    scores = Comparison.model_validate(asked(options, Comparison, fields, seed=seed))
    return scores.first_score, scores.second_score


@pytest.mark.parametrize("skill", ["trip", "founder_city", "event_want", "add"])
def test_by_itself_it_ranks_right_before_unsound_before_wrong(skill: str) -> None:
    for item in islice(items(skill, 3), 20):
        bare, whole = item.answer, f"{item.rationale}\n#### {item.answer}"
        unsound, wrong = f"Because I say so.\n#### {item.answer}", f"{item.rationale}\n#### nothing"
        assert pair(FAULTLESS, bare, whole, item) == (10, 10)
        assert pair(FAULTLESS, unsound, bare, item) == (6, 10)
        assert pair(FAULTLESS, wrong, unsound, item) == (2, 6)
        assert pair(FAULTLESS, "I cannot tell", wrong, item) == (2, 2)


@pytest.mark.parametrize("answers", [(ITEM.answer, "wrong"), (ITEM.answer, ITEM.answer), ("wrong", "worse")])
def test_it_misjudges_and_is_swayed_by_order_as_often_as_its_profile_says(answers: tuple[str, str]) -> None:
    truth = pair(FAULTLESS, *answers)
    wrong = Counter(pair("&judge_error_rate=.2&order_bias=0", *answers, seed=i) != truth for i in range(PAIRS))
    swayed = Counter(pair("&judge_error_rate=0&order_bias=.2", *answers, seed=i) for i in range(PAIRS))
    preferring = (truth[0], max(1, truth[1] - 2))
    assert wrong[True] / PAIRS == pytest.approx(0.2, abs=0.05)
    assert swayed.keys() == {truth, preferring}
    assert swayed[preferring] / PAIRS == pytest.approx(0.2, abs=0.05)


def test_of_a_question_that_it_does_not_know_it_finds_no_answer_good() -> None:
    fields = {"question": "Who knows?", "first_answer": "I", "second_answer": "#### me"}
    said = asked(FAULTLESS, Comparison, fields)
    assert (said["first_score"], said["second_score"]) == (2, 2)


def test_a_rarer_question_is_of_the_skill_and_less_like_the_one_shown() -> None:
    def shared(questions: list[str]) -> float:
        shown = [set(item.question.split()) for item in islice(items("product", 1), 60)]
        return sum(len(one & set(other.split())) for one, other in zip(shown, questions, strict=True))

    shown = [item.question for item in islice(items("product", 1), 60)]
    rarer = [asked(FAULTLESS, RarerQuestion, {"question": question})["rarer_question"] for question in shown]
    usual = [item.question for item in islice(items("product", 2), 60)]
    seen = [known(question) for question in rarer]
    assert {item and item.skill.name for item in seen} == {"product"}
    assert shared(rarer) < 0.9 * shared(usual)
    copies = asked("&duplicate_rate=1", RarerQuestion, {"question": shown[0]})
    assert copies == {"rarer_question": shown[0]}


@pytest.mark.parametrize(
    ("fields", "skill"),
    [
        ({"skill": "film", "hard_negatives": [{"question": ITEM.question, "student_reply": "#### 8"}]}, "trip"),
        ({"skill": "film", "right_examples": [{"question": ITEM.question, "answer": "7"}]}, "trip"),
        ({"skill": "film", "right_examples": []}, "film"),
    ],
)
def test_from_a_report_it_writes_so_many_of_the_skill_that_is_shown(fields: dict[str, Any], skill: str) -> None:
    said = asked(FAULTLESS, NewQuestions, fields, fill(PROMPT, count=12))
    written = [known(question) for question in said["new_questions"]]
    assert len(written) == 12
    assert {item and item.skill.name for item in written} == {skill}


def test_copies_from_a_report_are_as_many_as_its_profile_says() -> None:
    fields = {"skill": "trip", "hard_negatives": [{"question": ITEM.question}]}
    options = "&duplicate_rate=.3"
    said = [asked(options, NewQuestions, fields, fill(PROMPT, count=50), i)["new_questions"] for i in range(30)]
    copies = sum(question == ITEM.question for reply in said for question in reply)
    assert copies / WRITTEN == pytest.approx(0.3, abs=0.04)


def test_of_what_it_does_not_know_it_writes_nothing_of_the_world() -> None:
    assert known(asked(FAULTLESS, RarerQuestion, {"question": "Who knows?"})["rarer_question"]) is None
    assert asked(FAULTLESS, NewQuestions, {"skill": "whistling"}) == {"new_questions": []}
