"""Hard items become targets and easy ones briefs, in the ratio that is asked for, as far as there are so many."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.rehearsal.faults import known
from orchestrator.clauses import BRIEFS, MISTAKES
from orchestrator.feedback.hard_and_easy import HardAndEasy
from orchestrator.kinds import Progress
from storage.records import Attempt, Failure
from storage.store import Store
from tests.conftest import Loop
from tests.orchestrator.feedback.scripted import an_attempt, attempts, progress

LION = "orchestrator/recipes/feedback/lion.yaml"
SMALL = (
    "seeds={tasks: 48, basics: 2}",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
    "exams.practice.per_skill=4",
    "exams.practice.bar={of_either: 2, cases: 10, flips: 0.5}",
    "roles.teacher.rehearsal=rehearsal-teacher?weak.trip=1&weak.lead=1",
    "feedback.items=12",
)


def lion(**options: Any) -> HardAndEasy:
    return HardAndEasy(use="hard_and_easy", **options)


def failures(sat: list[Attempt]) -> list[Failure]:
    return [
        Failure.new(run="r", round=1, attempt=a.key, cluster="", skill=a.skill, cause="wrong answer")
        for a in sat
        if not a.right
    ]


def practised(wrong: dict[str, int], n: int = 20, **facts: Any) -> Progress:
    sat = [*attempts(wrong, n=n, exam="practice"), *attempts(dict.fromkeys(wrong, 2), n=4)]
    return progress(dict.fromkeys(wrong, 0.5), attempts=sat, failures=failures(sat), **facts)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 20), min_size=1),
    st.integers(1, 100),
    st.floats(0, 1),
)
def test_each_side_has_its_share_of_the_items_or_all_there_are(wrong: dict[str, int], items: int, share: float) -> None:
    plan = lion(items=items, hard_share=share).next_plan(practised(wrong))
    hard = sum(wrong.values())
    wanted = round(items * share)
    assert len(set(plan.targets)) == len(plan.targets) == min(wanted, hard)
    assert len(plan.briefs) == min(items - wanted, 20 * len(wrong) - hard)
    assert len({brief["question"] for brief in plan.briefs}) == len(plan.briefs)


def test_the_papers_ratio_is_one_to_one() -> None:
    plan = lion(items=10).next_plan(practised({"a": 10, "b": 10}))
    assert (len(plan.targets), len(plan.briefs)) == (5, 5)
    assert plan.why == (
        "20 items are hard and 20 easy, by 40 replies; the next lessons are written after 5 hard and 5 easy ones"
    )
    assert plan.quotas == {"a": 0, "b": 0}


def test_hard_is_what_failed_in_practice_and_easy_what_did_not() -> None:
    found = practised({"a": 7, "b": 0})
    plan = lion(items=80).next_plan(found)
    in_practice = {a.key: a for a in found.attempts if a.exam == "practice"}
    by_key = {failure.key: failure.attempt for failure in found.failures}
    assert {by_key[key] for key in plan.targets} == {a.key for a in in_practice.values() if not a.right}
    assert {brief["question"] for brief in plan.briefs} == {a.question for a in in_practice.values() if a.right}
    assert {(brief["skill"], brief["kind"]) for brief in plan.briefs} == {("a", "easy"), ("b", "easy")}


def test_a_question_that_failed_once_is_not_easy() -> None:
    sat = [an_attempt("a", right, 0, exam="practice", sample=i) for i, right in enumerate([True, False, True])]
    plan = lion(items=2).next_plan(progress({"a": 0.5}, attempts=sat, failures=failures(sat)))
    assert (len(plan.targets), plan.briefs) == (1, [])


def test_without_practice_the_probe_is_told_apart() -> None:
    sat = attempts({"a": 2}, n=4)
    plan = lion(items=4).next_plan(progress({"a": 0.5}, attempts=sat, failures=failures(sat)))
    assert (len(plan.targets), len(plan.briefs)) == (2, 2)


def test_another_seed_or_round_draws_others_and_the_same_the_same_in_any_order() -> None:
    def drawn(found: Progress) -> tuple[Any, ...]:
        plan = lion(items=10).next_plan(found)
        return tuple(plan.targets), tuple(brief["question"] for brief in plan.briefs)

    found = practised({"a": 10, "b": 10})
    turned = progress({"a": 0.5, "b": 0.5}, attempts=found.attempts[::-1], failures=found.failures[::-1])
    assert drawn(found) == drawn(turned)
    assert drawn(found) != drawn(practised({"a": 10, "b": 10}, seed=1))


def test_it_stops_where_nothing_of_what_is_asked_for_is_left() -> None:
    found = practised({"a": 0})
    assert lion(hard_share=1.0).next_plan(found).stop
    going_on = lion(hard_share=1.0, seeds=4).next_plan(found)
    assert (going_on.stop, going_on.quotas) == (False, {"a": 4})
    assert lion(seeds=4, items=9).most(100) == (4, 9)


async def test_lion_teaches_new_items_like_hard_and_easy_ones(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("stop={rounds: 2}", place=LION, small=SMALL)
    key, plan = await loop.teach(recipe, store)
    assert plan.why == "all 2 rounds are done"
    second = store.plans(key)[1]
    hard, easy = store.seeds(key, MISTAKES, 2), store.seeds(key, BRIEFS, 2)
    assert {seed.skill for seed in hard} & {"trip", "lead"}
    assert (len(hard), len(easy)) == (len(second.targets), len(second.briefs)) == (6, 6)
    assert not store.seeds(key, "tasks", 2)
    by_key = store.by_key(Attempt, [seed.origin for seed in hard])
    assert all((attempt.score or 0) >= 1 and attempt.call for attempt in by_key.values())
    (hearing,) = store.hearings(key)
    assert hearing.admitted
    assert hearing.figures["flips"]["estimate"] < 0.5
    for step, seeds in (("write_hard", hard), ("write_easy", easy)):
        drafts = [draft for draft in store.drafts(key, step) if draft.round == 2]
        assert drafts
        skills = {seed.key: seed.skill for seed in seeds}
        asked = [known(draft.fields["question"]) for draft in drafts]
        assert [item and item.skill.name for item in asked] == [skills[draft.parents[0]] for draft in drafts]


@pytest.mark.parametrize("edit", ["feedback.hard_share=0", "feedback={use: same_again}"])
async def test_its_ablations_load(loop: Loop, edit: str) -> None:
    assert loop.recipe(edit, place=LION, small=()).name == "lion"
