"""Events as triples: what the world holds of them, and what the rehearsal teacher writes and judges."""

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from agents.kinds import Source
from agents.prompts import tagged
from agents.registry import build, import_components
from agents.rehearsal import triples, world
from agents.rehearsal.teacher import RehearsalTeacher
from agents.rehearsal.vocabulary import OBJECTS

import_components("agents.sources")
TEXTS = {"type": "array", "items": {"type": "string"}}
STEADY = "malformed_rate=0&refusal_rate=0"


def replies(name: str, form: Any, told: str, count: int = 400, errs: str = "error_rate=.25", **shown: str) -> list[Any]:
    teacher, schema = RehearsalTeacher(), {"type": "object", "properties": {name: form}}
    messages = [{"role": "user", "content": f"{told}\n{tagged(shown)}"}]
    model = f"rehearsal-teacher?{STEADY}&{errs}"
    texts = [teacher.reply(model, messages, schema, sample=i) for i in range(count)]
    return [json.loads(text)[name] for text in texts if isinstance(text, str)]


def share(truths: Sequence[bool | None]) -> float:
    return sum(map(bool, truths)) / len(truths)


QUESTION = "Ana repairs the bike. What did Ana need before that?"
NOT_SO = "Ana repairs the bike. How does Ana not feel?"


def test_a_triple_holds_where_the_worlds_own_question_says_so() -> None:
    for relation in ("need", "effect", "react", "want"):
        for item in islice(world.items(f"event_{relation}", 0), 50):
            assert triples.holds(item.question, item.answer)
            found = triples.asked_in(item.question)
            assert found
            assert found[1] == relation
            assert not any(triples.holds(item.question, tail) for tail in triples.wrong_tails(*found))
            assert triples.split_key(item.question) == item.split_key


def test_what_is_not_so_is_all_that_other_deeds_bring() -> None:
    assert triples.holds(NOT_SO, "guilty")
    assert not triples.holds(NOT_SO, "proud")
    assert triples.holds("What is 2+2?", "4") is None


def test_every_object_is_of_some_kind() -> None:
    assert {thing for things in triples.CONCEPTS.values() for thing in things} == set(OBJECTS)
    assert not set(triples.CONCEPTS) & set(OBJECTS)


def test_the_source_gives_heads_alone_or_triples_of_the_part_asked_for() -> None:
    heads: Any = build({"use": "rehearsal_events", "relations": []}, Source)
    [material] = islice(heads.materials("train", "event", 0), 1)
    assert material.fields.keys() == {"head", "instance"}
    whole: Any = build("rehearsal_events", Source)
    tasks: Any = build("rehearsal_world", Source)
    for part in ("train", "probe", "test"):
        for material in islice(whole.materials(part, "event_want", 0), 20):
            fields = material.fields
            assert world.part_of(material.split_key) == part
            assert triples.holds(fields["question"], fields["gold"])
            for source in (whole, tasks):
                assert source.split_key({"head": fields["head"]}) == material.split_key
                assert source.split_key({"question": fields["question"]}) == material.split_key


def test_new_events_are_the_worlds_and_as_many_as_asked_for() -> None:
    found = replies("new_events", TEXTS, "Write 5 new everyday events", 40, head="Ana repairs the bike.")
    assert {len(events) for events in found} == {5}
    assert all(triples.event_in(event) for events in found for event in events)


def test_tails_are_wrong_at_the_teachers_rate_and_oftener_in_what_is_not_so() -> None:
    plain = [t for ts in replies("tails", TEXTS, "Write 2 different answers", question=QUESTION) for t in ts]
    assert 0.70 < share([triples.holds(QUESTION, tail) for tail in plain]) < 0.80
    negative = [t for ts in replies("tails", TEXTS, "Write 2 different answers", question=NOT_SO) for t in ts]
    assert 0.20 < share([triples.holds(NOT_SO, tail) for tail in negative]) < 0.32


def test_concepts_and_instances_are_wrong_at_the_teachers_rate() -> None:
    concepts = replies("concepts", TEXTS, "Write up to 2 short noun phrases", instance="boat")
    assert 0.68 < share([triples.is_a("boat", concept) for found in concepts for concept in found]) < 0.82
    things = replies("instances", TEXTS, "Write up to 2 short noun phrases", concept="machine")
    assert 0.68 < share([triples.is_a(thing, "machine") for found in things for thing in found]) < 0.82
    assert all(len(set(found)) == len(found) for found in concepts + things)


def judged(**shown: str) -> float:
    return share(replies("plausible", {"type": "boolean"}, "Judge", errs="judge_error_rate=.1", **shown))


def test_a_judge_errs_at_its_own_rate_and_all_parts_have_to_hold() -> None:
    right, wrong = {"question": QUESTION, "tail": "to find tools for the bike"}, {"question": QUESTION, "tail": "proud"}
    assert 0.85 < judged(**right) < 0.95
    assert 0.05 < judged(**wrong) < 0.15
    assert judged(**right, concept="vehicle", instance="bike") > 0.85
    assert judged(**right, concept="toy", instance="bike") < 0.15
    assert judged(concept="toy", instance="kite") > 0.85
    assert judged(text="Who knows?") < 0.15
