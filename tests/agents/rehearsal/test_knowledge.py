"""The rehearsal teacher's knowledge: general, true at its rate, and near to what a student has to write."""

import re
from itertools import islice
from random import Random

import pytest

from agents.prompts import tagged
from agents.rehearsal.tasks.knowledge import write_knowledge, write_strategy
from agents.rehearsal.teacher import Profile, Writer
from agents.rehearsal.vocabulary import NAMES, OBJECTS
from agents.rehearsal.world import SKILLS, items

TRUE, FALSE = Profile(error_rate=0), Profile(error_rate=1)


def told(question: str, profile: Profile = TRUE, seed: int = 0, **fields: str) -> str:
    writer = Writer(profile, Random(seed), tagged({"question": question, **fields}))
    written = write_knowledge(writer)
    assert set(written) == {"summary", "knowledge"}
    return written["knowledge"]


@pytest.mark.parametrize("skill", SKILLS)
def test_it_holds_for_other_items_and_names_nothing_of_this_one(skill: str) -> None:
    for item in islice(items(skill, 3, "train"), 12):
        text = told(item.question)
        particular = {
            word for word in re.findall(r"\w+", item.question) if word.isdecimal() or word in (*NAMES, *OBJECTS)
        }
        assert not particular & set(re.findall(r"\w+", text))
        if not skill.startswith("event"):
            assert text == told(next(items(skill, 4, "train")).question) or SKILLS[skill].family == "drills"


def test_of_an_event_it_is_the_rule_that_the_student_has_to_write() -> None:
    for item in islice(items("event_want", 3, "train"), 12):
        assert told(item.question) == item.rationale
        assert told(item.question, FALSE) != item.rationale


def test_of_a_calculation_it_is_the_order_of_the_steps() -> None:
    trip = next(items("trip", 3, "train")).question
    assert told(trip) == "First times, then plus."
    assert told(trip, FALSE) != told(trip)


def test_it_errs_a_third_as_often_where_the_right_answer_is_shown() -> None:
    item = next(items("change", 3, "train"))
    wrong = {
        shown: sum(told(item.question, FALSE, seed, **fields) != told(item.question) for seed in range(600))
        for shown, fields in (("bare", {}), ("gold", {"gold": item.answer}))
    }
    assert wrong["bare"] == 600
    assert 150 < wrong["gold"] < 250


def test_a_question_that_it_does_not_know_gets_no_rule_and_a_strategy_is_the_same_knowledge() -> None:
    assert "small world" in write_knowledge(Writer(TRUE, Random(0), "Who wrote Faust?"))["summary"]
    trip = next(items("trip", 3, "train")).question
    assert write_strategy(Writer(TRUE, Random(0), trip))["strategy"] == told(trip)
