"""Groups hold every failure once, do not depend on the order of failures, and part what is about different things."""

from collections import Counter
from dataclasses import replace
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.rehearsal.faults import known, wrong_solution
from agents.rehearsal.world import items
from orchestrator.examination.clustering import Failed, Group, cluster

SLIP = "arithmetic slip"


def failures(skill: str, count: int, named: str = "", seed: int = 2) -> list[Failed]:
    found = []
    for at, item in enumerate(islice(items(skill, seed), count)):
        seen = known(item.question)
        assert seen is not None
        rationale, answer = wrong_solution(seen, Random(item.question))
        reply = f"{rationale}\n#### {answer}"
        found.append(Failed(f"{skill}-{seed}-{at:03}", named, SLIP, item.question, reply, item.answer))
    return found


def topics(*skills: str, count: int = 20, named: str = "", seed: int = 2) -> list[Failed]:
    return [one for skill in skills for one in failures(skill, count, named, seed)]


def purity(groups: list[Group]) -> float:
    """The share of failures that are of their group's most frequent topic."""
    most = [Counter(key.partition("-")[0] for key in group.keys).most_common(1)[0][1] for group in groups]
    return sum(most) / sum(group.size for group in groups)


THREE = [
    ("trip", "product", "event_react"),
    ("change", "switch", "founder_city"),
    ("film", "tallest", "event_want"),
]


@pytest.mark.parametrize("skills", THREE)
def test_topics_that_nobody_named_are_parted(skills: tuple[str, ...]) -> None:
    groups = cluster(topics(*skills))
    assert 3 <= len(groups) <= 4
    assert purity(groups) >= 0.9
    assert all(group.label.startswith(f"all: {SLIP} (") and group.terms for group in groups)


@pytest.mark.parametrize("skills", THREE)
def test_a_named_skill_is_parted_only_if_it_is_about_several_things(skills: tuple[str, ...]) -> None:
    mixed = cluster(topics(*skills, named="mixed"))
    assert len(mixed) >= 2
    assert purity(mixed) >= 0.6
    [whole] = cluster(failures(skills[0], 40, skills[0]))
    assert whole.label == f"{skills[0]}: {SLIP}"


def test_skill_and_cause_come_first_and_the_largest_group_leads() -> None:
    groups = cluster([*failures("film", 3, "film"), *failures("trip", 5, "trip")])
    assert [(group.label, group.skill, group.cause, group.size, group.share) for group in groups] == [
        (f"trip: {SLIP}", "trip", SLIP, 5, 5 / 8),
        (f"film: {SLIP}", "film", SLIP, 3, 3 / 8),
    ]
    assert {"hours", "trip"} & set(groups[0].terms)
    assert "film" in groups[1].terms


def test_a_skill_named_as_what_has_no_skill_has_a_cell_of_its_own() -> None:
    failed = [
        replace(one, skill=skill, key=f"{skill}{one.key}")
        for skill in ("", "all", "'all'")
        for one in failures("trip", 2)
    ]
    assert [(group.label, group.skill) for group in cluster(failed)] == [
        (f"''all'': {SLIP}", "'all'"),
        (f"'all': {SLIP}", "all"),
        (f"all: {SLIP}", ""),
    ]


def test_a_part_keeps_its_label_in_the_next_round() -> None:
    before = {group.label: group.size for group in cluster(topics(*THREE[0]))}
    after = cluster(topics(*THREE[0], count=14, seed=5), before)
    assert len(before.keys() & {group.label for group in after}) >= min(3, len(before))


def test_the_words_of_an_old_label_decide_and_not_their_order() -> None:
    film, *_ = [group for group in cluster(topics(*THREE[2])) if "film" in group.label]
    old = f"all: {SLIP} ({', '.join(reversed(film.terms[:2]))})"
    assert old in [group.label for group in cluster(topics(*THREE[2]), [old, f"all: {SLIP} (some, others)"])]


def test_parts_smaller_than_asked_are_the_rest() -> None:
    groups = cluster([*topics("trip", "tallest", named="mixed"), *failures("switch", 3, "mixed")], at_least=5)
    labels = {group.label: group for group in groups}
    rest = labels[f"mixed: {SLIP} (the rest)"]
    assert {key.partition("-")[0] for key in rest.keys} == {"switch"}


def test_the_most_typical_failure_is_first() -> None:
    odd = Failed("a", "trip", SLIP, "Wholly other words stand in this strange sentence.", "?", "1")
    [group] = cluster([odd, *failures("trip", 6, "trip")])
    assert group.keys[-1] == "a"


def test_texts_beyond_the_most_join_the_nearest_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.examination.clustering._MOST", 40)
    mixed = topics(*THREE[1], count=30)
    by_turns = [
        replace(one, key=f"{at % 30:02}{one.key}") for at, one in enumerate(mixed)
    ]  # parts are made of all three
    groups = cluster(by_turns)
    topic = [Counter(key[2:].partition("-")[0] for key in group.keys).most_common(1)[0][1] for group in groups]
    assert sum(group.size for group in groups) == 90
    assert sum(topic) >= 81


def test_a_key_given_twice_is_told() -> None:
    one = failures("trip", 1)
    with pytest.raises(ValueError, match="given once, found 'trip-2-000'"):
        cluster([*one, *one])


def test_nothing_failed_is_no_group() -> None:
    assert cluster([]) == []


WORDS = st.lists(st.sampled_from("trains lamps rivers 12 7 cost is the öl".split()), max_size=5).map(" ".join)
FAILED = st.lists(
    st.builds(
        Failed,
        key=st.text(min_size=1),
        skill=st.sampled_from(["", "trip", "all", "'all'"]),
        cause=st.sampled_from([SLIP, "wrong fact"]),
        question=WORDS | st.text(),
        reply=WORDS,
        gold=st.just("1"),
    ),
    unique_by=lambda one: one.key,
    max_size=30,
)


@settings(deadline=None, max_examples=60)
@given(FAILED, st.integers(1, 12), st.integers(1, 4), st.randoms(use_true_random=False))
def test_every_failure_is_in_one_group_whatever_the_order(
    failed: list[Failed], split_above: int, at_least: int, rng: Random
) -> None:
    groups = cluster(failed, split_above=split_above, at_least=at_least)
    assert sorted(key for group in groups for key in group.keys) == sorted(one.key for one in failed)
    assert all(group.size == len(group.keys) > 0 for group in groups)
    assert sum(group.share for group in groups) == pytest.approx(1 if failed else 0)
    assert len({group.label for group in groups}) == len(groups)
    shuffled = rng.sample(failed, len(failed))
    assert cluster(shuffled, split_above=split_above, at_least=at_least) == groups
