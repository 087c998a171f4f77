"""Rows follow the plan's weights; what it does not weigh stays as it is."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mixtures.by_weights import ByWeights
from storage.records import Draft, Plan

COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 30), min_size=1)
WEIGHTS = st.dictionaries(st.sampled_from("abcdg"), st.floats(0.01, 1))


def by_weights(**options: Any) -> ByWeights:
    return ByWeights(use="by_weights", **options)


def a_plan(weights: dict[str, float], number: int = 2) -> Plan:
    return Plan.new(run="r", round=number, why="so", weights=weights)


def drafts(counts: dict[str, int]) -> list[Draft]:
    facts = {"run": "r", "round": 1, "step": "solve", "kind": "solution", "fields": {}, "producer": "w@1"}
    return [
        Draft.new(**facts, skill=skill, split_key=f"{skill}{i}", parents=[f"{skill}{i}"])
        for skill, count in counts.items()
        for i in range(count)
    ]


def rows_by_skill(rows: list[Draft]) -> Counter[str]:
    return Counter(row.skill for row in rows)


def test_shares_are_those_of_the_weights_and_the_total_stays() -> None:
    rows = by_weights().arrange(drafts({"a": 30, "b": 30, "basics": 7}), a_plan({"a": 0.75, "b": 0.25}), 0)
    assert rows_by_skill(rows) == {"a": 45, "b": 15, "basics": 7}


def test_drafts_are_drawn_without_replacement_before_any_is_repeated() -> None:
    rows = by_weights().arrange(drafts({"a": 20, "b": 20}), a_plan({"a": 0.75, "b": 0.25}), 0)
    times = Counter(row.key for row in rows if row.skill == "a")
    assert sorted(times.values()) == [1] * 10 + [2] * 10
    assert max(Counter(row.key for row in rows if row.skill == "b").values()) == 1


def test_what_a_skill_cannot_fill_goes_to_the_others_by_their_weights() -> None:
    rows = by_weights(repeat=2).arrange(drafts({"a": 5, "b": 20, "c": 35}), a_plan({"a": 0.8, "b": 0.15, "c": 0.05}), 0)
    assert rows_by_skill(rows) == {"a": 10, "b": 38, "c": 12} or rows_by_skill(rows) == {"a": 10, "b": 37, "c": 13}


def test_a_weight_of_zero_leaves_a_skill_out() -> None:
    assert rows_by_skill(by_weights().arrange(drafts({"a": 5, "b": 5}), a_plan({"a": 1.0, "b": 0.0}), 0)) == {"a": 10}


def test_without_weights_every_draft_is_there_once() -> None:
    given = drafts({"a": 9, "b": 4})
    rows = by_weights(repeat=5).arrange(given, a_plan({}), 0)
    assert sorted(row.key for row in rows) == sorted(draft.key for draft in given)
    assert [row.key for row in rows] != sorted(draft.key for draft in given)


def test_a_size_without_room_is_refused() -> None:
    with pytest.raises(
        ValueError, match="size 7 leaves no room, since 7 drafts are of skills that the plan does not weigh"
    ):
        by_weights(size=7).arrange(drafts({"a": 3, "basics": 7}), a_plan({"a": 1.0}), 0)


@given(COUNTS, WEIGHTS, st.integers(1, 4), st.one_of(st.none(), st.integers(150, 300)))
def test_laws(counts: dict[str, int], weights: dict[str, float], repeat: int, size: int | None) -> None:
    rows = by_weights(repeat=repeat, size=size).arrange(drafts(counts), a_plan(weights), 3)
    found, weighed = rows_by_skill(rows), [skill for skill in counts if skill in weights]
    for skill in counts.keys() - set(weighed):
        assert found[skill] == counts[skill]
    kept = sum(counts[skill] for skill in counts if skill not in weights)
    wanted = (size or sum(counts.values())) - kept if weighed else 0
    assert len(rows) - kept == min(wanted, repeat * sum(counts[skill] for skill in weighed))
    of_draft = {skill: Counter(row.key for row in rows if row.skill == skill) for skill in weighed}
    for skill, times in of_draft.items():
        assert max(times.values(), default=0) <= repeat
        if times and len(times) < counts[skill]:
            assert max(times.values()) == 1
    open_ = [skill for skill in weighed if found[skill] < repeat * counts[skill]]
    total, left = sum(weights[skill] for skill in open_), sum(found[skill] for skill in open_)
    for skill in open_:
        assert found[skill] == pytest.approx(left * weights[skill] / total, abs=1)


@given(COUNTS, WEIGHTS, st.integers(0, 5), st.integers(1, 3))
def test_the_order_of_the_drafts_does_not_matter(
    counts: dict[str, int], weights: dict[str, float], seed: int, number: int
) -> None:
    given, plan = drafts(counts), a_plan(weights, number)
    keys = [row.key for row in by_weights().arrange(given, plan, seed)]
    assert keys == [row.key for row in by_weights().arrange(given[::-1], plan, seed)]
    assert set(keys) <= {draft.key for draft in given}
