"""Each cause is told from evidence in the reply, and slips that were planted are found."""

from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.rehearsal.faults import known, wrong_solution
from agents.rehearsal.stories import STORIES
from agents.rehearsal.world import TAUGHT, items
from orchestrator.examination.diagnosis import Cause, diagnose

EGGS = "Ducks lay 16 eggs a day. She eats three, bakes with four and sells the rest for $2 each. What does she make?"
EGGS_SOLVED = "16 - 3 - 4 = <<16-3-4=9>>9 eggs\n9 * 2 = $<<9*2=18>>18"
TRIP = "Ana drives 4 hours at 88 km per hour and then walks 85 km. How long is the whole trip in km?"
TRIP_SOLVED = "88*4: 8*4+0=32 8*4+3=35 so 352; 352+85: 2+5+0=07 5+8+0=13 3+0+1=04 so 437"
CITY = "Jade Tools was founded by Pia Nash. Pia Nash lives in Norby. Where does the founder of Jade Tools live?"
CITY_SOLVED = "Jade Tools was founded by Pia Nash. Pia Nash lives in Norby."

CASES = [
    (Cause.ARITHMETIC_SLIP, EGGS, "18", "16 - 3 - 4 = <<16-3-4=8>>8\n8 * 2 = <<8*2=16>>16", "16", EGGS_SOLVED),
    (Cause.ARITHMETIC_SLIP, EGGS, "18", "16 - 3 - 4 = 8 eggs.\n8 * 2 = 16 dollars.", "16", ""),
    (Cause.ARITHMETIC_SLIP, TRIP, "437", TRIP_SOLVED.replace("8+0=13 3+0+1=04 so 437", "8+0=12 3+0+1=04 so 427"), "427", ""),
    (Cause.ARITHMETIC_SLIP, TRIP, "437", TRIP_SOLVED.replace("so 437", "so 473"), "473", ""),
    (Cause.MISSING_STEP, EGGS, "18", "16 - 3 - 4 = <<16-3-4=9>>9 eggs", "9", EGGS_SOLVED),
    (Cause.MISSING_STEP, TRIP, "437", "88*4: 8*4+0=32 8*4+3=35 so 352", "352", TRIP_SOLVED),
    (Cause.MISSING_STEP, CITY, "Norby", "Jade Tools was founded by Pia Nash.", "Pia Nash", CITY_SOLVED),
    (Cause.WRONG_OPERATION, EGGS, "18", "16 - 3 = <<16-3=13>>13\n13 * 2 = <<13*2=26>>26", "26", EGGS_SOLVED),
    (Cause.WRONG_OPERATION, EGGS, "18", "16 - 3 = 13 eggs.\n13 * 2 = 26 dollars.", "26", ""),
    (Cause.WRONG_OPERATION, EGGS, "18", "16 - 3 - 4 = <<16-3-4=9>>9 eggs", "9", ""),
    (Cause.WRONG_OPERATION, TRIP, "437", "88+4: 8+4+0=12 8+0+1=09 so 92; 92+85: 2+5+0=07 9+8+0=17 so 177", "177", TRIP_SOLVED),
    (Cause.WRONG_OPERATION, "40 boxes hold 3 pens.", "120", "40 / 3 = <<40/3=13.33>>13 boxes", "13", ""),
    (Cause.WRONG_FACT, CITY, "Norby", "Jade Tools was founded by Pia Nash. Pia Nash lives in Redford.", "Redford", CITY_SOLVED),
    (Cause.WRONG_FACT, "Is the lamp on or off?", "off", "0 off 1 on", "on", ""),
    (Cause.WRONG_FACT, "Which mission landed first?", "Apollo 11", "It was Apollo 12.", "Apollo 12", ""),
    (Cause.UNANSWERABLE, TRIP, "437", "Nothing is said of the road.", "It cannot be determined.", ""),
    (Cause.UNANSWERABLE, TRIP, "437", "There is not enough information to answer this.", None, ""),
    (Cause.UNANSWERABLE, "How old is Ana?", "unknown", "Ana is tall. 4 + 5 = 9", "9", ""),
    (Cause.WRONG_ANSWER, EGGS, "18", "17 * 2 = 34", "34", ""),  # no 17 is known
    (Cause.WRONG_ANSWER, EGGS, "18", "It is so.", "12", EGGS_SOLVED),
    (Cause.WRONG_ANSWER, EGGS, "18", EGGS_SOLVED, "81", EGGS_SOLVED),  # copied wrongly
    (Cause.WRONG_ANSWER, CITY, "Norby", "1 town", "1", ""),
    (Cause.WRONG_ANSWER, "Which of the options holds?", "B", "So it is C.", "C", ""),
    (Cause.WRONG_ANSWER, "How old is Ana?", "cannot be answered", "I do not know.", "unknown", ""),
    (Cause.NO_FINAL_ANSWER, TRIP, "437", TRIP_SOLVED, None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "question", "gold", "reply", "answer", "reference"), CASES)
def test_the_cause_is_the_one_that_the_reply_shows(
    cause: Cause, question: str, gold: str, reply: str, answer: str | None, reference: str
) -> None:
    marked = reply if answer is None else f"{reply}\n#### {answer}"
    assert diagnose(question, gold, marked, answer, finished=True, reference=reference) is cause


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_reply_that_was_cut_has_no_end_whatever_else_is_wrong(case: tuple) -> None:
    _, question, gold, reply, answer, reference = case
    assert diagnose(question, gold, reply, answer, finished=False, reference=reference) is Cause.NO_END


def test_every_cause_has_an_example() -> None:
    assert {case[0] for case in CASES} | {Cause.NO_END} == set(Cause)


def planted(skill: str) -> list[Cause]:
    found = []
    for item in islice(items(skill, 4), 30):
        seen = known(item.question)
        assert seen is not None
        rationale, answer = wrong_solution(seen, Random(item.question))
        found.append(diagnose(item.question, item.answer, f"{rationale}\n#### {answer}", answer, True, item.rationale))
    return found


@pytest.mark.parametrize("skill", [skill.name for skill in STORIES])
def test_planted_slips_are_recognised(skill: str) -> None:
    found = planted(skill)
    assert found.count(Cause.ARITHMETIC_SLIP) >= 0.9 * len(found)


@pytest.mark.parametrize("skill", [skill.name for skill in TAUGHT.values() if skill.wrong])
def test_planted_wrong_words_are_wrong_facts(skill: str) -> None:
    found = planted(skill)
    assert found.count(Cause.WRONG_FACT) >= 0.9 * len(found)


@pytest.mark.parametrize(
    "step", ["8770 / 15 = <<8770/15=584.67>>584 boxes", "100 / 3 = 33 boxes", "5 - 15 = <<5-15=-10>>10 less"]
)
def test_rounding_to_a_whole_and_a_dropped_sign_are_no_slips(step: str) -> None:
    answer = step.split()[-2].rpartition(">")[2]
    question = "A truck for 8770 pounds and 15 boxes, 100 pens and 3 boxes, 5 and 15 coins."
    assert diagnose(question, "7", f"{step}\n#### {answer}", answer, finished=True) is Cause.WRONG_OPERATION


@given(st.text(), st.text(), st.text(), st.none() | st.text(), st.text())
def test_any_text_has_a_cause(question: str, gold: str, reply: str, answer: str | None, reference: str) -> None:
    assert diagnose(question, gold, reply, answer, True, reference) in set(Cause) - {Cause.NO_END}
