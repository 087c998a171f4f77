"""Samples, caps and near duplicates."""

import random
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.kinds import Selection
from agents.registry import build, import_components
from agents.selections.near_duplicates import rouge_l
from storage.records import Draft, Outcome
from tests.contracts.whole import a_draft

import_components("agents.selections")
TEXTS = st.lists(st.lists(st.sampled_from("a b c d e".split()), min_size=1, max_size=8).map(" ".join), max_size=14)


def kept(selection: Any, drafts: list[Draft], earlier: list[Draft] | None = None) -> list[Draft]:
    judgements = selection.choose(drafts, earlier or [])
    return [d for d, judgement in zip(drafts, judgements, strict=True) if judgement.outcome == Outcome.ACCEPTED]


def asked(texts: list[str]) -> list[Draft]:
    return [a_draft(i, question=text) for i, text in enumerate(texts)]


# --- samples and caps -----------------------------------------------------------------------------------------------

MANY = [a_draft(i, question=f"{i}?", relation="abc"[i % 3]) for i in range(90)]


def sampled(most: int, drafts: list[Draft]) -> set[str]:
    return {draft.key for draft in kept(build({"use": "sampled", "most": most}, Selection), drafts)}


def test_a_sample_is_as_large_as_asked_and_the_same_in_any_order() -> None:
    assert len(sampled(30, MANY)) == 30
    assert sampled(30, MANY) == sampled(30, MANY[::-1]) < sampled(31, MANY)
    assert sampled(100, MANY) == {draft.key for draft in MANY}
    assert sampled(30, MANY) != {draft.key for draft in MANY[:30]}


def test_another_run_draws_the_same_texts() -> None:
    others = [draft.model_copy(update={"key": f"draft:{i}", "run": "other"}) for i, draft in enumerate(MANY)]
    chosen = {draft.fields["question"] for draft in MANY if draft.key in sampled(20, MANY)}
    assert {draft.fields["question"] for draft in others if draft.key in sampled(20, others)} == chosen


def test_a_group_keeps_so_many_and_those_of_rounds_before_count() -> None:
    cap = build({"use": "cap_per_group", "by": "relation", "most": 8}, Selection)
    groups = [draft.fields["relation"] for draft in kept(cap, MANY)]
    assert {group: groups.count(group) for group in "abc"} == dict.fromkeys("abc", 8)
    earlier = [draft for draft in MANY if draft.fields["relation"] == "a"][:5]
    later = [draft.fields["relation"] for draft in kept(cap, MANY[30:], earlier)]
    assert {group: later.count(group) for group in "abc"} == {"a": 3, "b": 8, "c": 8}


# --- near duplicates ------------------------------------------------------------------------------------------------


def common(one: list[str], other: list[str]) -> int:
    """The longest common subsequence by the book."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@given(TEXTS.filter(lambda texts: len(texts) > 1))
def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence(texts: list[str]) -> None:
    one, other = tuple(texts[0].split()), tuple(texts[1].split())
    assert rouge_l(one, other) == 2 * common(list(one), list(other)) / (len(one) + len(other))


@given(texts=TEXTS, at_most=st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9]), measure=st.sampled_from(["rouge_l", "jaccard"]))
def test_it_keeps_what_comparing_all_pairs_would_keep(texts: list[str], at_most: float, measure: str) -> None:
    def like(one: str, other: str) -> float:
        a, b = one.split(), other.split()
        return rouge_l(tuple(a), tuple(b)) if measure == "rouge_l" else len({*a} & {*b}) / len({*a} | {*b})

    by_hand: list[str] = []
    for text in texts:
        if all(like(text, before) <= at_most for before in by_hand):
            by_hand.append(text)
    selection = build({"use": "near_duplicates", "measure": measure, "at_most": at_most}, Selection)
    assert [draft.fields["question"] for draft in kept(selection, asked(texts))] == by_hand


def test_case_and_marks_do_not_count_and_the_first_stays() -> None:
    drafts = asked(["Ann buys a bike.", "ann  BUYS a bike!", "A bike is sold by Tom.", "", " ", "?!", "?!"])
    judgements = build({"use": "near_duplicates"}, Selection).choose(drafts, [])
    assert [judgement.outcome == Outcome.ACCEPTED for judgement in judgements] == [1, 0, 1, 1, 0, 1, 0]
    assert judgements[1].evidence == {"of": drafts[0].key}
    assert judgements[1].score == 1


def test_those_of_rounds_before_come_first() -> None:
    before, again = asked(["Ann buys a new bike", "Ann buys a bike"])
    assert kept(build({"use": "near_duplicates"}, Selection), [again], [before]) == []


def test_thousands_take_seconds() -> None:
    chance = random.Random(0)
    words = [f"w{i}" for i in range(300)]
    drafts = asked([" ".join(chance.choices(words, k=12)) for _ in range(3000)])
    start = time.process_time()
    assert len(kept(build({"use": "near_duplicates"}, Selection), drafts)) > 2900
    assert time.process_time() - start < 5


def test_thousands_of_one_template_take_seconds_too() -> None:
    """What the template's words have in common is too little, and no reason to compare all with all."""
    chance = random.Random(0)
    template = "on {} morning {} takes {} {} to market and gives {} {} to {} who {} has {} how many {} {} does {} have"
    texts = [" ".join(f"w{chance.randrange(3000)}" if w == "{}" else w for w in template.split()) for _ in range(3000)]
    start = time.process_time()
    assert len(kept(build({"use": "near_duplicates"}, Selection), asked(texts))) > 2900
    assert time.process_time() - start < 6
