"""A run that trains on what it could buy: what each round and step may spend, and what is charged that others had paid."""

import asyncio
import json
from math import ceil
from typing import Any

import pytest

from agents.teacher import BudgetSpent, Reservation
from orchestrator.allotment import NOTHING, allot_round, calls_to_judge, share_of
from orchestrator.cycle import run_directly
from orchestrator.planning import current_plan
from orchestrator.recipe import load_recipe
from storage.records import Draft
from storage.store import Store
from tests.conftest import Loop

COMPUTED = ("train", "examine")
CAPPED = ("budget.then=train", "stop.rounds=2")


def steps() -> dict[str, Any]:
    return {step.step: step for step in load_recipe("demo").lessons}


def share(name: str, waiting: int, **sizes: int) -> float:
    lessons = list(steps().values())
    step = steps()[name]
    return share_of(step, waiting, lessons[lessons.index(step) + 1 :], sizes)


# --- shares by hand -------------------------------------------------------------------------------------------------


def test_a_writer_leaves_its_judges_a_call_for_each_draft() -> None:
    assert share("solve", 10) == pytest.approx(10 / 20)


def test_what_other_steps_will_write_is_reckoned_with() -> None:
    """Of 4 failures come 12 questions, of these 36 solutions, and the referee reads those and the 10 of the seeds."""
    assert share("solve", 10, failures=4) == pytest.approx(10 / (10 + 12 + 36 + 46))
    assert share("practise", 4, solutions=10) == pytest.approx(12 / (12 + 36 + 36))


def test_the_last_step_that_asks_may_spend_all_that_is_left() -> None:
    assert share("referee", 7) == 1.0


def test_a_step_with_nothing_to_do_is_no_division_by_zero() -> None:
    assert share("solve", 0) == share("solve", 0, failures=3) == 1.0


def test_every_role_writes_and_every_writing_is_judged() -> None:
    recipe = load_recipe("demo", ["lessons.solve.role=[teacher, referee]", "lessons.solve.samples=2"])
    assert share_of(recipe.lessons[0], 5, recipe.lessons[1:], {}) == pytest.approx(20 / 40)


# --- a capped run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [12, 20, 33])
async def test_a_run_with_too_few_calls_trains_on_what_it_bought(loop: Loop, store: Store, cap: int) -> None:
    key, plan = await loop.teach(loop.recipe(*CAPPED, f"budget.calls={cap}"), store)
    assert plan.stop
    assert "the budget had no room for all that was to be written" in plan.why
    assert store.spending(key).calls == len(loop.sent) <= cap
    assert store.lessons(key) > 0
    assert loop.worker.trainings() >= 1
    spent = {number for (number, _), each in store.spending_by_stage(key).items() if each.calls}
    assert spent == {1, 2}


async def test_drafts_that_were_written_are_judged(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(*CAPPED, "budget.calls=40"), store)
    judged = store.judged(key, "referee", 1)
    passed = [draft for draft, outcome in store.judged(key, "sound_steps", 1).items() if outcome == "accepted"]
    assert passed
    assert set(judged) == set(passed)


async def test_with_room_enough_nothing_is_said_of_the_budget(loop: Loop, store: Store) -> None:
    _, plan = await loop.teach(loop.recipe(*CAPPED, "budget.calls=5000"), store)
    assert plan.why == "all 2 rounds are done"


async def test_a_capped_run_does_the_same_again_on_a_fresh_store(loop: Loop, store: Store, new_store: Any) -> None:
    recipe = loop.recipe(*CAPPED, "budget.calls=25")
    key, _ = await loop.teach(recipe, store)
    with new_store("other") as other:
        again, _ = await loop.teach(recipe, other)
        assert (again, other.fingerprint(again)) == (key, store.fingerprint(key))


async def test_what_a_round_spent_before_it_was_interrupted_is_part_of_its_share(
    loop: Loop, store: Store, new_store: Any
) -> None:
    recipe = loop.recipe(*CAPPED, "budget.calls=30")

    async def interrupted(name: str, stage: Any, *arguments: Any) -> Any:
        if name == "round 1: freeze dataset":
            raise KeyboardInterrupt
        return await run_directly(name, stage, *arguments)

    with pytest.raises(KeyboardInterrupt):
        await loop.teach(recipe, store, stage=interrupted)
    key, _ = await loop.teach(recipe, store)
    first = sum(spent.calls for (number, _), spent in store.spending_by_stage(key).items() if number == 1)
    assert first <= 15
    assert store.spending(key).calls <= 30


# --- judges of exams ------------------------------------------------------------------------------------------------

OPEN: dict[str, Any] = {
    "use": "judged_reply",
    "source": "tasks",
    "role": "referee",
    "critic": {"use": "sound_reasoning"},
    "part": "test",
    "per_skill": 3,
    "cases": 20,
    "bar": {"cases": 2, "of_either": 1},
    "forced": True,
}


def judged(loop: Loop, cap: int, **options: Any) -> Any:
    return loop.recipe(*CAPPED, f"exams.open={json.dumps({**OPEN, **options})}", f"budget.calls={cap}")


def test_calls_to_judge_are_reckoned_by_who_is_still_to_be_examined(loop: Loop) -> None:
    """Of 12 questions: base and last student take a test, base and every round's student a probe, no base practice."""

    def found(part: str, **more: Any) -> list[float]:
        recipe = judged(loop, 500, part=part, canaries=5, **more)
        numbers = [(1, False), (1, True), (2, False), (2, True), (3, False)]
        return [calls_to_judge(recipe, number, probed=probed) for number, probed in numbers]

    assert found("test") == [ceil(1.1 * (20 + 2 * 12))] * 5
    assert found("probe") == [ceil(1.1 * (20 + 3 * 12)), ceil(1.1 * 12), ceil(1.1 * 12), 0, 0]
    assert found("train") == [ceil(1.1 * (20 + 2 * 12)), ceil(1.1 * 24), ceil(1.1 * 12), ceil(1.1 * 12), 0]
    assert found("test", samples=2, temperature=0.5)[0] == ceil(1.1 * (20 + 4 * 12))
    assert calls_to_judge(loop.recipe(*CAPPED), 1) == 0


@pytest.mark.parametrize("part", ["test", "probe"])
async def test_lessons_leave_room_for_the_judges_of_exams(loop: Loop, store: Store, part: str) -> None:
    recipe = judged(loop, 100, part=part)
    key, plan = await loop.teach(recipe, store)
    assert "the budget had no room for all that was to be written" in plan.why
    assert store.spending(key).calls <= 100
    (hearing,) = store.hearings(key)
    assert hearing.admitted
    assert {card.n for card in store.scorecards(key) if card.exam == "open"} == {12}


async def test_who_names_failures_leaves_room_for_the_judges_of_exams(loop: Loop, store: Store) -> None:
    loop.worker.enough = 10**6
    exam = json.dumps({**OPEN, "cases": 4, "per_skill": 1})
    recipe = loop.recipe(
        *CAPPED,
        f"exams.open={exam}",
        "budget.calls=90",
        "mining.role=teacher",
        "sources.tasks.choose=taught",
        "roles.referee.rehearsal=rehearsal-teacher?malformed_rate=0&refusal_rate=0",
        "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.5",  # so that the court has bad cases, whatever is bought
    )
    told: list[str] = []
    key, plan = await loop.teach(recipe, store, tell=lambda event, facts: told.append(event))
    assert plan.stop
    assert "unnamed" in told
    assert len([card for card in store.scorecards(key) if card.exam == "open"]) == 2


@pytest.mark.parametrize(("cap", "kept"), [(20_000, 10_000), (400_000, 49 * (160 + 1024))])
async def test_of_tokens_the_worst_is_kept_and_half_of_what_is_left_at_most(
    loop: Loop, store: Store, cap: int, kept: int
) -> None:
    recipe = loop.recipe("budget.then=train", f"exams.open={json.dumps(OPEN)}", "stop.rounds=2", f"budget.tokens={cap}")
    async with loop.opened(recipe, store) as work:
        allot_round(work, current_plan(work))
        work.ledger.allot(1, "solve", 1.0, NOTHING)
        with work.ledger.spending_on(1, "solve"):
            await work.ledger.reserve(Reservation("m", 0, (cap - kept) // 2))
            task = asyncio.create_task(work.ledger.reserve(Reservation("m", 0, 1)))
            await asyncio.sleep(0)
            assert not task.done()
            task.cancel()


async def test_a_cap_that_leaves_no_call_for_lessons_is_told_before_the_first_call(loop: Loop, store: Store) -> None:
    with pytest.raises(
        BudgetSpent, match=r"budget of 40 calls leaves none for lessons: judging the exams may take 49,"
    ):
        await loop.teach(judged(loop, 40), store)
    assert loop.sent == []
    (run,) = store.runs()
    assert "--max-calls" in run.ended


# --- what others have paid for --------------------------------------------------------------------------------------

PLAIN = ("feedback={use: same_again, seeds: 10}", "stop.rounds=2")
"""Two runs of it ask the same, whatever their names; failures are taken in an order that depends on the run."""
COUNTED = (*PLAIN, "budget.calls=500", "budget.reused=counted")


async def test_what_another_run_bought_is_charged_as_if_this_one_had(loop: Loop, store: Store, new_store: Any) -> None:
    first, second = loop.recipe(*COUNTED), loop.recipe(*COUNTED, "name=other")
    with new_store("alone") as alone:
        key, _ = await loop.teach(second, alone)
        expected = alone.spending(key)
        lessons = alone.lessons(key)
    await loop.teach(first, store)
    sent = len(loop.sent)
    key, _ = await loop.teach(second, store)
    worth = store.spending(key, with_reused=True)
    assert (worth.calls, worth.prompt_tokens, worth.completion_tokens) == (
        expected.calls,
        expected.prompt_tokens,
        expected.completion_tokens,
    )
    assert store.lessons(key) == lessons
    assert len(loop.sent) == sent
    paid = store.spending(key)
    assert (paid.calls, paid.prompt_tokens, paid.usd) == (0, 0, 0.0)
    assert paid.seconds == sum(e.seconds for (_, stage), e in store.spending_by_stage(key).items() if stage in COMPUTED)
    assert store.bought(key) == {}
    assert sum(map(len, store.bought(key, with_reused=True).values())) == worth.calls


async def test_counting_never_passes_the_cap_and_rounds_share_it(loop: Loop, store: Store) -> None:
    edits = ("budget.then=train", "stop.rounds=2", "budget.calls=24", "budget.reused=counted")
    await loop.teach(loop.recipe(*edits), store)
    key, plan = await loop.teach(loop.recipe(*edits, "name=other"), store)
    worth = store.spending_by_stage(key, with_reused=True).items()
    assert sum(spent.calls for _, spent in worth) <= 24
    assert sum(spent.calls for (number, _), spent in worth if number == 1) <= 12
    assert store.spending(key).calls < store.spending(key, with_reused=True).calls
    assert "the budget had no room" in plan.why


async def test_going_on_counts_nothing_twice(loop: Loop, store: Store) -> None:
    await loop.teach(loop.recipe(*COUNTED), store)
    other = loop.recipe(*COUNTED, "name=other")
    key, _ = await loop.teach(other, store)
    before, print_before = store.spending(key, with_reused=True), store.fingerprint(key)
    async with loop.opened(other, store) as work:
        assert work.ledger.spent["calls"] == before.calls
    await loop.teach(other, store)
    assert store.spending(key, with_reused=True) == before
    assert store.fingerprint(key) == print_before


@pytest.mark.parametrize("dies_before", ["round 1: referee", "round 1: train student", "round 2: once"])
async def test_a_run_that_dies_in_a_later_step_buys_no_more(loop: Loop, new_store: Any, dies_before: str) -> None:
    """What a step had no room for stays undone, whatever is left when the run goes on."""

    async def dying(name: str, stage: Any, *arguments: Any) -> Any:
        if name == dies_before:
            raise KeyboardInterrupt
        return await stage(*arguments)

    recipe = loop.recipe(*CAPPED, "budget.calls=33")
    with new_store("whole") as whole, new_store("broken") as broken:
        key, _ = await loop.teach(recipe, whole)
        with pytest.raises(KeyboardInterrupt):
            await loop.teach(recipe, broken, dying)
        await loop.teach(recipe, broken)
        assert broken.spending(key).calls == whole.spending(key).calls
        lessons = [[dataset.digest for dataset in store.datasets(key)] for store in (broken, whole)]
        assert lessons[0] == lessons[1] != []


async def test_where_reuse_is_free_it_is_not_entered(loop: Loop, store: Store) -> None:
    await loop.teach(loop.recipe(*PLAIN), store)
    key, _ = await loop.teach(loop.recipe(*PLAIN, "name=other"), store)
    assert store.spending(key, with_reused=True).calls == 0
    drafts = store.by_key(Draft, store.draft_keys(key, "solve", 1))
    assert drafts
    assert all(draft.call for draft in drafts.values())
