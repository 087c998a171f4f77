"""Generators that fill rules, compare things, and see several candidates at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kinds import Generator, Nobody, Selection, UnfitDraft, UnreadableReply
from agents.prompts import read_tagged
from agents.registry import build, import_components
from agents.variables import asked, filled, open_variables, said, values_in
from storage.records import Draft, Outcome
from tests.conftest import ScriptedTeacher

import_components("agents.generators", "agents.selections")
RULE = "Who can lift the [X: vehicle] can lift the [Y: tool]."


def generator(use: str, **options: Any) -> Any:
    return build({"use": use, **options}, Generator)


# --- rules ----------------------------------------------------------------------------------------------------------


def test_a_rule_is_filled_said_and_asked() -> None:
    assert [(v.name, v.type) for v in open_variables(RULE)] == [("X", "vehicle"), ("Y", "tool")]
    begun = filled(RULE, {"X": "boat"})
    assert said(begun) == "Who can lift the boat can lift some tool."
    assert asked(begun) == "Who can lift the boat can lift the ___. Which tool?"
    assert values_in(RULE, "Who can lift the boat can lift the lamp.") == {"X": "boat", "Y": "lamp"}
    assert values_in(RULE, "Boats are heavier than lamps.") is None


def test_a_variable_that_stands_twice_has_one_value() -> None:
    rule = "Who owns [X: thing] sells [X: thing]."
    assert filled(rule, {"X": "tea"}) == "Who owns tea sells tea."
    assert values_in(rule, "Who owns tea sells salt.") is None


@given(st.lists(st.text(st.characters(exclude_characters="\n[]"), min_size=1), min_size=2, max_size=2))
def test_whatever_fills_a_rule_is_text(values: list[str]) -> None:
    whole = filled(RULE, dict(zip("XY", values, strict=True)))
    assert whole == f"Who can lift the {values[0]} can lift the {values[1]}."
    assert open_variables(whole) == []


async def test_a_search_tells_later_calls_what_is_known_and_ends_when_two_bring_nothing() -> None:
    given_values = iter([["boat", "bike", "Bike"], ["Boat", "cart"], ["bike"], ["cart"], ["never asked"]])
    teacher = ScriptedTeacher(lambda *_: {"values": next(given_values)})
    found = await generator("search_values", calls=5).write({"rule": RULE}, teacher, 0)
    assert [writing.fields["value"] for writing in found] == ["boat", "bike", "cart"]
    assert [read_tagged(prompt).get("known") for prompt in teacher.asked] == [
        None,
        "boat\nbike",
        "boat\nbike\ncart",
        "boat\nbike\ncart",
    ]
    assert found[2].fields["rule"] == "Who can lift the cart can lift the [Y: tool]."
    assert "statement" not in found[2].fields


async def test_a_search_asks_as_the_sample_that_it_is_and_as_another_where_the_prompt_is_the_same() -> None:
    given_values, samples = iter([["boat"], ["boat"], ["cart"], ["boat"]]), []

    def reply(prompt: str, form: Any, sample: int) -> Any:
        samples.append(sample)
        return {"values": next(given_values)}

    await generator("search_values", calls=4).write({"rule": RULE}, ScriptedTeacher(reply), 3)
    assert samples == [3, 3, 3 + 64, 3]


async def test_the_last_variable_makes_a_statement_and_a_filled_rule_goes_on_unasked() -> None:
    begun = filled(RULE, {"X": "boat"})
    [found] = await generator("search_values", calls=1).write(
        {"rule": begun}, ScriptedTeacher(lambda *_: {"values": ["lamp"]}), 0
    )
    assert found.fields["statement"] == "Who can lift the boat can lift the lamp."
    assert found.fields["question"] == asked(begun)
    [again] = await generator("search_values").write({"rule": found.fields["statement"]}, Nobody(), 0)
    assert again.fields["statement"] == found.fields["statement"]


async def test_values_that_are_no_values_are_dropped() -> None:
    teacher = ScriptedTeacher(lambda *_: {"values": ["[Z: tool]", "one two three four five", " a  lamp. ", ""]})
    found = await generator("search_values", calls=1).write({"rule": RULE}, teacher, 0)
    assert [writing.fields["value"] for writing in found] == ["a lamp"]


async def test_what_is_asked_for_directly_is_kept_if_it_is_the_rules() -> None:
    teacher = ScriptedTeacher(lambda *_: {"statements": ["Who can lift the boat can lift the lamp.", "Boats float."]})
    [found] = await generator("fill_rule").write({"rule": RULE}, teacher, 0)
    assert (found.fields["value"], found.fields["type"]) == ("lamp", "tool")
    assert found.fields["question"] == "Who can lift the boat can lift the ___. Which tool?"
    with pytest.raises(UnfitDraft, match="has none"):
        await generator("fill_rule").write({"rule": "Boats float."}, teacher, 0)


# --- sets -----------------------------------------------------------------------------------------------------------


def candidates(**sizes: int) -> list[dict[str, Any]]:
    return [{"statement": f"The boat is {text.replace('_', ' ')}.", "size": size} for text, size in sizes.items()]


async def test_comparisons_name_their_things_and_are_counted() -> None:
    teacher = ScriptedTeacher(lambda *_: {"predicates": ["is usually heavier", "is  usually heavier.", "is lighter"]})
    fields = {"first": "bike", "second": "boat", "attribute": "weight"}
    found = await generator("complete_comparison").write(fields, teacher, 0)
    assert [(w.fields["statement"], w.fields["size"]) for w in found] == [
        ("Compared to the bike, the boat is usually heavier.", 2),
        ("Compared to the bike, the boat is lighter.", 1),
    ]


async def test_what_differs_in_ignored_words_alone_is_merged_and_opposites_are_not() -> None:
    shown = candidates(usually_heavier=3, often_heavier=1, mostly_lighter=2)
    found = await generator("merge_alike", ignore=["usually", "often", "mostly"]).write(
        {"candidates": shown}, Nobody(), 0
    )
    assert {writing.fields["statement"]: writing.fields["size"] for writing in found} == {
        "The boat is usually heavier.": 4,
        "The boat is mostly lighter.": 2,
    }


@given(st.lists(st.text(st.sampled_from("ab c"), min_size=1), min_size=1, max_size=8))
async def test_merging_loses_no_vote_and_does_not_depend_on_the_order(texts: list[str]) -> None:
    merge = generator("merge_alike")
    shown = [{"statement": text} for text in texts]
    one, other = [await merge.write({"candidates": each}, Nobody(), 0) for each in (shown, shown[::-1])]
    assert sum(writing.fields["size"] for writing in one) == len(texts)
    assert [w.fields for w in one] == [w.fields for w in other]


async def test_a_relation_holds_in_both_directions_and_a_statement_that_is_not_there_is_unreadable() -> None:
    shown = candidates(heavier=3, lighter=2)
    pair = {"first": 2, "second": 1, "relation": "contradict"}  # the same two, in either order
    relate = generator("relate_statements")
    found = await relate.write({"candidates": shown}, ScriptedTeacher(lambda *_: {"relations": [pair]}), 0)
    one, other = (each["statement"] for each in shown)
    assert [w.fields["relations"] for w in found] == [
        {one: "entail", other: "contradict"},
        {one: "contradict", other: "entail"},
    ]
    assert all(len(w.fields["calls"]) == 2 and w.call == w.fields["calls"][0] for w in found)
    with pytest.raises(UnreadableReply, match="names statement 3 of 2"):
        await relate.write({"candidates": shown}, ScriptedTeacher(lambda *_: {"relations": [{**pair, "first": 3}]}), 0)


@pytest.mark.parametrize("first_said", ["entail", "contradict"])
async def test_a_reply_that_says_both_says_that_they_contradict(first_said: str) -> None:
    shown, both = candidates(heavier=3, lighter=2), ["contradict", "entail"]
    said = [{"first": 1, "second": 2, "relation": how} for how in sorted(both, reverse=first_said == "entail")]
    found = await generator("relate_statements").write(
        {"candidates": shown}, ScriptedTeacher(lambda *_: {"relations": said}), 0
    )
    assert found[0].fields["relations"][shown[1]["statement"]] == "contradict"


async def test_who_relates_statements_is_not_told_how_often_each_was_said() -> None:
    teacher = ScriptedTeacher(lambda *_: {"relations": []})
    shown = candidates(heavier=3, lighter=2)
    await generator("relate_statements").write({"candidates": shown}, teacher, 0)
    assert [json.loads(read_tagged(prompt)["candidates"]) for prompt in teacher.asked] == [
        [{"statement": one["statement"]} for one in order] for order in (shown, shown[::-1])
    ]


@pytest.mark.parametrize("use", ["merge_alike", "relate_statements"])
async def test_one_candidate_by_itself_is_no_set(use: str) -> None:
    with pytest.raises(UnfitDraft, match="together"):
        await generator(use).write({"statement": "x"}, Nobody(), 0)


def voted(relations: dict[str, dict[str, str]], **sizes: int) -> dict[str, bool]:
    facts = {"run": "r", "round": 1, "step": "s", "kind": "k", "producer": "p", "split_key": "k"}
    drafts = [
        Draft.new(**facts, fields={"pair": "p", "statement": text, "size": size, "relations": relations.get(text, {})})
        for text, size in sizes.items()
    ]
    before = json.dumps([draft.fields for draft in drafts])
    judged = build({"use": "entailment_vote"}, Selection).choose(drafts, [])  # type: ignore[type-abstract]
    assert json.dumps([draft.fields for draft in drafts]) == before
    return {d.fields["statement"]: j.outcome == Outcome.ACCEPTED for d, j in zip(drafts, judged, strict=True)}


def test_a_statement_falls_that_as_much_contradicts_as_agrees_with_it() -> None:
    against = {"a": {"b": "contradict"}, "b": {"a": "contradict"}}
    assert voted(against, a=3, b=2) == {"a": True, "b": False}
    assert voted(against, a=2, b=2) == {"a": False, "b": False}
    helped = {**against, "b": {"a": "contradict", "c": "entail"}, "c": {"b": "entail"}}
    assert voted(helped, a=3, b=2, c=2) == {"a": True, "b": True, "c": True}


def test_what_is_said_by_two_drafts_weighs_as_much_as_both() -> None:
    facts = {"run": "r", "round": 1, "step": "s", "kind": "k", "producer": "p", "split_key": "k"}
    said = [("a", 2, "b"), ("a", 2, "b"), ("b", 3, "a")]
    drafts = [
        Draft.new(
            **facts, sample=i, fields={"pair": "p", "statement": one, "size": size, "relations": {other: "contradict"}}
        )
        for i, (one, size, other) in enumerate(said)
    ]
    judged = build({"use": "entailment_vote"}, Selection).choose(drafts, [])  # type: ignore[type-abstract]
    assert [j.outcome == Outcome.ACCEPTED for j in judged] == [True, True, False]


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=6))
def test_of_two_camps_that_contradict_each_other_one_at_most_is_kept(sizes: list[int]) -> None:
    names = [f"s{i}" for i in range(len(sizes))]
    relations = {
        one: {other: "entail" if (i - j) % 2 == 0 else "contradict" for j, other in enumerate(names)}
        for i, one in enumerate(names)
    }
    kept = voted(relations, **dict(zip(names, sizes, strict=True)))
    assert len({i % 2 for i, name in enumerate(names) if kept[name]}) <= 1
