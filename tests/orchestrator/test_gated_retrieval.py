"""Who is sure is asked once; who is not is shown the best entries of the shelf."""

from typing import Any

import pytest

from orchestrator.inferences.gated_retrieval import GatedRetrieval
from orchestrator.kinds import Ask, Concluded, Conversation, ExamItem, Said
from orchestrator.retrieval import Shelf
from storage.records import Draft

ITEM = ExamItem("Ana sells the bike. What does Ana want?", "to count", [], "event_want", "events:sells:bike")
SHELF = {
    "sells": ("Ben sells the kite. What does Ben want?", "Who sells wants to count money."),
    "buys": ("Ben buys the kite. What does Ben want?", "Who buys wants to bring it home."),
    "trip": ("Kai drives far. How long?", "First times, then plus."),
}


def entry(name: str, split_key: str = "", **fields: Any) -> Draft:
    question, knowledge = SHELF[name]
    facts = {"run": "r", "round": 2, "step": "know", "kind": "knowledge", "producer": "w@1"}
    told = {"question": question, "knowledge": knowledge, **fields}
    return Draft.new(**facts, fields=told, split_key=split_key or name)


def shown(*shelf: Draft, margin: float | None = 0.2, item: ExamItem = ITEM, **options: Any) -> list[str]:
    """The entries that the student is asked with once more; none if its first reply stands."""
    talk = GatedRetrieval(use="gated_retrieval", **options).converse(item, Shelf(shelf))
    asked = list(next(talk))
    assert asked == [Ask()]
    concluded, more = _told(talk, Said("first", 0.5, margin))
    if concluded:
        assert concluded == Concluded(Said("first", 0.5, margin))
        return []
    [again] = more
    assert set(again.shown) == {"knowledge"}
    assert _told(talk, Said("second")) == (Concluded(Said("second"), again.shown), [])
    return again.shown["knowledge"].split("\n\n")


def _told(talk: Conversation, said: Said) -> tuple[Concluded | None, list[Ask]]:
    """What the conversation comes to when it is told this, or what it asks next."""
    try:
        return None, list(talk.send([said]))
    except StopIteration as end:
        return end.value, []


@pytest.mark.parametrize(("margin", "asks"), [(0.0, True), (0.68, True), (0.681, False), (1.0, False), (None, True)])
def test_the_gate_is_the_margin_and_a_missing_one_is_no_sureness(margin: float | None, asks: bool) -> None:
    assert bool(shown(entry("sells"), margin=margin)) == asks


def test_a_gate_of_one_asks_always_and_of_nothing_only_who_has_no_idea() -> None:
    assert shown(entry("sells"), margin=1.0, gate=1)
    assert not shown(entry("sells"), margin=0.001, gate=0)


def test_the_best_entry_stands_next_to_the_question_and_no_more_than_so_many_come() -> None:
    shelf = [entry(name) for name in ("trip", "buys", "sells")]
    assert shown(*shelf) == [SHELF["buys"][1], SHELF["sells"][1]]
    assert shown(*shelf, entries=1) == [SHELF["sells"][1]]


def test_an_entry_is_found_by_the_question_that_it_came_from() -> None:
    one, other = entry("sells", knowledge="Count."), entry("trip", knowledge="Multiply.")
    assert shown(one, other) == ["Count."]
    assert shown(one, other, by=["knowledge"]) == []


def test_an_entry_about_this_very_item_is_not_shown() -> None:
    assert shown(entry("sells", split_key=ITEM.split_key), entry("buys")) == [SHELF["buys"][1]]


def test_entries_with_the_same_words_are_shown_once() -> None:
    assert shown(entry("sells"), entry("sells", split_key="other"), entry("buys"), entries=2) == [
        SHELF["buys"][1],
        SHELF["sells"][1],
    ]


def test_nothing_is_shown_where_nothing_fits() -> None:
    assert shown(entry("trip"), item=ExamItem("Xyz?", "?", [], "", "k")) == []
