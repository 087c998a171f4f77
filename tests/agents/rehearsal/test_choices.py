"""The rehearsal world's questions with choices, and how often its teacher chooses wrong."""

from itertools import islice

import pytest
from pydantic import ValidationError

from agents.generators.analyse_choices import Thought
from agents.rehearsal.world import recognise
from agents.sources.rehearsal_choices import RehearsalChoices
from tests.agents.rehearsal.test_tasks_of_feedback import asked

SOURCE = RehearsalChoices(use="rehearsal_choices")
SOUND = "&wrong_reason_rate=0"


def test_one_choice_is_right_all_are_different_and_chance_says_where_it_stands() -> None:
    places = set[int]()
    for skill in SOURCE.skills():
        for material in islice(SOURCE.materials("train", skill, 0), 40):
            stem, shown = material.fields["question"].split("\n")
            choices, gold = material.fields["choices"], material.fields["gold"]
            known = recognise(stem)
            assert known
            assert known[0].solve(known[1]).answer == gold
            assert shown == " / ".join(choices)
            assert len(set(choices)) == len(choices) == 3
            places.add(choices.index(gold))
    assert places == {0, 1, 2}


@pytest.mark.parametrize("choose", [[], ["trip"], ["nothing"]])
def test_skills_without_plausible_wrong_answers_are_refused_with_those_that_have_some(choose: list[str]) -> None:
    with pytest.raises(ValidationError, match=r"they are: .*event_react"):
        RehearsalChoices(use="rehearsal_choices", choose=choose)


def thoughts(options: str, n: int = 150) -> list[tuple[dict, Thought]]:
    found = []
    for i, material in enumerate(islice(SOURCE.materials("train", "event_want", 1), n)):
        shown = {name: material.fields[name] for name in ("question", "choices")}
        found.append((material.fields, Thought.model_validate(asked(options, Thought, shown, seed=i))))
    return found


def chosen(thought: Thought) -> str:
    [right] = [analysis for analysis in thought.analyses if analysis.correct]
    assert right.because == thought.key_information
    return right.choice


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_its_choice_is_wrong_as_often_as_its_profile_says_and_follows_from_what_it_recalls(rate: float) -> None:
    found = thoughts(f"&error_rate={rate:g}{SOUND}")
    assert all([a.choice for a in thought.analyses] == fields["choices"] for fields, thought in found)
    wrong = sum(chosen(thought) != fields["gold"] for fields, thought in found)
    assert wrong / len(found) == pytest.approx(rate, abs=0.1 if 0 < rate < 1 else 0)


def test_of_a_question_that_it_does_not_know_it_calls_no_choice_right() -> None:
    found = asked("", Thought, {"question": "Who am I?", "choices": ["you", "I"]})
    assert [analysis["correct"] for analysis in found["analyses"]] == [False, False]
