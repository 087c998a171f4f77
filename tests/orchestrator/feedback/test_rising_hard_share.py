"""The share of hard items rises, and skills have their shares of the hard and of all, the most difficult first."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.clauses import MISTAKES
from orchestrator.feedback.rising_hard_share import RisingHardShare
from orchestrator.kinds import Progress
from storage.records import Attempt, Failure
from storage.store import Store
from tests.conftest import Loop
from tests.orchestrator.feedback.scripted import a_plan, an_attempt, attempts, progress
from tests.orchestrator.feedback.test_hard_and_easy import SMALL, failures

TAPIR = "orchestrator/recipes/feedback/tapir.yaml"
WRONG = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 60), min_size=1)


def tapir(**options: Any) -> RisingHardShare:
    return RisingHardShare(use="rising_hard_share", **options)


def after(wrong: dict[str, int], number: int = 1, n: int = 60) -> Progress:
    sat = attempts(wrong, n=n, exam="practice")
    plans = [a_plan(i) for i in range(1, number + 1)]
    return progress(dict.fromkeys(wrong, 0.5), attempts=sat, failures=failures(sat), plans=plans)


def hard_of(plan: Any, found: Progress) -> dict[str, int]:
    skills = {failure.key: failure.skill for failure in found.failures}
    chosen = [skills[key] for key in plan.targets]
    return {skill: chosen.count(skill) for skill in found.levels}


@given(WRONG, st.integers(1, 60), st.floats(0, 1), st.data())
def test_the_histogram_is_the_target_within_rounding(
    wrong: dict[str, int], items: int, share: float, data: st.DataObject
) -> None:
    balance = data.draw(st.dictionaries(st.sampled_from(sorted(wrong)), st.floats(0.1, 9)))
    found = after(wrong)
    plan = tapir(items=items, shares=(share,), balance=balance).next_plan(found)
    hard, total = hard_of(plan, found), sum(balance.get(skill, 1.0) for skill in wrong)
    assert sum(plan.quotas.values()) + len(plan.targets) == items
    assert len(set(plan.targets)) == len(plan.targets) <= round(share * items)
    for skill in wrong:
        of_all, of_hard = (n * balance.get(skill, 1.0) / total for n in (items, round(share * items)))
        assert plan.quotas[skill] >= 0
        assert abs(plan.quotas[skill] + hard[skill] - of_all) < 1 + 1e-9
        assert min(of_hard, of_all, wrong[skill]) - 1 - 1e-9 < hard[skill] < of_hard + 1 + 1e-9
        assert hard[skill] <= wrong[skill]


def test_the_share_rises_from_round_to_round_and_then_stays() -> None:
    plans = [tapir(items=40).next_plan(after({"a": 60, "b": 60}, number)) for number in (1, 2, 3, 4, 5)]
    assert [len(plan.targets) for plan in plans] == [12, 20, 32, 32, 32]
    assert plans[1].why == "round 3 wants 50% hard items and has 20 of 40: a 10 of 20, b 10 of 20"


def test_new_seeds_stand_in_where_too_few_failed() -> None:
    plan = tapir(items=20, shares=(0.5,), balance={"a": 3}).next_plan(after({"a": 2, "b": 60}))
    assert plan.quotas == {"a": 13, "b": 3}
    assert len(plan.targets) == 4
    assert plan.why.endswith("a 2 of 15, b 2 of 5; for 6 more too few answers were wrong")


@pytest.mark.parametrize(
    ("facts", "first"),
    [
        ([{"score": 1.0, "confidence": 0.9}, {"score": 8.0}, {"score": 3.5}], [1, 2, 0]),
        ([{"confidence": 0.2}, {"confidence": 0.9}, {}], [1, 0, 2]),
    ],
)
def test_the_most_difficult_come_first(facts: list[dict[str, Any]], first: list[int]) -> None:
    sat = [an_attempt("a", False, i, exam="practice", **known) for i, known in enumerate(facts)]
    found = progress({"a": 1.0}, attempts=sat, failures=failures(sat))
    plan = tapir(items=3, shares=(1.0,)).next_plan(found)
    by_key = {failure.key: failure.attempt for failure in found.failures}
    assert [by_key[key] for key in plan.targets] == [sat[i].key for i in first]


def test_shares_that_fall_and_skills_that_are_not_probed_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"rises from round to round, found \[0.5, 0.3\]"):
        tapir(shares=(0.5, 0.3))
    with pytest.raises(ValueError, match="names the skill 'tripp', which no probed source has; there are: trip"):
        tapir(balance={"tripp": 2}).next_plan(after({"trip": 3}))


def test_a_later_round_begins_with_no_more_than_it_says() -> None:
    policy = tapir(items=40, shares=(0.2, 0.6))
    assert policy.most(7) == (40, 24)


async def test_tapir_writes_hard_items_in_a_rising_share(loop: Loop, store: Store) -> None:
    small = [edit for edit in SMALL if not edit.startswith("feedback.")]
    recipe = loop.recipe("feedback.items=24", "exams.practice.per_skill=6", place=TAPIR, small=small)
    key, plan = await loop.teach(recipe, store)
    assert plan.why == "all 3 rounds are done"
    for number, share in ((2, 0.3), (3, 0.5)):
        seeds, hard = store.seeds(key, "tasks", number), store.seeds(key, MISTAKES, number)
        assert len(seeds) + len(hard) == 24
        assert 0 < len(hard) <= round(24 * share)
        asked_for = [seed.skill for seed in (*seeds, *hard)]
        assert {skill: asked_for.count(skill) for skill in ("change", "trip", "lead", "product")} == {
            "change": 6,
            "trip": 6,
            "lead": 3,
            "product": 3,
        }
        failed = store.by_key(Attempt, [seed.origin for seed in hard])
        assert all(attempt.exam == "practice" and (attempt.score or 0) >= 1 for attempt in failed.values())
    assert store.by_key(Failure, store.plans(key)[1].targets)
