"""The rehearsal world: deterministic, exactly solvable, and divided for ever."""

from collections import Counter
from itertools import islice

import pytest

from agents.rehearsal.world import SKILLS, TAUGHT, Item, items, part_of, recognise, solve


def first(skill: str, count: int, seed: int = 7, **more: str) -> list[Item]:
    return list(islice(items(skill, seed, **more), count))  # type: ignore[arg-type]


@pytest.mark.parametrize("skill", SKILLS)
def test_items_are_recognised_and_solved_exactly(skill: str) -> None:
    for item in first(skill, 60):
        found, solution = recognise(item.question), solve(item.question)
        assert found is not None
        assert found[0].name == skill
        assert solution is not None
        assert (solution.rationale, solution.answer) == (item.rationale, item.answer)


@pytest.mark.parametrize("skill", SKILLS)
def test_a_split_key_is_read_back_from_the_question(skill: str) -> None:
    for item in first(skill, 30):
        found = recognise(item.question)
        assert found is not None
        assert found[0].split_key(found[1]) == item.split_key


@pytest.mark.parametrize("skill", SKILLS)
def test_the_same_seed_gives_the_same_items(skill: str) -> None:
    assert first(skill, 20) == first(skill, 20)
    assert first(skill, 20) != first(skill, 20, seed=8)


def test_ten_skills_in_four_families_are_taught() -> None:
    assert len(TAUGHT) >= 10
    assert len({skill.family for skill in TAUGHT.values()}) == 4


def test_the_parts_are_disjoint() -> None:
    parts = [{item.split_key for item in first("trip", 80, part=part)} for part in ("train", "probe", "test")]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


def test_the_parts_have_their_shares() -> None:
    keys = {item.split_key for skill in TAUGHT for item in first(skill, 250)}
    shares = {part: count / len(keys) for part, count in Counter(map(part_of, keys)).items()}
    assert shares == pytest.approx({"train": 0.70, "probe": 0.15, "test": 0.15}, abs=0.03)


def test_a_part_is_never_reassigned() -> None:
    keys = ["stories:1:2:3", "stories:1:2:4", "stories:1:2:5", "events:buys:tent", "documents:x"]
    assert [part_of(key) for key in keys] == ["probe", "train", "train", "train", "test"]


def test_another_text_is_not_recognised() -> None:
    assert recognise("Why is the sky blue?") is None
    assert solve("") is None
