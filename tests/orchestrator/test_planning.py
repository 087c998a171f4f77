"""What a policy is told after a round, what it is never told, and how a run ends that has nothing new to teach."""

import json
from typing import Any

from agents.rehearsal.teacher import Refusal
from orchestrator.cycle import run_directly
from orchestrator.examination.items import CANARY, exam_items
from orchestrator.feedback.target_failures import TargetFailures
from orchestrator.kinds import NextPlan, Progress, Taught
from storage.records import Draft
from storage.store import Store
from tests.conftest import Loop

CANARIES = ("exams.probe.canaries=4", "exams.test.canaries=4")
PRACTICE = "exams.practice={use: final_answer, source: tasks, part: train, per_skill: 2}"


def watch(monkeypatch: Any) -> list[Progress]:
    told: list[Progress] = []
    policy = TargetFailures.next_plan

    def next_plan(self: TargetFailures, progress: Progress) -> NextPlan:
        told.append(progress)
        return policy(self, progress)

    monkeypatch.setattr(TargetFailures, "next_plan", next_plan)
    return told


async def test_a_policy_is_told_of_probe_and_practice_and_of_no_canary(
    loop: Loop, store: Store, monkeypatch: Any
) -> None:
    told = watch(monkeypatch)
    loop.worker.enough = 1000
    key, _ = await loop.teach(loop.recipe(*CANARIES, PRACTICE, "stop.rounds=3", "exams.probe.per_skill=5"), store)
    assert len(told) == 2
    for number, progress in enumerate(told, 1):
        assert {a.exam for a in progress.attempts} == {"probe", "practice"}
        assert {a.round for a in progress.attempts} == {number}
        assert progress.earlier.keys() == set(range(number))
        everything = [a for attempts in progress.earlier.values() for a in attempts] + list(progress.attempts)
        assert {a.exam for a in everything} == {"probe", "practice"}
        assert CANARY not in {a.skill for a in everything} | {f.skill for f in progress.failures}
        assert all(a.round == n for n, attempts in progress.earlier.items() for a in attempts)
        assert {card.exam for card in progress.cards} == {"probe"}
        assert [card.round for card in progress.cards] == list(range(number + 1))
        assert [plan.round for plan in progress.plans] == list(range(1, number + 1))
        assert {c.round for c in progress.clusters} <= {number}
        wrong = {a.key for a in progress.attempts if not a.right}
        assert {f.attempt for f in progress.failures} == wrong
        assert sum(cluster.size for cluster in progress.clusters) == len(wrong)
    assert {a.exam for a in store.attempts_of(key, ["test", "retention"])} == {"test", "retention"}


async def test_the_probe_of_the_base_is_the_earliest(loop: Loop, store: Store, monkeypatch: Any) -> None:
    told = watch(monkeypatch)
    await loop.teach(loop.recipe(), store)
    (progress,) = told
    assert len(progress.earlier[0]) == len(progress.attempts) == 12
    assert progress.seeds == 16
    assert set(progress.levels) == {"change", "trip", "film", "tallest"}


async def test_what_was_taught_is_counted_by_round_and_skill(loop: Loop, store: Store, monkeypatch: Any) -> None:
    told = watch(monkeypatch)
    key, _ = await loop.teach(loop.recipe(), store)
    (progress,) = told
    drafts = store.drafts(key, "solve", 1)
    (dataset, *_) = store.datasets(key)
    rows = store.by_key(Draft, [row.draft for row in store.dataset_rows(dataset.key)]).values()
    for skill in ("change", "trip", "film", "tallest"):
        seeds = sum(seed.skill == skill for seed in store.seeds(key, "tasks", 1))
        expected = Taught(seeds, sum(d.skill == skill for d in drafts), sum(d.skill == skill for d in rows))
        assert progress.taught[1, skill] == expected
        assert expected.seeds == 4
    assert {number for number, _ in progress.taught} == {1}


async def test_a_lesson_that_repeats_an_exam_question_is_no_error_of_its_teacher(
    loop: Loop, store: Store, monkeypatch: Any
) -> None:
    recipe, told, leaked = loop.recipe(), watch(monkeypatch), list[str]()
    question = exam_items(recipe, "test")[0].question

    def leaking(role: str, reply: Any) -> Any:
        """Three lessons quote a question of the test, and no referee minds."""
        if isinstance(reply, str) and '"sound": false' in reply:
            return reply.replace('"sound": false', '"sound": true')
        if len(leaked) == 3 or not isinstance(reply, str) or '"rationale"' not in reply:
            return reply
        leaked.append(reply)
        return json.dumps({**json.loads(reply), "rationale": question})

    loop.tampering, loop.concurrency = leaking, 1
    key, _ = await loop.teach(recipe, store)
    (progress,) = told
    withheld = [d.skill for d in store.by_key(Draft, store.verdicts(key, "decontamination", 1)).values()]
    written = [draft.skill for draft in store.drafts(key, "solve", 1)]
    assert withheld
    for skill in set(written):
        assert progress.taught[1, skill].drafts == written.count(skill) - withheld.count(skill)


async def test_what_each_round_spent_is_known_and_what_was_reused_is_counted_if_the_recipe_counts_it(
    loop: Loop, store: Store, monkeypatch: Any
) -> None:
    told = watch(monkeypatch)
    await loop.teach(loop.recipe(), store)
    await loop.teach(loop.recipe("name=free"), store)
    await loop.teach(loop.recipe("name=counted", "budget.reused=counted"), store)
    bought, free, counted = (progress.spent[1].calls for progress in told)
    assert bought == counted > 0
    assert free == 0


def declines_from_the_second_round(loop: Loop) -> Any:
    async def stage(name: str, carry_out: Any, *arguments: Any) -> Any:
        if name == "round 2: gather seeds":
            loop.tampering = lambda role, reply: Refusal("I would rather not")
        return await run_directly(name, carry_out, *arguments)

    return stage


async def test_a_round_that_brings_nothing_new_ends_the_run_with_what_there_is(loop: Loop, store: Store) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    recipe, stage = loop.recipe("stop.rounds=4"), declines_from_the_second_round(loop)
    loop.worker.enough = 1000
    key, plan = await loop.teach(recipe, store, stage=stage, tell=lambda event, facts: told.append((event, facts)))
    assert (plan.round, plan.stop, plan.why) == (3, True, "round 2 brought no new lesson")
    assert loop.worker.trainings() == 1
    assert ("planned", {"round": 3, "stop": True, "why": plan.why}) in told
    assert store.rulings(key)
    run = store.run(key)
    assert run
    assert run.ended == plan.why


async def test_a_run_that_ended_early_stays_ended(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("stop.rounds=4")
    loop.worker.enough = 1000
    key, plan = await loop.teach(recipe, store, stage=declines_from_the_second_round(loop))
    before, jobs, sent = store.fingerprint(key), len(loop.worker.done), len(loop.sent)
    again, same = await loop.teach(recipe, store)
    assert (again, same.key, store.fingerprint(again)) == (key, plan.key, before)
    assert (len(loop.worker.done), len(loop.sent)) == (jobs, sent)
