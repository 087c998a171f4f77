"""Seeds: by skill as the recipe says, by quota as the plan says, and what feedback chose in the stream it belongs to."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.clauses import ATTEMPTS, BRIEFS, FAILURES, MISTAKES
from orchestrator.examination.items import CANARY, exam_items
from orchestrator.gathering import gather
from orchestrator.recipe import SHIPPED, RecipeError
from storage.records import Attempt, Failure, Plan
from storage.store import Store
from tests.conftest import Loop

PRACTICE = "exams.practice={use: final_answer, source: tasks, part: train, per_skill: 2}"


def skills_of(store: Store, run: str, stream: str, number: int = 1) -> Counter[str]:
    return Counter(seed.skill for seed in store.seeds(run, stream, number))


async def gathered(loop: Loop, store: Store, *edits: str, **planned: Any) -> str:
    async with loop.opened(loop.recipe(*edits), store) as work:
        gather(work, Plan.new(run=work.run.key, **{"round": 1, **planned}))
        return work.run.key


async def test_seeds_may_be_said_skill_by_skill(loop: Loop, store: Store) -> None:
    key = await gathered(loop, store, "seeds={tasks: {trip: 3, film: 1}, basics: 2}")
    assert skills_of(store, key, "tasks") == {"trip": 3, "film": 1}
    assert skills_of(store, key, "basics").total() == 2


async def test_a_number_is_shared_evenly_and_the_rest_goes_to_the_first(loop: Loop, store: Store) -> None:
    key = await gathered(loop, store, "seeds={tasks: 6, basics: 2}")
    assert sorted(skills_of(store, key, "tasks").values()) == [1, 1, 2, 2]


def test_seeds_of_a_skill_that_is_none_are_refused(loop: Loop) -> None:
    with pytest.raises(RecipeError, match=r"seeds of 'tasks' names 'trips', .* Did you mean 'trip'\?"):
        loop.recipe("seeds={tasks: {trips: 3}, basics: 2}")


async def test_quotas_hold_for_the_probed_source_and_the_others_go_on_as_the_recipe_says(
    loop: Loop, store: Store
) -> None:
    key = await gathered(loop, store, round=2, quotas={"trip": 5})
    assert skills_of(store, key, "tasks", 2) == {"trip": 5}
    assert skills_of(store, key, "basics", 2).total() == 2


async def test_failures_of_the_probe_and_of_practice_are_two_streams(loop: Loop, store: Store) -> None:
    async with loop.opened(loop.recipe(PRACTICE), store) as work:
        run, targets = work.run.key, []
        for exam in ("probe", "practice"):
            facts = {"run": run, "round": 1, "student": "s", "exam": exam, "question": f"{exam}?", "gold": "2"}
            attempt = Attempt.new(**facts, reply="3", right=False, skill="trip", split_key=f"k {exam}")
            failure = Failure.new(run=run, round=1, attempt=attempt.key, cluster="trip: slip", cause="slip")
            store.add(attempt, failure)
            targets.append(failure.key)
        count = gather(work, Plan.new(run=run, round=2, targets=targets, briefs=[{"skill": "film", "report": "weak"}]))
    (failure,), (mistake,), (brief,) = (store.seeds(run, stream, 2) for stream in (FAILURES, MISTAKES, BRIEFS))
    assert failure.fields == {"question": "probe?", "gold": "2", "student_reply": "3", "cause": "slip"}
    assert (failure.split_key, mistake.split_key) == ("k probe", "k practice")
    assert mistake.fields["question"] == "practice?"
    assert (brief.fields, brief.skill, brief.split_key) == ({"skill": "film", "report": "weak"}, "film", "brief:2:0")
    assert count == sum(len(store.seeds(run, name, 2)) for name in ("tasks", "basics", FAILURES, MISTAKES, BRIEFS))


async def test_equal_briefs_are_two_seeds(loop: Loop, store: Store) -> None:
    key = await gathered(loop, store, round=2, briefs=[{"report": "weak"}, {"report": "weak"}])
    assert len(store.seeds(key, BRIEFS, 2)) == 2


async def test_gathering_again_gathers_nothing_new(loop: Loop, store: Store) -> None:
    planned = {"round": 2, "quotas": {"trip": 4}, "briefs": [{"report": "weak"}]}
    key = await gathered(loop, store, **planned)
    before = store.fingerprint(key)
    await gathered(loop, store, **planned)
    assert store.fingerprint(key) == before


async def test_lessons_come_of_mistakes_in_practice(loop: Loop, store: Store, tmp_path: Path) -> None:
    data = yaml.safe_load((SHIPPED / "demo.yaml").read_text())
    data["lessons"][0]["from"].append(MISTAKES)
    data["feedback"] = {"use": "practise_mistakes"}
    data["exams"]["practice"] = {"use": "final_answer", "source": "tasks", "part": "train"}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(data))
    small = ["sources.tasks.choose=[trip, film]", "sources.basics.choose=[add, copy]", "seeds={tasks: 4, basics: 2}"]
    sizes = [f"exams.{name}.per_skill=3" for name in data["exams"]]
    loop.worker.enough = 1000
    key, _ = await loop.teach(
        loop.recipe(*small, *sizes, "feedback.seeds=2", place=tmp_path / "own.yaml", small=()), store
    )
    mistakes = store.seeds(key, MISTAKES, 2)
    assert len(mistakes) == 6
    attempts = store.by_key(Attempt, [seed.origin for seed in mistakes])
    assert {attempt.exam for attempt in attempts.values()} == {"practice"}
    parents = {parent for draft in store.drafts(key, "solve", 2) for parent in draft.parents}
    assert parents & {seed.key for seed in mistakes}
    assert not store.seeds(key, FAILURES, 2)


async def test_a_practice_question_that_is_an_exams_too_is_no_mistake_to_learn_from(loop: Loop, store: Store) -> None:
    async with loop.opened(loop.recipe(PRACTICE), store) as work:
        run, key = work.run.key, min(work.guarded)
        facts = {"run": run, "round": 1, "student": "s", "exam": "practice", "question": "q?", "gold": "2"}
        attempt = Attempt.new(**facts, reply="3", right=False, skill="trip", split_key=key)
        failure = Failure.new(run=run, round=1, attempt=attempt.key, cluster="trip: slip", cause="slip")
        store.add(attempt, failure)
        gather(work, Plan.new(run=run, round=2, targets=[failure.key]))
        assert not store.seeds(run, MISTAKES, 2)
        assert len(store.seeds(run, FAILURES, 2)) == 1


# --- what the student itself wrote ----------------------------------------------------------------------------------

READS_ATTEMPTS = (
    "exams.practice={use: final_answer, source: tasks, part: train, per_skill: 2, samples: 2, temperature: 1, canaries: 1}",
    "lessons.solve.from=[tasks, basics, attempts]",
)


async def attempted(loop: Loop, store: Store, *edits: str, number: int = 2, **facts: Any) -> str:
    """A run whose student of round 1 has given one reply to the first practice question, as these facts say."""
    async with loop.opened(loop.recipe(PRACTICE, *edits), store) as work:
        item = exam_items(work.recipe, "practice")[0]
        known = {"run": work.run.key, "round": 1, "student": "s", "exam": "practice", "question": item.question}
        known |= {"gold": item.gold, "reply": "2+3=5\n#### 5", "answer": "5", "right": False}
        known |= {"skill": item.skill, "split_key": item.split_key}
        store.add(Attempt.new(**{**known, **facts}))
        gather(work, Plan.new(run=work.run.key, round=number))
        return work.run.key


async def test_every_sample_of_the_last_student_is_a_seed_right_or_wrong(loop: Loop, store: Store) -> None:
    loop.worker.enough = 1
    async with loop.opened(loop.recipe(*READS_ATTEMPTS), store) as work:
        run, item = work.run.key, exam_items(work.recipe, "practice")[0]
        for sample, right in enumerate([True, False, False]):
            facts = {"run": run, "round": 1, "student": "s", "exam": "practice", "gold": item.gold, "sample": sample}
            facts |= {"question": item.question, "skill": item.skill, "split_key": item.split_key}
            answer = item.gold if right else "0"
            store.add(
                Attempt.new(**facts, reply=f"So.\n#### {answer}", answer=answer, right=right, finished=sample < 2)
            )
        gather(work, Plan.new(run=run, round=2))
    seeds = {seed.fields["sample"]: seed for seed in store.seeds(run, ATTEMPTS, 2)}
    assert {n: seed.fields["right"] for n, seed in seeds.items()} == {0: "yes", 1: "no", 2: "no"}
    assert seeds[1].fields["reply_fields"] == {"rationale": "So.", "answer": "0"}
    assert seeds[2].fields["student_reply"] == "So.\n#### 0"
    assert seeds[2].fields["reply_fields"] == {}, "a reply that was cut is none of the form"
    assert {seed.kind for seed in seeds.values()} == {"attempt"}
    assert {(seed.skill, seed.split_key) for seed in seeds.values()} == {(item.skill, item.split_key)}
    assert all(seed.fields["gold"] == item.gold and seed.fields["question"] == item.question for seed in seeds.values())


@pytest.mark.parametrize(
    "facts",
    [{"skill": CANARY}, {"split_key": "guarded"}, {"round": 2}, {"exam": "probe"}],
    ids=["a canary", "an exam item", "another round's", "an exam that is no practice"],
)
async def test_what_is_no_lesson_never_gets_in(loop: Loop, store: Store, facts: dict[str, Any]) -> None:
    if facts.get("split_key"):
        async with loop.opened(loop.recipe(*READS_ATTEMPTS), store) as work:
            facts = {"split_key": min(work.guarded)}
    run = await attempted(loop, store, *READS_ATTEMPTS, **facts)
    assert not store.seeds(run, ATTEMPTS)


async def test_nothing_is_gathered_that_no_step_reads(loop: Loop, store: Store) -> None:
    assert not store.seeds(await attempted(loop, store), ATTEMPTS)


async def test_attempts_come_of_the_loop_and_canaries_stay_out(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(*READS_ATTEMPTS), store)
    attempts = [a for a in store.attempts_of(run, ["practice"]) if a.round == 1]
    assert any(attempt.skill == CANARY for attempt in attempts)
    seeds = store.seeds(run, ATTEMPTS)
    assert {seed.round for seed in seeds} == {2}
    assert {seed.origin for seed in seeds} == {attempt.key for attempt in attempts if attempt.skill != CANARY}


def test_attempts_need_practice_and_a_round_before(loop: Loop) -> None:
    with pytest.raises(
        RecipeError, match=r"a step reads `attempts`, but no exam is practice; add one with `part: train`"
    ):
        loop.recipe(READS_ATTEMPTS[1])
    with pytest.raises(RecipeError, match=r"a step reads `attempts`, but with one round there are none"):
        loop.recipe(*READS_ATTEMPTS, "stop.rounds=1")
