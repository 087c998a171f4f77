"""Events, tails, concepts and instances: what is asked, and what becomes of the reply."""

from typing import Any

import pytest

from agents.kinds import Generator, Nobody
from agents.prompts import read_tagged
from agents.registry import build, import_components
from tests.conftest import ScriptedTeacher

import_components("agents.generators")
TRIPLE = {
    "head": "Ann mends the bike.",
    "instance": "bike",
    "relation": "need",
    "question": "Ann mends the bike. What did Ann need before that?",
    "tail": "to find tools for the bike",
}


async def written(generator: Generator, teacher: Any, fields: Any, sample: int = 0) -> list[dict[str, Any]]:
    return [dict(writing.fields) for writing in await generator.write(fields, teacher, sample)]


def says(**reply: Any) -> ScriptedTeacher:
    return ScriptedTeacher(lambda *_: reply)


async def test_exemplars_are_shown_in_another_choice_each_call() -> None:
    events = tuple(f"Ann does thing {i}." for i in range(30))
    generator = build({"use": "write_event", "exemplars": events, "shown": 10, "count": 3}, Generator)
    teacher = says(new_events=["Ben  runs.", "Ben runs.", " "])
    assert await written(generator, teacher, {"head": "Ann sits."}) == [{"head": "Ben runs."}]
    await written(generator, teacher, {"head": "Ann sits."}, 1)
    first, second = (read_tagged(prompt)["examples"].splitlines() for prompt in teacher.asked)
    assert len({*first}) == len({*second}) == 10
    assert first != second
    assert "Write 3 new" in teacher.asked[0]


async def test_every_relation_is_put_to_an_event() -> None:
    found = await written(build("put_relations", Generator), Nobody(), {"head": "PersonX mends the bike"})
    assert [one["relation"] for one in found] == ["need", "effect", "react", "want"]
    assert found[0]["question"] == "PersonX mends the bike. What did PersonX need before that?"


def test_a_relation_that_names_what_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"relation 'need': the template names \{people\}"):
        build({"use": "put_relations", "relations": {"need": "What do {people} need?"}}, Generator)


async def test_tails_are_cleaned_and_said_once() -> None:
    teacher = says(tails=["to find  tools.", "to find tools", "no", "a wrench"])
    generator = build({"use": "write_tails", "tails": 4}, Generator)
    found = await written(generator, teacher, {"question": TRIPLE["question"]})
    assert found == [{"tail": "to find tools"}, {"tail": "a wrench"}]
    assert "Write 4 different" in teacher.asked[0]


async def test_placeholders_are_people_in_the_prompt_and_placeholders_in_what_is_written() -> None:
    names = ("Alex", "Robin", "Sam")

    def answer(prompt: str, form: Any, sample: int) -> Any:
        event = read_tagged(prompt)["question"]
        return {"tails": [f"that {event.split()[0]} thanks {event.split()[2]}"]}

    teacher = ScriptedTeacher(answer)
    generator = build({"use": "write_tails", "names": names}, Generator)
    fields = {"question": "PersonX helps PersonY today. What happens as a result?"}
    assert await written(generator, teacher, fields) == [{"tail": "that PersonX thanks PersonY"}]
    assert "Person" not in read_tagged(teacher.asked[0])["question"]
    asked = {(await written(generator, teacher, fields, i), teacher.asked[-1])[1] for i in range(9)}
    assert len(asked) > 1


def test_names_that_cannot_stand_for_three_are_refused() -> None:
    with pytest.raises(ValueError, match="give 3 different first names or more"):
        build({"use": "write_tails", "names": ["Alex", "Robin"]}, Generator)


async def test_a_concept_takes_the_instances_place_everywhere() -> None:
    found = await written(build("conceptualise", Generator), says(concepts=["vehicle", "vehicle", "bike"]), TRIPLE)
    assert found == [
        {
            "relation": "need",
            "instance": "bike",
            "concept": "vehicle",
            "head": "Ann mends the vehicle.",
            "question": "Ann mends the vehicle. What did Ann need before that?",
            "tail": "to find tools for the vehicle",
        }
    ]


async def test_an_instance_takes_the_concepts_place_and_can_be_conceptualised_again() -> None:
    generator = build("conceptualise", Generator)
    [abstract] = await written(generator, says(concepts=["vehicle"]), TRIPLE)
    [concrete] = await written(build("instantiate", Generator), says(instances=[r"boat\1"]), abstract)
    assert concrete["head"] == r"Ann mends the boat\1."
    assert concrete["instance"] == r"boat\1"
    assert concrete["tail"] == r"to find tools for the boat\1"
    assert await written(generator, says(concepts=["thing"]), concrete)


async def test_an_instance_that_is_not_in_the_head_or_only_within_a_word_gives_nothing() -> None:
    generator = build("conceptualise", Generator)
    for head in ("Ann mends the bikes.", "Ann sits."):
        assert await written(generator, says(concepts=["vehicle"]), {**TRIPLE, "head": head}) == []
    whole = {**TRIPLE, "instance": TRIPLE["head"].rstrip(".")}
    assert (await written(generator, says(concepts=["a repair"]), whole))[0]["head"] == "a repair."
