"""The recipes of programs and equations, each taught whole to a student that writes what it was shown."""

from collections import Counter
from typing import Any

import pytest

from agents.answers import same_answer
from agents.equations import solve
from agents.rehearsal.faults import known
from agents.sandbox import run_programs, said
from orchestrator.cycle import run_directly
from orchestrator.machine import MachineError
from storage.records import Draft
from storage.store import Store
from tests.conftest import Loop, StandInWorker
from tests.contracts.isolated import needs_isolation

SMALL = (
    "sources.tasks.choose=[lead, trip]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 14, basics: 2}",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
)


class Programmer(StandInWorker):
    """It writes a program that runs of `trip`, one that does not of `lead`, and words and equations that are right."""

    def _reply(self, question: str, memory: dict[str, int]) -> dict[str, Any]:
        form, colon, bare = question.partition(": ")
        item = known(bare if colon else question) or known(question)
        reply = super()._reply(item.question if item else question, memory)
        if form == "ErrorCode":
            return {**reply, "reply": "def solution():\n    return 1"}
        if item and form == "Program":
            runs = item.skill.name == "trip"
            return {**reply, "reply": f"def solution():\n    return {item.truth.answer if runs else 'x'}"}
        if item and form == "Equations":
            return {**reply, "reply": f"a = {item.truth.answer}\nfind a"}
        return reply


@pytest.fixture
def programming(loop: Loop) -> Loop:
    loop.worker = Programmer(enough=0)
    return loop


def lessons(store: Store, run: str) -> list[tuple[Draft, dict[str, Any]]]:
    rows = [row for d in store.datasets(run) for row in store.dataset_rows(d.key)]
    drafts = store.by_key(Draft, [row.draft for row in rows])
    return [(drafts[row.draft], row.content) for row in rows]


@needs_isolation
async def test_every_program_that_pad_keeps_comes_to_gold_and_every_broken_one_does_not(
    loop: Loop, store: Store
) -> None:
    """The execution filter makes kept programs right by construction: all are carried out once more."""
    errs = "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.4"
    run, _ = await loop.teach(loop.recipe(errs, place="pad", small=SMALL), store)
    drafts = [draft for draft, _ in lessons(store, run)]
    kept = [str(draft.fields["program"]) for draft in drafts]
    assert all(
        ran.value is not None and same_answer(said(ran.value), str(draft.fields["gold"]))
        for draft, ran in zip(drafts, run_programs(kept), strict=True)
    )
    repairs = [draft for draft in drafts if draft.fields["task"] == "repair"]
    assert len(repairs) >= 6
    for draft, ran in zip(repairs, run_programs([str(d.fields["broken"]) for d in repairs]), strict=True):
        assert ran.value is None or not same_answer(said(ran.value), str(draft.fields["gold"]))
    assert len({draft.fields["fault"] for draft in repairs}) >= 2
    assert len(store.drafts(run, "write")) > len(drafts) - len(repairs)  # the filter rejected some
    # the two tasks are told apart by their prefix
    for draft, row in lessons(store, run):
        shown = row["prompt"][-1]["content"]
        assert row["completion"][-1]["content"] == draft.fields["program"]
        if draft.fields["task"] == "repair":
            assert shown == f"ErrorCode: {draft.fields['broken']}\n{draft.fields['error']}"
        else:
            assert shown == draft.fields["question"]


@needs_isolation
async def test_mixed_distillation_teaches_both_forms_evenly_and_falls_back(programming: Loop, store: Store) -> None:
    run, _ = await programming.teach(programming.recipe(place="mixed-distillation", small=SMALL), store)
    tasks = Counter(draft.fields["task"] for draft, _ in lessons(store, run))
    assert tasks.keys() == {"explain", "program"}
    assert abs(tasks["explain"] - tasks["program"]) <= 1
    asked = {(a.skill, a.shown["task"]) for a in store.attempts_of(run, ["probe"]) if a.round}
    assert asked == {("trip", "program"), ("lead", "explain")}
    assert all(a.right for a in store.attempts_of(run, ["probe"]) if a.round)
    assert all(a.shown == {} for a in store.attempts_of(run, ["probe"]) if not a.round)


@needs_isolation
async def test_mtd_keeps_equations_that_lead_to_gold_and_lets_three_forms_vote(programming: Loop, store: Store) -> None:
    run, _ = await programming.teach(programming.recipe(place="mtd", small=SMALL), store)
    found = lessons(store, run)
    assert {draft.fields["task"] for draft, _ in found} == {"explain", "program", "equations"}
    for draft, row in found:
        if draft.fields["task"] == "equations":
            solved = solve(str(draft.fields["equations"]), str(draft.fields["asked"]))
            assert same_answer(solved.value, str(draft.fields["gold"]))
            assert row["completion"][-1]["content"].endswith(f"\nfind {draft.fields['asked']}")
    voted = {(a.skill, a.shown["task"]) for a in store.attempts_of(run, ["probe"]) if a.round}
    assert voted == {("trip", "program"), ("lead", "equations")}


@pytest.mark.parametrize("name", ["pad", "mixed-distillation", "mtd"])
async def test_without_a_sandbox_nothing_is_begun_or_paid_for(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, name: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=rf"which recipe '{name}' names, cannot work here: programs are run "):
        await loop.teach(loop.recipe(place=name, small=SMALL), store, run_directly)
    assert store.runs() == []
    assert loop.sent == []


async def test_a_recipe_without_programs_needs_no_sandbox(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with loop.opened(loop.recipe(), store) as work:
        assert work.recipe.name == "demo"
