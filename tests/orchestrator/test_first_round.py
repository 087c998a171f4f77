"""What the first round taught, in the same order for ever."""

from orchestrator.mixtures.first_round import FirstRound
from storage.records import Draft, Plan


def drafts(number: int, count: int) -> list[Draft]:
    facts = {"run": "r", "step": "solve", "kind": "solution", "fields": {}, "producer": "w@1", "split_key": "k"}
    return [Draft.new(**facts, round=number, parents=[f"{number}:{i}"]) for i in range(count)]


def test_rows_are_the_first_rounds_and_their_order_does_not_change_with_the_round() -> None:
    first, later = drafts(1, 20), drafts(2, 20)
    one, two = (Plan.new(run="r", round=number) for number in (1, 2))
    mixture = FirstRound(use="first_round")
    rows = mixture.arrange(first, one, 3)
    assert sorted(row.key for row in rows) == sorted(draft.key for draft in first)
    assert mixture.arrange([*later, *first[::-1]], two, 3) == rows
    assert mixture.arrange(first, one, 4) != rows
