"""The whole loop, without torch, Prefect or a server: what a run must hold to, whatever happens to it on the way."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.kinds import SourceError
from agents.rehearsal.teacher import Refusal
from orchestrator import rules
from orchestrator.clauses import FAILURES
from orchestrator.cycle import run_directly
from orchestrator.datasets import NoLessons
from orchestrator.gathering import gather
from orchestrator.handover import hand_over
from orchestrator.production import SPLIT_GUARD, batches, perform
from orchestrator.recipe import SHIPPED, RecipeError
from orchestrator.summary import summarise
from storage.lineage import Lineage
from storage.records import Attempt, Draft, Failure, Outcome, Plan, Run, Student
from storage.store import Store
from tests.conftest import Loop

# --- a run that nothing disturbs ------------------------------------------------------------------------------------


async def test_two_rounds_teach_the_student_what_it_is_examined_on(loop: Loop, store: Store) -> None:
    key, plan = await loop.teach(loop.recipe(), store)
    summary = summarise(store, Run.model_validate(store.run(key)))
    assert summary.accuracy["before"] == 0
    assert (summary.accuracy["after"] or 0) > 0.7
    assert (summary.rounds, plan.stop, summary.ended) == (2, True, "all 2 rounds are done")
    assert store.verify() == []


async def test_a_second_run_of_the_same_recipe_asks_and_trains_nothing(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    before, sent, done = store.fingerprint(key), len(loop.sent), len(loop.worker.done)
    assert loop.worker.trainings() == 2
    again, plan = await loop.teach(loop.recipe(), store)
    assert (again, len(loop.sent), len(loop.worker.done)) == (key, sent, done)
    assert store.fingerprint(key) == before
    assert plan.stop


async def test_no_request_is_sent_twice(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    assert len(set(loop.sent)) == len(loop.sent) == store.spending(key).calls


async def test_later_seeds_come_from_the_failures_of_the_round_before(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    plan = store.plans(key)[1]
    failed = store.by_key(Failure, plan.targets)
    students = {s.key for s in store.students(key) if s.round == 1}
    seeds = store.seeds(key, FAILURES, 2)
    assert seeds
    assert {seed.origin for seed in seeds} == {failure.attempt for failure in failed.values()}
    attempts = store.by_key(Attempt, [seed.origin for seed in seeds])
    assert all(a.student in students and a.exam == "probe" and not a.right for a in attempts.values())
    assert {s.skill for s in store.seeds(key, "tasks", 2)} <= set(plan.quotas)
    assert len(store.seeds(key, "tasks", 2)) == sum(plan.quotas.values()) == 10


async def test_no_seed_of_a_source_is_drawn_twice(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    origins = [seed.origin for name in ("tasks", "basics") for seed in store.seeds(key, name)]
    assert len(set(origins)) == len(origins)


async def test_a_question_that_is_another_sources_exam_item_is_no_seed(
    loop: Loop, store: Store, tmp_path: Path
) -> None:
    lines = [json.dumps({"question": f"What is {i} plus 1?", "answer": str(i + 1)}) for i in range(60)]
    (tmp_path / "own.jsonl").write_text("\n".join(lines))
    own = {"use": "questions", "path": str(tmp_path / "own.jsonl")}
    edits = [f"sources.tasks={json.dumps(own)}", f"sources.basics={json.dumps({**own, 'probe': 0.01, 'test': 0.1})}"]
    recipe = loop.recipe(*edits, "seeds.basics=60", small=())
    async with loop.opened(recipe, store) as work:
        gather(work, Plan.new(run=work.run.key, round=1))
        drawn = {seed.split_key for seed in store.seeds(work.run.key, "basics", 1)}
        shared = {m.split_key for m in recipe.sources["basics"].materials("train", "", 0)}
    assert shared & work.guarded
    assert drawn == shared - work.guarded


async def test_a_batch_reads_its_own_materials_and_not_the_round(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loop.opened(loop.recipe(), store) as work:
        plan = Plan.new(run=work.run.key, round=1)
        gather(work, plan)
        for step in work.recipe.lessons[:2]:
            (keys,) = batches(work, plan, step)
            with monkeypatch.context() as patch:
                for verb in ("seeds", "drafts", "verdicts"):
                    patch.delattr(Lineage, verb)
                await perform(work, plan, step, keys[:3])
        assert len(store.drafts(work.run.key, "solve")) == 3
        assert len(store.verdicts(work.run.key, "right_answer")) == 3


async def test_what_earlier_rounds_drew_is_read_once(loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, int]] = []
    async with loop.opened(loop.recipe(), store) as work:
        monkeypatch.setattr(
            Lineage, "seed_origins", lambda self, run, name, before: read.append((name, before)) or set()
        )
        gather(work, Plan.new(run=work.run.key, round=3))
    assert sorted(read) == [("basics", 3), ("tasks", 3)]


async def test_no_lesson_is_about_an_exam_item(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("lessons.practise.samples=6", "exams.probe.per_skill=12", "exams.test.per_skill=12")
    async with loop.opened(recipe, store) as work:
        guarded = work.guarded
    key, _ = await loop.teach(recipe, store)
    keys = [row.draft for dataset in store.datasets(key) for row in store.dataset_rows(dataset.key)]
    lessons = store.by_key(Draft, keys)
    assert len(guarded) > 50
    assert lessons
    assert not [draft for draft in lessons.values() if draft.split_key in guarded]


async def test_a_copy_of_an_exam_question_is_stopped_and_said_so(loop: Loop, store: Store) -> None:
    def copy(role: str, reply: str | Refusal) -> str | Refusal:
        found = json.loads(reply) if isinstance(reply, str) and reply.startswith('{"question"') else None
        return reply if found is None else json.dumps({"question": probed[0]})

    async with loop.opened(loop.recipe(), store) as work:
        probed = [item.question for item in work.recipe.exams["probe"].items(work.recipe.sources["tasks"],
                  work.recipe.datasets["lessons"].format, 0)]  # fmt: skip
    loop.tampering = copy
    key, _ = await loop.teach(loop.recipe(), store)
    stopped = {y.judge: y.count for y in store.yields(key) if y.reason == "belongs to an exam"}
    assert stopped == {SPLIT_GUARD: 4}
    assert not store.drafts(key, "solve_new")


async def test_the_guard_knows_the_exam_items_of_every_source(loop: Loop, store: Store, tmp_path: Path) -> None:
    """The failed questions come from a file, the exam items from the world: each has keys of its own kind."""
    lines = [{"question": f"What is {a} plus {b}?", "answer": str(a + b)} for a in range(9) for b in range(5)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = loop.recipe()
    data = recipe.resolved()
    data["sources"] = {"a_file": {"use": "questions", "path": str(tmp_path / "own.jsonl")}, **data["sources"]}
    data["lessons"][0]["from"].append("a_file")
    data["seeds"]["a_file"] = 4
    (tmp_path / "mixed.yaml").write_text(yaml.safe_dump(data))

    def copy(role: str, reply: str | Refusal) -> str | Refusal:
        is_question = isinstance(reply, str) and reply.startswith('{"question"')
        return json.dumps({"question": probed}) if is_question else reply

    mixed = loop.recipe(place=tmp_path / "mixed.yaml", small=())
    probed = next(iter(mixed.sources["tasks"].materials("probe", "trip", mixed.seed))).fields["question"]
    loop.tampering = copy
    key, _ = await loop.teach(mixed, store)
    assert store.drafts(key, "practise")
    assert not store.drafts(key, "solve_new")


async def test_the_test_is_read_only_after_the_last_plan(loop: Loop, store: Store) -> None:
    seen: list[tuple[str, bool]] = []

    async def watching(name: str, stage: Any, *arguments: Any) -> Any:
        work = arguments[0]
        cards = {card.exam for card in store.scorecards(work.run.key)}
        seen.append((name, bool(cards & {"test", "retention"})))
        return await run_directly(name, stage, *arguments)

    await loop.teach(loop.recipe(), store, stage=watching)
    assert seen[-1] == ("final examination", False)
    assert not any(read for _, read in seen)
    asked = [job["questions"] for job in loop.worker.done if job["kind"] == "answer"]
    assert ["test" in Path(place).parent.name for place in asked] == [False, False, False, True, True]


async def test_failures_of_a_test_steer_nothing(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    attempts = store.by_key(Attempt, [failure.attempt for failure in store.failures(key)])
    assert {attempt.exam for attempt in attempts.values()} == {"probe"}


async def test_a_later_round_goes_on_from_the_student_before(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    base, first, second = store.students(key)
    assert (base.adapter, first.parent, second.parent) == ("", "", first.key)
    jobs = [job for job in loop.worker.done if job["kind"] == "train"]
    assert [job["adapter"] is None for job in jobs] == [True, False]
    assert jobs[1]["adapter"].endswith(first.adapter)


async def test_from_the_base_every_round_starts_afresh(loop: Loop, store: Store) -> None:
    await loop.teach(loop.recipe("training.student.init=base"), store)
    assert [job["adapter"] for job in loop.worker.done if job["kind"] == "train"] == [None, None]


async def test_what_is_handed_over_is_the_best_students_adapter(loop: Loop, store: Store, tmp_path: Path) -> None:
    async with loop.opened(loop.recipe(), store) as work:
        folder = work.folder
    key, _ = await loop.teach(loop.recipe(), store)
    run = store.run(key)
    assert run
    written = hand_over(store, run, folder, tmp_path / "out")
    assert len([name for name in written if name.startswith("dataset ")]) == 2
    assert written["gate"] in (tmp_path / "out" / "adapter" / "README.md").read_text()
    best = store.students(key)[-1]
    assert json.loads((tmp_path / "out" / "adapter" / "student.json").read_text())["key"] == best.key
    assert (tmp_path / "out" / "adapter" / "memory.json").is_file()


async def test_what_happens_is_told_while_it_happens(loop: Loop, store: Store) -> None:
    told: list[str] = []
    await loop.teach(loop.recipe(), store, tell=lambda event, facts: told.append(event))
    assert {"gathered", "batch", "frozen", "training", "examining", "examined", "planned"} <= set(told)


# --- replies that cannot be read ------------------------------------------------------------------------------------


async def test_a_verdict_that_cannot_be_read_is_no_score_and_lets_nothing_through(loop: Loop, store: Store) -> None:
    loop.tampering = lambda role, reply: "mumble" if role == "referee" else reply
    with pytest.raises(NoLessons, match=r"dataset 'lessons' is empty in round 1: .*referee: \d+ unreadable"):
        await loop.teach(loop.recipe(), store)
    (run,) = store.runs()
    verdicts = store.verdicts(run.key, "referee").values()
    assert verdicts
    assert {(v.outcome, v.score) for v in verdicts} == {(Outcome.UNREADABLE, None)}
    assert all(v.reason and v.call for v in verdicts)
    assert summarise(store, run).unreadable >= len(verdicts)


async def test_a_refusing_teacher_leaves_no_lessons_and_the_causes_are_named(loop: Loop, store: Store) -> None:
    loop.tampering = lambda role, reply: Refusal("I'd rather not")
    with pytest.raises(NoLessons, match="no draft was written"):
        await loop.teach(loop.recipe(), store)


async def test_rejected_lessons_are_counted_by_cause(loop: Loop, store: Store) -> None:
    loop.tampering = lambda role, reply: json.dumps({"rationale": "so", "answer": "no idea"})
    with pytest.raises(NoLessons, match=r"right_answer: \d+ rejected, wrong answer"):
        await loop.teach(loop.recipe(), store)


async def test_one_reply_in_ten_that_is_nonsense_does_not_stop_a_run(loop: Loop, store: Store) -> None:
    loop.model = "rehearsal-teacher?malformed_rate=.3&refusal_rate=.1"
    key, plan = await loop.teach(loop.recipe("seeds.tasks=60"), store)
    assert plan.stop
    outcomes = store.call_outcomes(key)
    assert outcomes["unreadable"]
    assert outcomes["refused"]


# --- recipes and sources that cannot work ---------------------------------------------------------------------------


async def test_lessons_on_the_failures_themselves_are_refused_even_where_the_rule_missed_them(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_check_failures", lambda recipe: None)
    recipe = loop.recipe("lessons.solve.from=[tasks, basics, failures]", "lessons.right_answer.from=solutions")
    with pytest.raises(RecipeError, match=r"would hold \d+ lessons on exam items.*generator that writes new items"):
        await loop.teach(recipe, store)
    (run,) = store.runs()
    assert {dataset.round for dataset in store.datasets(run.key)} == {1}


async def test_a_judge_whose_drafts_lack_the_gold_is_told_apart_from_a_bug(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("lessons.right_answer.from=[solutions, new_solutions]", *_last_to_first("right_answer"))
    with pytest.raises(RecipeError, match=r"step 'right_answer': answer_match compares with `gold`.*majority_vote"):
        await loop.teach(recipe, store)


def _last_to_first(step: str) -> list[str]:
    """The edit that moves a step of the demo behind the step that writes new solutions."""
    steps = yaml.safe_load((SHIPPED / "demo.yaml").read_text())["lessons"]
    moved = next(each for each in steps if each["step"] == step)
    at = [each["step"] for each in steps].index("solve_new")
    order = [*(s for s in steps[: at + 1] if s is not moved), moved, *steps[at + 1 :]]
    order[order.index(moved)] = {**moved, "from": ["solutions", "new_solutions"]}
    for each in order:
        if each["step"] == "practise":
            each["samples"] = 1
    return [f"lessons={json.dumps(order)}"]


async def test_a_dataset_of_drafts_that_the_format_cannot_read_is_refused(loop: Loop, store: Store) -> None:
    recipe = loop.recipe("datasets.lessons.from=[lessons, new_questions]")
    with pytest.raises(RecipeError, match=r"format rationale_then_answer reads 'rationale', but drafts of step"):
        await loop.teach(recipe, store)


def _own_questions(loop: Loop, tmp_path: Path, count: int) -> Any:
    lines = [json.dumps({"question": f"What is {i} plus 1?", "answer": str(i + 1)}) for i in range(count)]
    (tmp_path / "own.jsonl").write_text("\n".join(lines))
    source = json.dumps({"use": "questions", "path": str(tmp_path / "own.jsonl")})
    return loop.recipe(f"sources.tasks={source}", small=())


async def test_an_empty_source_is_said_before_anything_is_asked(loop: Loop, store: Store, tmp_path: Path) -> None:
    recipe = _own_questions(loop, tmp_path, 0)
    with pytest.raises(SourceError, match=r"own.jsonl holds no questions"):
        await loop.teach(recipe, store)
    assert not loop.sent


async def test_an_exam_without_questions_is_said_before_anything_is_asked(
    loop: Loop, store: Store, tmp_path: Path
) -> None:
    recipe = _own_questions(loop, tmp_path, 1)
    with pytest.raises(SourceError, match=r"exam 'probe' has no questions: source 'tasks' gives none for its part"):
        await loop.teach(recipe, store)
    assert not loop.sent


async def test_a_source_that_runs_dry_gives_what_it_has(loop: Loop, store: Store, tmp_path: Path) -> None:
    recipe = _own_questions(loop, tmp_path, 60)
    async with loop.opened(recipe, store) as work:
        plan = Plan.new(run=work.run.key, round=1)
        gather(work, plan)
        here = len(store.seeds(work.run.key, "tasks", 1))
    assert 20 < here < 60


async def test_the_best_student_is_the_probes_choice_even_if_it_is_the_base(loop: Loop, store: Store) -> None:
    loop.worker.enough = 10_000
    key, _ = await loop.teach(loop.recipe(), store)
    tested = [card for card in store.scorecards(key) if card.exam == "test"]
    best = store.by_key(Student, [card.student for card in tested])
    assert {student.round for student in best.values()} == {0, 2}
