"""Triples in the forms in which ATOMIC and ConceptNet are handed out, and in words."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.kinds import Material, SourceError
from agents.sources.knowledge_triples import PHRASES, KnowledgeTriples
from orchestrator.exams.triples import Triples
from orchestrator.recipe import load_recipe

ATOMIC = """PersonX goes fishing\txWant\tto eat fish
PersonX goes fishing\txWant\tto say "hello"
PersonX goes fishing\txWant\tnone
PersonX goes fishing\txWant\tTo eat  fish
PersonX goes fishing\txReact\thappy
PersonX sleeps.\txWant\tto wake up
PersonX sleeps.\toReact\tNone
"""


def source(place: Path, content: str | bytes, name: str = "t.tsv", **options: Any) -> KnowledgeTriples:
    (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return KnowledgeTriples(use="knowledge_triples", path=str(place / name), **options)


def everything(found: KnowledgeTriples) -> list[Material]:
    return [
        m for part in ("train", "probe", "test") for skill in found.skills() for m in found.materials(part, skill, 0)
    ]


def threes(found: KnowledgeTriples) -> set[tuple[str, str, str]]:
    return {(m.fields["head"], m.fields["relation"], m.fields["tail"]) for m in everything(found)}


def test_tails_of_atomic_that_say_nothing_are_dropped_and_repeated_ones_given_once(tmp_path: Path) -> None:
    found = source(tmp_path, ATOMIC)
    assert found.skills() == ["xReact", "xWant"]
    assert threes(found) == {
        ("PersonX goes fishing", "xWant", "to eat fish"),
        ("PersonX goes fishing", "xWant", 'to say "hello"'),
        ("PersonX goes fishing", "xReact", "happy"),
        ("PersonX sleeps.", "xWant", "to wake up"),
    }
    assert {m.split_key for m in everything(found)} == {"head: personx goes fishing", "head: personx sleeps."}
    assert {m.skill for m in everything(found)} == {"xReact", "xWant"}


def test_a_triple_is_put_into_words(tmp_path: Path) -> None:
    found = {m.fields["tail"]: m.fields for m in everything(source(tmp_path, ATOMIC))}
    assert found["happy"]["phrase"] == "PersonX goes fishing. As a result, PersonX feels happy"
    assert found["to wake up"]["phrase"] == "PersonX sleeps. As a result, PersonX wants to wake up"
    assert (found["happy"]["question"], found["happy"]["gold"]) == (
        "PersonX goes fishing. As a result, PersonX feels …",
        "happy",
    )


def test_tails_of_one_head_and_relation_can_be_given_together(tmp_path: Path) -> None:
    found = everything(source(tmp_path, ATOMIC, group=True))
    (fields,) = [m.fields for m in found if (m.fields["head"], m.skill) == ("PersonX goes fishing", "xWant")]
    assert fields == {
        "head": "PersonX goes fishing",
        "relation": "xWant",
        "question": "PersonX goes fishing. As a result, PersonX wants …",
        "gold": "to eat fish",
        "tails": ["to eat fish", 'to say "hello"'],
        "phrase": "PersonX goes fishing. As a result, PersonX wants",
    }


CONCEPTNET = """/a/[/r/AtLocation/,/c/en/cat/n/,/c/en/living_room/]\t/r/AtLocation\t/c/en/cat/n\t/c/en/living_room\t{"weight": 2}
/a/[/r/Antonym/,/c/fr/abc/,/c/en/abc/]\t/r/Antonym\t/c/fr/abc\t/c/en/abc\t{"weight": 1.0}
/a/[/r/IsA/,/c/en/cat/,/c/en/pet/]\t/r/IsA\t/c/en/cat\t/c/en/pet\t{"weight": 1.0}
"""
CAT = {("cat", "AtLocation", "living room"), ("cat", "IsA", "pet")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("assertions.csv", CONCEPTNET),
        ("train100k.txt", "AtLocation\tcat\tliving room\t2.0\nIsA\tcat\tpet\t1.0\n"),
        ("t.tsv", "/r/AtLocation\t/c/en/cat\t/c/en/living_room\n/r/IsA\t/c/en/cat\t/c/en/pet\n"),
        ("t.csv", "id,relation,tail,head\r\n1,AtLocation,living room,cat\r\n2,IsA,pet,cat\r\n"),
        ("t.csv", 'cat,AtLocation,"living room"\ncat,IsA,pet\n'),
        ("t.tsv", "\ufeffHead\tRelation\tTail\ncat\tAtLocation\tliving room\ncat\tIsA\tpet\n"),
    ],
    ids=range(6),
)
def test_the_forms_of_conceptnet_and_named_columns_are_known(tmp_path: Path, name: str, content: str) -> None:
    found = source(tmp_path, content, name)
    assert threes(found) == CAT
    assert {m.fields["phrase"] for m in everything(found)} == {"cat is found at living room", "cat is a kind of pet"}


def test_columns_of_other_names_and_relations_of_ones_own_are_the_recipes_to_say(tmp_path: Path) -> None:
    content = "s,p,o\nIron,melts_at,1538 °C\nIron,foundInPlace,earth\n"
    phrases = {"melts_at": "The melting point of {head} is"}
    found = source(tmp_path, content, "t.csv", head="s", relation="p", tail="o", phrases=phrases)
    assert {m.fields["phrase"] for m in everything(found)} == {
        "The melting point of Iron is 1538 °C",
        "Iron found in place earth",
    }


def test_every_phrase_that_is_built_in_says_the_head_first() -> None:
    assert all(phrase.startswith("{head}") and phrase.count("{") == 1 for phrase in PHRASES.values())
    with pytest.raises(ValueError, match="the phrase of 'IsA' does not say where the head stands"):
        KnowledgeTriples(use="knowledge_triples", path="t", phrases={"IsA": "is a"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"t.tsv holds no triples"),
        ("a\txWant\tnone\n", r"t.tsv holds no triples"),
        ("a\txWant\tb\nonly one\n", r"t.tsv:2 has 1 cells; expected head, relation and tail with tabs"),
        ("a\t\tb\n", r"t.tsv:1 has no head or no relation"),
        ("a\txWant\tb\n\0\txWant\tc\n", r"t.tsv:2 has no head or no relation, or holds a NUL"),
        (b"a\txWant\td\xe9j\xe0\n", r"t.tsv:1 is not UTF-8 text"),
        (
            "head\trelation\tobject\na\tb\tc\n",
            r"t.tsv has no column 'tail'; its first line has: head, relation, object",
        ),
    ],
)
def test_what_holds_no_triples_is_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        source(tmp_path, content).skills()


TEXT = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=12).map(str.strip)
NAMED = TEXT.filter(lambda text: bool(text) and text.lower() != "none" and "/" not in text and '"' not in text)


@settings(max_examples=50)
@given(st.lists(st.tuples(NAMED, st.sampled_from(["xWant", "IsA"]), NAMED), min_size=1), st.booleans())
def test_every_triple_is_given_once(tmp_path_factory: Any, rows: list[tuple[str, str, str]], group: bool) -> None:
    lines = "head\trelation\ttail\n" + "".join("\t".join(row) + "\n" for row in rows)
    found = everything(source(tmp_path_factory.mktemp("t"), lines, group=group))
    given = [
        (m.fields["head"], m.skill, tail)
        for m in found
        for tail in (m.fields["tails"] if group else [m.fields["tail"]])
    ]
    as_keys = [" ".join("\t".join(row).lower().split()) for row in given]
    assert sorted(as_keys) == sorted({" ".join("\t".join(row).lower().split()) for row in rows})


def test_the_exam_of_triples_can_ask_for_them(tmp_path: Path) -> None:
    found = source(tmp_path, ATOMIC, group=True, probe=0.499, test=0)
    part = found.part_of("head: personx goes fishing")
    exam = Triples(use="triples", source="t", part=part)
    form = load_recipe("demo").datasets["lessons"].format
    (item,) = [item for item in exam.items(found, form, 0) if item.skill == "xWant" and "fishing" in item.question]
    assert exam.grade(item, '#### to say "hello"').right
    assert not exam.grade(item, "#### to run away").right


# --- ATOMIC as its authors hand it out: a column for each relation ---------------------------------------------------

WIDE = r'''event,oEffect,oReact,oWant,xAttr,xWant,prefix,split
PersonX goes fishing,"[""none""]",[],"[""to eat, say \""fish\"""", ""to leave""]",[],"[""to sleep""]","[""fish""]",trn
PersonX sleeps,[],[],[],"[""tired""]","[""to sleep"", ""none""]",[],dev
'''


def test_a_column_for_each_relation_gives_its_lists_as_triples(tmp_path: Path) -> None:
    found = source(tmp_path, WIDE, "v4_atomic_all.csv")
    assert threes(found) == {
        ("PersonX goes fishing", "oWant", 'to eat, say "fish"'),
        ("PersonX goes fishing", "oWant", "to leave"),
        ("PersonX goes fishing", "xWant", "to sleep"),
        ("PersonX sleeps", "xAttr", "tired"),
        ("PersonX sleeps", "xWant", "to sleep"),
    }
    assert f"{tmp_path}/v4_atomic_all.csv:3, triple 1" in {m.origin for m in everything(found)}
    together = {
        (m.fields["head"], m.skill): m.fields["tails"] for m in everything(source(tmp_path, WIDE, "g.csv", group=True))
    }
    assert together["PersonX goes fishing", "oWant"] == ['to eat, say "fish"', "to leave"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PersonX eats,to sleep", "t.csv:2 has 'to sleep' in the column 'xWant'"),
        ("PersonX eats", "t.csv:2 has 1 cells"),
    ],
)
def test_a_cell_that_holds_no_list_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        source(tmp_path, f"event,xWant\n{line}\n", "t.csv").skills()
