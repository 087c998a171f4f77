"""System 2 to System 1, HARD and frontier distillation: what samples agree on, what is disputed, what is made up."""

import pytest

from agents.answers import final_answer, same_answer
from agents.kinds import UnfitDraft
from agents.rehearsal.faults import known
from agents.selections.self_consistent import SelfConsistent
from agents.verifiers.disagreement import Disagreement
from orchestrator.recipe import RecipeError
from storage.records import Draft, Outcome
from storage.store import Store
from tests.conftest import Loop
from tests.contracts.whole import a_draft

SMALL = (
    "sources.basics.choose=[add, copy]",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
)


def lessons(store: Store, run: str, number: int = 1) -> list[tuple[Draft, str]]:
    """The draft of each row of a round's dataset, and what the student is to write."""
    (dataset,) = (each for each in store.datasets(run) if each.round == number)
    found = list(store.dataset_rows(dataset.key))
    drafts = store.by_key(Draft, [row.draft for row in found])
    return [(drafts[row.draft], row.content["completion"][0]["content"]) for row in found]


def wrong(drafts: list[Draft]) -> float:
    return sum(not same_answer(draft.fields["answer"], draft.fields["gold"]) for draft in drafts) / len(drafts)


# --- Distilling System 2 into System 1 ------------------------------------------------------------------------------

SYSTEM = (*SMALL, "sources.tasks.choose=[product, switch]", "seeds={tasks: 40, basics: 4}")


async def test_bare_answers_are_taught_on_which_samples_agree(loop: Loop, store: Store) -> None:
    errs = "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.2"
    run, _ = await loop.teach(loop.recipe(errs, place="system-2-to-system-1", small=SYSTEM), store)
    taught = [(draft, written) for draft, written in lessons(store, run) if draft.step == "solve"]
    assert len({draft.fields["question"] for draft, _ in taught}) == len(taught) > 20
    assert all(written == f"#### {draft.fields['answer']}" for draft, written in taught)
    assert all("\n#### " in written for draft, written in lessons(store, run) if draft.step == "replay")
    assert wrong([draft for draft, _ in taught]) < wrong(store.drafts(run, "solve")) / 2


async def test_a_teacher_that_agrees_with_itself_too_seldom_is_refused(loop: Loop, store: Store) -> None:
    edits = ("roles.teacher.rehearsal=rehearsal-weak", "lessons.agree.select.share=1")
    with pytest.raises(RecipeError, match=r"step 'agree': the samples agree on \d+ of \d+ questions, .* 50%"):
        await loop.teach(loop.recipe(*edits, place="system-2-to-system-1", small=SYSTEM), store)
    assert loop.worker.trainings() == 0


def test_it_is_refused_below_the_share_and_not_at_it() -> None:
    drafts = [a_draft(i, question=f"{i // 2}?", answer=str(i if i < 4 else 0)) for i in range(8)]

    def chosen(least: float) -> list[Outcome]:
        vote = SelfConsistent(use="self_consistent", share=1, at_least=2, least=least)
        return [judgement.outcome for judgement in vote.choose(drafts, [])]

    assert chosen(0.5).count(Outcome.ACCEPTED) == 2
    with pytest.raises(UnfitDraft, match="agree on 2 of 4 questions, and `least` asks for 51%"):
        chosen(0.51)


# --- HARD -----------------------------------------------------------------------------------------------------------

HARD = (
    *SMALL,
    "sources.tasks.choose=[trip, change]",
    "seeds={tasks: 12, basics: 4}",
    "exams.practice.per_skill=8",
    "feedback.seeds=4",
)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("so 8\n#### 8", "accepted"), ("#### 7", "rejected"), ("#### 7.0", "rejected"), ("I cannot tell", "accepted")],
)
def test_what_the_student_says_otherwise_or_not_at_all_is_disputed(said: str, outcome: str) -> None:
    judge = Disagreement(use="disagreement")
    assert judge.judge(a_draft(answer="7", gold="9", student_reply=said)).outcome == outcome


def test_a_draft_without_a_student_s_reply_is_refused() -> None:
    draft = Draft.new(run="r", round=1, step="s", kind="k", fields={"answer": "7"}, split_key="k", producer="p@1")
    with pytest.raises(UnfitDraft, match="read `attempts`"):
        Disagreement(use="disagreement").judge(draft)


async def test_new_problems_are_written_of_the_kind_that_is_disputed_alone(loop: Loop, store: Store) -> None:
    loop.worker.enough = 5  # of one skill it has seen enough
    run, _ = await loop.teach(loop.recipe("seeds.tasks={trip: 12, change: 2}", place="hard", small=HARD), store)
    verdicts = store.judged(run, "differ", 2)
    drafts = store.by_key(Draft, list(verdicts))
    for key, outcome in verdicts.items():
        said = final_answer(drafts[key].fields["student_reply"])
        agree = said is not None and same_answer(said, drafts[key].fields["answer"])
        assert outcome == (Outcome.REJECTED if agree else Outcome.ACCEPTED)
    assert {Outcome.REJECTED, Outcome.ACCEPTED} == set(verdicts.values())
    augmented = store.drafts(run, "augment", 2)
    disputed = {key for key, outcome in verdicts.items() if outcome == Outcome.ACCEPTED}
    assert {draft.parents[0] for draft in augmented} <= disputed
    new = [draft for draft, _ in lessons(store, run, 2) if draft.step == "solve_new"]
    assert new
    assert {draft.fields["question"] for draft in new} - {draft.fields["question"] for draft in drafts.values()}


# --- distillation from frontier models ------------------------------------------------------------------------------

FRONTIER = (
    *SMALL,
    "sources.tasks.choose=[change, founder_city]",
    "seeds={tasks: 80, basics: 4}",
    "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.3",  # the court wants wrong solutions too
    "exams.test_graded.per_skill=2",
)


async def frontier(loop: Loop, store: Store, *edits: str) -> tuple[str, list[tuple[Draft, str]]]:
    run, _ = await loop.teach(loop.recipe(*edits, place="frontier-kd", small=FRONTIER), store)
    return run, lessons(store, run)


async def test_real_questions_and_made_up_ones_are_one_dataset(loop: Loop, store: Store) -> None:
    run, found = await frontier(loop, store)
    real = {draft.fields["question"] for draft, _ in found if draft.step == "solve"}
    made_up = {draft.fields["question"] for draft, _ in found if draft.step == "solve_imagined"}
    assert real
    assert made_up
    assert not real & made_up
    assert all(known(question) for question in made_up)
    guarded = {attempt.split_key for attempt in store.attempts_of(run, ["probe", "test"])}
    assert not guarded & {draft.split_key for draft, _ in found}


async def test_the_test_is_graded_by_the_known_answer_and_by_a_model(loop: Loop, store: Store) -> None:
    run, _ = await frontier(loop, store)
    cards = {card.exam for card in store.scorecards(run)}
    assert {"test", "test_graded"} <= cards
    assert store.hearings(run)


async def test_bare_answers_instead_of_chains(loop: Loop, store: Store) -> None:
    tasks = "datasets.lessons.format.tasks=[{task: solve, reply: '#### {answer}'}, {task: basics}]"
    _, found = await frontier(loop, store, tasks)
    assert all(written.startswith("#### ") for draft, written in found if draft.fields["task"] == "solve")
