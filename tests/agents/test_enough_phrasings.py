"""Which facts are said in enough ways, and the share of all facts that those are."""

from agents.selections.enough_phrasings import EnoughPhrasings
from storage.records import Draft, Outcome
from tests.contracts.whole import a_draft


def said(*pairs: str) -> list[Draft]:
    """`fact: paraphrase` each."""
    return [
        a_draft(number, fact=fact, paraphrase=way)
        for number, (fact, _, way) in enumerate(pair.partition(": ") for pair in pairs)
    ]


DRAFTS = said("A: one", "A: two", "A: Two ", "a: three", "B: one", "B: two")


def test_facts_with_too_few_ways_are_rejected_and_coverage_is_the_score() -> None:
    found = EnoughPhrasings(use="enough_phrasings", at_least=3).choose(DRAFTS, [])
    assert [one.outcome for one in found] == [Outcome.ACCEPTED] * 4 + [Outcome.REJECTED] * 2
    assert {one.score for one in found} == {0.5}
    assert found[0].evidence == {"ways": 3, "covered": 1, "of": 2}


def test_ways_of_earlier_rounds_count_and_a_report_alone_drops_nothing() -> None:
    later = EnoughPhrasings(use="enough_phrasings", at_least=3).choose(DRAFTS[4:], said("b: three"))
    assert [one.outcome for one in later] == [Outcome.ACCEPTED] * 2
    report = EnoughPhrasings(use="enough_phrasings", at_least=3, drops=False).choose(DRAFTS, [])
    assert [one.reason for one in report][3:5] == ["said in enough ways", "said in too few ways"]
    assert {one.outcome for one in report} == {Outcome.ACCEPTED}
