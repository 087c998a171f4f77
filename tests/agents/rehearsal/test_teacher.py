"""The rehearsal teacher: its faults come as often as it says, and each is the fault that it is meant to be."""

import json
from collections.abc import Iterator
from itertools import cycle, islice
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.prompts import tagged
from agents.rehearsal.faults import known, wrong_reason, wrong_solution
from agents.rehearsal.teacher import PROFILES, Profile, Refusal, RehearsalTeacher, UnknownModel
from agents.rehearsal.world import SKILLS, TAUGHT, Item, items, recognise

COUNT = 1500
TEACHER = RehearsalTeacher()
NEAT = "malformed_rate=0&refusal_rate=0"
TEXT = {"type": "string"}
SOLUTION = {"type": "object", "properties": {"rationale": TEXT, "answer": TEXT}}
VERDICT = {
    "type": "object",
    "properties": {"sound": {"type": "boolean"}, "reason": TEXT, "score": {"type": "integer"}},
}


def taught(count: int) -> Iterator[Item]:
    streams = cycle([items(skill, 3) for skill in TAUGHT])
    return islice((next(stream) for stream in streams), count)


def ask(model: str, fields: dict[str, Any], schema: dict[str, Any] | None, seed: int = 0) -> str | Refusal:
    return TEACHER.reply(model, [{"role": "user", "content": f"Please.\n{tagged(fields)}"}], schema, seed)


def asked(options: str, fields: dict[str, Any], schema: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    reply = ask(f"rehearsal-teacher?{NEAT}{options}", fields, schema, seed)
    assert isinstance(reply, str)
    return json.loads(reply)


def rates(options: str = "", **sections: str) -> tuple[float, float]:
    """How often the answer is wrong, and how often a right answer has a wrong reason."""
    wrong = reason = 0
    for item in taught(COUNT):
        reply = asked(options, {"question": item.question, **sections}, SOLUTION)
        wrong += reply["answer"] != item.answer
        reason += reply["answer"] == item.answer and reply["rationale"] != item.rationale
    return wrong / COUNT, reason / COUNT


def test_it_errs_as_often_as_its_profile_says() -> None:
    assert rates() == (pytest.approx(0.12, abs=0.025), pytest.approx(0.06, abs=0.02))


def test_gold_makes_it_err_a_third_as_often() -> None:
    assert rates("&error_rate=.3", gold="x")[0] == pytest.approx(0.1, abs=0.025)


def test_a_weak_skill_has_its_own_rate() -> None:
    wrong = [
        asked("&weak.trip=1&error_rate=0", {"question": item.question}, SOLUTION)["answer"] != item.answer
        for skill in ("trip", "film")
        for item in islice(items(skill, 1), 20)
    ]
    assert wrong == [True] * 20 + [False] * 20


@pytest.mark.parametrize("skill", SKILLS)
def test_wrong_is_wrong_and_a_wrong_reason_is_not_the_exact_one(skill: str) -> None:
    rng = Random(skill)
    for item in islice(items(skill, 2), 40):
        seen = known(item.question)
        assert seen is not None
        assert wrong_solution(seen, rng)[1] != item.answer
        assert wrong_reason(item.rationale, rng) != item.rationale


def test_a_slip_in_numbers_is_followed_to_the_end() -> None:
    for item in islice(items("trip", 2), 40):
        seen = known(item.question)
        assert seen is not None
        rationale, answer = wrong_solution(seen, Random(item.question))
        assert rationale.endswith(f"so {answer}")


def test_the_same_request_has_the_same_reply_and_another_sample_another() -> None:
    message = [{"role": "user", "content": tagged({"question": next(items("trip", 1)).question, "count": 2})}]
    form = {"properties": {"questions": {"type": "array"}}}
    replies = [TEACHER.reply("rehearsal-teacher", message, form, 5, sample) for sample in (0, 0, 1, 2)]
    assert replies == [RehearsalTeacher().reply("rehearsal-teacher", message, form, 5, s) for s in (0, 0, 1, 2)]
    assert len(set(map(str, replies))) > 1


def readable(reply: str) -> bool:
    try:
        value = json.loads(reply)
    except ValueError:
        return False
    return isinstance(value, dict) and value.keys() == {"rationale", "answer"}


def test_malformed_replies_and_refusals_come_as_often_as_the_profile_says() -> None:
    replies = [ask("rehearsal-teacher", {"question": item.question}, SOLUTION) for item in taught(COUNT)]
    refused = sum(isinstance(reply, Refusal) for reply in replies)
    malformed = sum(isinstance(reply, str) and not readable(reply) for reply in replies)
    assert refused / COUNT == pytest.approx(0.01, abs=0.008)
    assert malformed / COUNT == pytest.approx(0.03, abs=0.015)


def test_a_malformed_reply_is_never_readable() -> None:
    model = "rehearsal-teacher?malformed_rate=1&refusal_rate=0"
    for item in taught(300):
        reply = ask(model, {"question": item.question}, SOLUTION)
        assert isinstance(reply, str)
        assert not readable(reply)


def test_judgement_is_true_but_for_its_error_rate() -> None:
    wrong = 0
    for number, item in enumerate(taught(COUNT)):
        seen = known(item.question)
        assert seen is not None
        rng = Random(number)
        shown = [
            (item.rationale.replace(" ", "  "), f" {item.answer}\n"),
            wrong_solution(seen, rng),
            (wrong_reason(item.rationale, rng), item.answer),
        ][number % 3]
        fields = {"question": item.question, "rationale": shown[0], "answer": shown[1]}
        verdict = asked("", fields, VERDICT)
        assert (verdict["score"] >= 4) is verdict["sound"]
        assert verdict["reason"]
        wrong += verdict["sound"] is not (number % 3 == 0)
    assert wrong / COUNT == pytest.approx(0.08, abs=0.02)


def test_new_questions_are_of_the_skill_and_sometimes_copies() -> None:
    form = {"properties": {"questions": {"type": "array", "items": TEXT}}}
    copies = 0
    for item in taught(COUNT // 5):
        written = asked("", {"question": item.question, "count": 5}, form)["questions"]
        copies += sum(question == item.question for question in written)
        skills = [found[0].name for question in written if (found := recognise(question))]
        assert skills == [item.skill] * 5
    assert copies / COUNT == pytest.approx(0.05, abs=0.02)


def test_one_new_question_from_an_example() -> None:
    item = next(items("trip", 4))
    form = {"properties": {"question": TEXT, "rationale": TEXT, "answer": TEXT}}
    written = asked(
        "&error_rate=0&wrong_reason_rate=0&duplicate_rate=0", {"example": f"Question: {item.question}\nAnswer: 3"}, form
    )
    seen = known(written["question"])
    assert seen is not None
    assert written["question"] != item.question
    assert (written["rationale"], written["answer"]) == (seen.truth.rationale, seen.truth.answer)


def test_referenced_forms_are_followed() -> None:
    form = {
        "properties": {"questions": {"type": "array", "items": {"$ref": "#/$defs/Written"}, "minItems": 3}},
        "$defs": {"Written": {"type": "object", "properties": {"question": TEXT}}},
    }
    written = asked("", {"question": next(items("trip", 4)).question}, form)["questions"]
    assert [set(one) for one in written] == [{"question"}] * 3


def test_a_cluster_is_named_by_its_majority() -> None:
    trips, film = [item.question for item in islice(items("trip", 1), 3)], next(items("film", 1)).question
    named = {"properties": {"name": TEXT, "description": TEXT}}
    for failures in ([{"question": q} for q in (film, *trips)], "\n".join(f"- {q}" for q in (film, *trips))):
        cluster = asked("", {"failures": failures}, named)
        assert cluster["name"] == "trip"
        assert cluster["description"].startswith("3 of the 4")


def test_an_answer_alone() -> None:
    item = next(items("film", 1))
    form = {"properties": {"answer": TEXT}}
    assert asked("&error_rate=0", {"question": item.question}, form) == {"answer": item.answer}


def test_without_a_form_it_writes_prose_and_the_final_answer() -> None:
    item = next(items("film", 1))
    model = f"rehearsal-teacher?{NEAT}&error_rate=0&wrong_reason_rate=0"
    assert ask(model, {"question": item.question}, None) == f"{item.rationale}\n#### {item.answer}"


def test_it_says_what_it_is_when_it_does_not_know() -> None:
    reply = asked("", {"question": "Why is the sky blue?"}, SOLUTION)
    assert reply["answer"] == "unknown"
    assert "rehearsal program" in reply["rationale"]
    other = {
        "properties": {"explanation": TEXT, "n": {"type": "number"}, "b": {"type": "boolean"}, "l": {"type": "array"}}
    }
    reply = asked("", {}, other)
    assert "rehearsal program" in reply.pop("explanation")
    assert reply == {"n": 0, "b": False, "l": []}


def test_names_carry_options() -> None:
    profile = TEACHER.profile("rehearsal-expert?error_rate=.3&weak.trip=.6&weak.film=1")
    assert profile == Profile(0.3, *list(vars(PROFILES["rehearsal-expert"]).values())[1:6], {"trip": 0.6, "film": 1.0})


@pytest.mark.parametrize(
    "model", ["gpt", "rehearsal-teacher?", "rehearsal-teacher?x=1", "rehearsal-teacher?error_rate=2"]
)
def test_an_unknown_name_or_option_is_told(model: str) -> None:
    with pytest.raises(UnknownModel, match=r"found|there are"):
        TEACHER.profile(model)


MATCHING = st.sampled_from(
    [
        "Say this list backwards: lamp.",
        "Compute a + b.",
        "x Which company is older?",
        "A B opened in 1. A B opened in 2. Which company is older?",
        "Take 9 away from 3.",
        "Ana eats the bike. How does Ana feel?",
        "The lamp is on. Ana presses its button 99999999999 times. Is it on or off?",
        "Copy: \ud800",
        "What is 2 plus 2?",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: (
        st.lists(x)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "$ref", "anyOf", "$defs", "enum", "minItems", "answer", "sound"]
            ),
            x,
        )
    ),
    max_leaves=12,
)
SHAPES = st.dictionaries(
    st.sampled_from(["rationale", "answer", "question", "questions", "sound", "name", "description", "x"]), ANYTHING
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["question", "rationale", "answer", "count", "failures", "gold", "example"]),
        MATCHING | st.text(),
    ),
    st.none() | SHAPES.map(lambda shape: {"properties": shape}) | ANYTHING.filter(lambda x: isinstance(x, dict)),
    st.integers(0, 50),
)
def test_nothing_that_is_asked_makes_it_crash(fields: dict[str, str], schema: Any, seed: int) -> None:
    reply = ask("rehearsal-teacher?error_rate=.5", fields, schema, seed)
    assert isinstance(reply, (str, Refusal))
