"""A step that asks a student how likely texts are: who is asked, what is kept of it, and what a second run asks again."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator import gathering, production
from orchestrator.datasets import NoLessons
from orchestrator.machine import Machine, ModelEntry
from orchestrator.planning import current_plan
from orchestrator.production import batches, perform
from orchestrator.recipe import RecipeError
from orchestrator.tapes import record, replay
from storage.records import Draft, Outcome, Run
from storage.store import Store
from tests.conftest import Loop

RECIPE = """
name: weighed
about: Solutions, of which the less likely half is learned.
roles: {teacher: {about: writes solutions}}
students: {student: {base: embedded}}
sources: {tasks: {use: rehearsal_world, choose: [change, trip]}}
seeds: {tasks: 24}
lessons:
  - {step: solve, generate: write_solution, role: teacher, from: tasks, to: solutions}
  - {step: rare, judge: {use: likelihood_rank, share: 0.5, text: "{rationale}"}, student: pupil, from: solutions, to: lessons,
     rejected_to: common}
datasets: {lessons: {from: lessons, format: rationale_then_answer}}
training: [{job: pupil, dataset: lessons, objective: sft}]
exams: {probe: {use: final_answer, source: tasks, part: probe, per_skill: 2}}
retention: false
stop: {rounds: 2}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "weighed.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def weighings(loop: Loop) -> list[dict[str, Any]]:
    return [job for job in loop.worker.done if Path(job["folder"]).name.startswith("weigh-")]


async def test_the_base_weighs_in_the_first_round_and_the_newest_student_in_the_next(
    loop: Loop, store: Store, place: Path
) -> None:
    run, _ = await loop.teach(loop.recipe(place=place, small=()), store)
    students = {(student.round, student.job): student.key for student in store.students(run)}
    first, second = weighings(loop)
    assert (first["student"], first["adapter"]) == (students[0, "pupil"], None)
    assert second["student"] == students[1, "pupil"]
    assert Path(second["adapter"]).parts[-3:] == ("round-1", "pupil", "adapter")
    assert [Path(job["folder"]).parts[-2:] for job in (first, second)] == [(f"round-{n}", "weigh-rare") for n in (1, 2)]
    spent = store.spending_by_stage(run)
    assert spent[1, "weigh"].seconds == spent[2, "weigh"].seconds == 1.5
    assert spent[1, "weigh"].calls == 0


async def test_the_less_likely_half_goes_on_and_the_other_is_rejected_with_its_rank(
    loop: Loop, store: Store, place: Path
) -> None:
    run, _ = await loop.teach(loop.recipe(place=place, small=()), store)
    verdicts = store.verdicts(run, "rare", 1)
    drafts = store.by_key(Draft, list(verdicts))
    assert verdicts.keys() == {draft.key for draft in store.drafts(run, "solve", 1)}
    words = {key: draft.fields["rationale"].split() for key, draft in drafts.items()}
    expected = {key: -0.5 * len("".join(own)) / len(own) for key, own in words.items()}
    assert {key: verdict.score for key, verdict in verdicts.items()} == pytest.approx(expected)
    kept = [v.score or 0 for v in verdicts.values() if v.outcome == Outcome.ACCEPTED]
    dropped = [v.score or 0 for v in verdicts.values() if v.outcome == Outcome.REJECTED]
    assert len(kept) == (len(verdicts) + 1) // 2
    assert max(kept) <= min(dropped)
    assert {v.evidence["of"] for v in verdicts.values()} == {len(verdicts)}


async def test_a_step_that_has_weighed_is_done_and_one_that_was_interrupted_does_not_ask_again(
    loop: Loop, store: Store, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loop.opened(loop.recipe(place=place, small=()), store) as work:
        plan = current_plan(work)
        gathering.gather(work, plan)
        solve, rare = work.recipe.lessons
        for keys in batches(work, plan, solve):
            await perform(work, plan, solve, keys)
        [keys] = batches(work, plan, rare)
        with monkeypatch.context() as patch:
            patch.setattr(production, "_commit", _killed)
            with pytest.raises(KeyboardInterrupt):
                await perform(work, plan, rare, keys)
        assert store.verdicts(work.run.key, "rare") == {}
        assert batches(work, plan, rare) == [keys]
        done = await perform(work, plan, rare, keys)
        assert done.accepted + done.rejected == len(keys)
        assert batches(work, plan, rare) == []
    assert len(weighings(loop)) == 1


def _killed(*_: Any) -> Any:
    raise KeyboardInterrupt


async def test_a_blank_text_is_rejected_unweighed(loop: Loop, store: Store, place: Path) -> None:
    edit = "lessons.rare.judge.text='{nothing}'"
    blank = "lessons.solve.adds={nothing: ' '}"
    with pytest.raises(NoLessons):
        await loop.teach(loop.recipe(edit, blank, place=place, small=()), store)
    [run] = store.runs()
    assert {verdict.reason for verdict in store.verdicts(run.key, "rare", 1).values()} == {"has no text to weigh"}
    assert weighings(loop) == []


async def test_a_field_that_drafts_lack_is_named(loop: Loop, store: Store, place: Path) -> None:
    recipe = loop.recipe("lessons.rare.judge.text='{nothing}'", place=place, small=())
    with pytest.raises(RecipeError, match=r"step 'rare': likelihood_rank reads .*nothing"):
        await loop.teach(recipe, store)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("lessons.rare.student=pupul", "'pupul', which is not a job of `training:`. Did you mean 'pupil'"),
        ("lessons.rare.judge=answer_match", "no weigher is named 'answer_match'"),
    ],
)
def test_a_step_that_weighs_names_a_job_and_a_weigher(loop: Loop, place: Path, edit: str, said: str) -> None:
    with pytest.raises(RecipeError) as error:
        loop.recipe(edit, place=place, small=())
    assert said in str(error.value)


def test_a_weigher_without_a_student_is_told_to_name_one(loop: Loop, tmp_path: Path) -> None:
    data = yaml.safe_load(RECIPE)
    del data["lessons"][1]["student"]
    path = tmp_path / "nobody.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"student: is missing"):
        loop.recipe(place=path, small=())


async def test_a_tape_holds_what_students_found_likely_and_is_replayed_without_them(
    loop: Loop, store: Store, place: Path, tmp_path: Path
) -> None:
    key, _ = await loop.teach(loop.recipe(place=place, small=()), store)
    done = len(loop.worker.done)
    run = store.run(key)
    assert isinstance(run, Run)
    taped = await record(store, run, Machine(default=ModelEntry(max_tokens=200)), tmp_path / "run.tape.gz")
    replayed = await replay(taped.path)
    assert replayed.same
    assert len(replayed.datasets) == 2
    assert len(loop.worker.done) == done
