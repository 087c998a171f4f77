"""MetaLadder and SERT: what a student wrote in practice teaches it, after what it is held to."""

from itertools import count
from typing import Any

from agents.arithmetic_steps import wrong_steps
from agents.rehearsal.faults import known
from storage.records import Draft, Outcome, Student
from storage.store import Store
from tests.conftest import Loop, StandInWorker

SMALL = (
    "sources.basics.choose=[add, copy]",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
    "exams.practice.per_skill=6",
    "exams.practice.samples=2",
)


class Trying(StandInWorker):
    """Every third of its replies is right, every third calculates wrongly, every third has no form."""

    form = "{rationale}\n#### {answer}"

    def __init__(self) -> None:
        super().__init__()
        self._asked = count()

    def _reply(self, question: str, memory: dict[str, int]) -> dict[str, Any]:
        reply, item = super()._reply(question, {}), known(question)
        turn = next(self._asked) % 3
        if item is None or not memory or turn == 2:
            return {**reply, "reply": "I cannot tell"}
        rationale = item.truth.rationale if turn == 0 else "12+5: 2 and 5 make 7, so 12+5 = 19"
        answer = item.truth.answer if turn == 0 else "19"
        return {**reply, "reply": self.form.format(rationale=rationale, answer=answer)}


def lessons(store: Store, run: str, number: int, name: str = "lessons") -> list[tuple[Draft, str]]:
    """The draft of each row of a round's dataset, and what the student is to write."""
    (dataset,) = (each for each in store.datasets(run) if (each.round, each.name) == (number, name))
    found = list(store.dataset_rows(dataset.key))
    drafts = store.by_key(Draft, [row.draft for row in found])
    return [(drafts[row.draft], row.content["completion"][0]["content"]) for row in found]


# --- MetaLadder -----------------------------------------------------------------------------------------------------

LADDER = (*SMALL, "sources.tasks.choose=[lead, film]", "seeds={tasks: 16, basics: 4}")


class Climbing(Trying):
    form = "A problem like it.\nIts solution: 3.\nThe problem again.\n{rationale}\n#### {answer}"


async def test_a_lesson_is_an_analogy_its_solution_the_problem_again_and_then_its_own_solution(
    loop: Loop, store: Store
) -> None:
    run, _ = await loop.teach(loop.recipe(place="metaladder", small=LADDER), store)
    climbed = [row for row in lessons(store, run, 1) if row[0].fields["task"] == "climb"]
    assert len(climbed) >= 10
    for draft, written in climbed:
        lines = written.splitlines()
        item, like = known(draft.fields["question"]), known(lines[0])
        assert item
        assert like
        assert item.skill.name == like.skill.name
        assert like.question != item.question
        assert lines[2].split("?")[0] in draft.fields["question"]
        assert lines[3:] == [*draft.fields["rationale"].splitlines(), f"#### {draft.fields['gold']}"]


async def test_no_analogy_that_is_taught_is_a_question_of_an_exam(loop: Loop, store: Store) -> None:
    edits = ("sources.tasks.choose=[film]", "exams.probe.per_skill=40", "exams.test.per_skill=40", "seeds.tasks=60")
    run, _ = await loop.teach(loop.recipe(*edits, place="metaladder", small=LADDER), store)
    asked = {attempt.question for attempt in store.attempts_of(run, ["probe", "test"])}
    recalled = {draft.fields["analogous_problem"] for draft in store.drafts(run, "recall")}
    assert recalled & asked
    assert not asked & {written.splitlines()[0] for _, written in lessons(store, run, 1)}


async def test_what_the_student_climbs_rightly_is_a_lesson_of_the_next_round(loop: Loop, store: Store) -> None:
    loop.worker = Climbing()
    run, _ = await loop.teach(loop.recipe(place="metaladder", small=LADDER), store)
    own = [(draft, written) for draft, written in lessons(store, run, 2) if draft.step == "own"]
    assert own
    for draft, written in own:
        assert draft.fields["answer"] == draft.fields["gold"]
        assert written.startswith("A problem like it.\nIts solution: 3.\nThe problem again.\n")
    dropped = [v for v in store.verdicts(run, "own_right").values() if v.outcome == Outcome.REJECTED]
    assert dropped


# --- SERT -----------------------------------------------------------------------------------------------------------

SERT = (*SMALL, "sources.tasks.choose=[lead, film]", "seeds={basics: 8}", "lessons.likely.judge.share=1")


async def sert(loop: Loop, store: Store, *edits: str) -> tuple[str, dict[tuple[int, str], Student]]:
    loop.worker = Trying()
    run, _ = await loop.teach(loop.recipe(*edits, place="sert", small=SERT), store)
    return run, {(student.round, student.job): student for student in store.students(run)}


async def test_who_is_sampled_has_been_taught_nothing_of_the_task(loop: Loop, store: Store) -> None:
    run, _ = await sert(loop, store)
    assert {draft.skill for name in ("latent", "lessons") for draft, _ in lessons(store, run, 1, name)} == {
        "add",
        "copy",
    }


async def test_its_own_samples_are_kept_by_rule_and_teach_before_the_teacher_does(loop: Loop, store: Store) -> None:
    run, students = await sert(loop, store)
    latent = [draft for draft, _ in lessons(store, run, 2, "latent") if draft.step == "own"]
    assert latent
    assert not any(wrong_steps(draft.fields["rationale"]) for draft in latent)
    assert any(v.outcome == Outcome.REJECTED for v in store.verdicts(run, "holds").values())
    assert {draft.step for draft, _ in lessons(store, run, 2)} == {"solve", "replay"}
    assert students[2, "self_train"].parent == ""
    assert students[2, "distil"].parent == students[2, "self_train"].key


async def test_distillation_alone_leaves_its_samples_out(loop: Loop, store: Store) -> None:
    run, _ = await sert(loop, store, "datasets.latent.from=replay")
    assert not [draft for draft, _ in lessons(store, run, 2, "latent") if draft.step == "own"]
    assert any(draft.step == "solve" for draft, _ in lessons(store, run, 2))
