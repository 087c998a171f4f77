"""Seeds: by skill as the recipe says, by quota as the plan says, and what feedback chose in the stream it belongs to."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.clauses import BRIEFS, FAILURES, MISTAKES
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
