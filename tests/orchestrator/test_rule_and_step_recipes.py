"""Thought-Like-Pro and EIT: chains that an engine has proved, and people's solutions with their plans and skipped steps."""

import json
from collections import Counter
from pathlib import Path
from statistics import fmean

import pytest

from agents.answers import same_answer
from agents.arithmetic_steps import steps, wrong_steps
from agents.chains import holds, read_chain, traced
from agents.horn import read_program
from agents.rehearsal import kinship
from storage.records import Draft, Outcome
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 80, basics: 4}",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
)


async def lessons(loop: Loop, store: Store, name: str, *edits: str) -> list[tuple[Draft, str]]:
    """The draft of each row, and what the student is to write."""
    run, _ = await loop.teach(loop.recipe(*edits, place=name, small=SMALL), store)
    rows = [row for dataset in store.datasets(run) for row in store.dataset_rows(dataset.key)]
    drafts = store.by_key(Draft, [row.draft for row in rows])
    return [(drafts[row.draft], row.content["completion"][-1]["content"]) for row in rows]


# --- Thought-Like-Pro -----------------------------------------------------------------------------------------------


async def test_every_chain_that_is_kept_reads_back_as_a_proof_of_the_same_conclusion(loop: Loop, store: Store) -> None:
    found = [
        (draft, reply) for draft, reply in await lessons(loop, store, "thought-like-pro") if "rules" in draft.fields
    ]
    assert len(found) > 50
    for draft, reply in found:
        rationale, _, answer = reply.partition("\n#### ")
        assert same_answer(answer, draft.fields["gold"])
        facts, rules, query = (draft.fields[name] for name in ("facts", "rules", "query"))
        chain = read_chain(rationale)
        assert holds(chain, tuple(read_program(facts, rules)))
        trace = traced(facts, rules, query)
        assert chain[-1] == (trace.proof.said, True)
        assert trace.answer == answer
        assert [derived for _, derived in chain] == [False, False, True]


async def test_what_the_engine_does_not_conclude_rightly_is_dropped_with_its_cause(loop: Loop, store: Store) -> None:
    errs = "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.5&wrong_reason_rate=.2"
    run, _ = await loop.teach(loop.recipe(errs, place="thought-like-pro", small=SMALL), store)
    reasons = Counter(v.reason for v in store.verdicts(run, "concludes").values() if v.outcome == Outcome.REJECTED)
    causes = {"wrong conclusion", "the rules: nothing follows", "the rules: the program cannot be read"}
    assert set(reasons) == causes
    assert all(count > 3 for count in reasons.values())


def test_the_family_that_a_question_tells_is_read_back_and_its_answer_follows_by_the_rules() -> None:
    for relation in kinship.BY:
        for family, _ in zip(kinship.families(relation, 1), range(50), strict=False):
            assert kinship.read(str(family)) == family
            facts = " ".join(f"{near}('{one}', '{other}')." for one, near, other in family.facts)
            query = f"{relation}(Who, '{family.person}')"
            assert traced(facts, "\n".join(kinship.RULES[relation]), query).answer == family.answer
    assert kinship.read("Who is aunt of Kai?") is None or kinship.read("Ana is aunt of Kai.") is None


async def test_problems_of_a_file_are_taught_alike(loop: Loop, store: Store, tmp_path: Path) -> None:
    families = zip(kinship.families("aunt", 5), range(60), strict=False)
    rows = [{"question": str(family), "answer": family.answer} for family, _ in families]
    path = tmp_path / "problems.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    edits = [f"sources.tasks={{use: questions, path: {path}, probe: 0.2, test: 0.2}}", "seeds.tasks=20"]
    found = [draft for draft, _ in await lessons(loop, store, "thought-like-pro", *edits) if "rules" in draft.fields]
    assert len(found) > 10


# --- EIT ------------------------------------------------------------------------------------------------------------


async def test_enriched_solutions_keep_the_answer_and_have_more_steps_each_of_which_holds(
    loop: Loop, store: Store
) -> None:
    enriched = [(draft, reply) for draft, reply in await lessons(loop, store, "eit") if "plan" in draft.fields]
    assert len(enriched) > 50
    assert all(same_answer(draft.fields["answer"], draft.fields["gold"]) for draft, _ in enriched)
    assert not any(wrong_steps(reply) for _, reply in enriched)
    before = fmean(steps(draft.fields["solution"]) for draft, _ in enriched)
    assert 0 < before < fmean(steps(draft.fields["rationale"]) for draft, _ in enriched)
    assert all(
        reply.startswith(f"{draft.fields['plan']}\n{draft.fields['rationale']}\n####") for draft, reply in enriched
    )


async def test_a_solution_that_no_longer_comes_to_the_answer_is_dropped(loop: Loop, store: Store) -> None:
    errs = "roles.teacher.rehearsal=rehearsal-teacher?error_rate=.9"
    run, _ = await loop.teach(loop.recipe(errs, place="eit", small=SMALL), store)
    reasons = Counter(verdict.outcome for verdict in store.verdicts(run, "answer_kept").values())
    assert reasons[Outcome.REJECTED] > 20
    assert reasons[Outcome.ACCEPTED] > 20


async def test_the_person_s_solution_is_shown_with_the_plan_and_without_it(loop: Loop, store: Store) -> None:
    await lessons(loop, store, "eit")
    fills = [sent for sent in loop.sent if "filled_solution" in sent]
    assert fills
    assert all("<solution>" in sent and "<plan>" in sent for sent in fills)
    loop.sent.clear()
    bare = ["lessons.fill.from=tasks", "datasets.lessons.format.tasks=[{task: solve}, {task: basics}]"]
    found = [draft for draft, _ in await lessons(loop, store, "eit", *bare) if "solution" in draft.fields]
    assert len(found) > 50
    assert not any("<plan>" in sent for sent in loop.sent if "filled_solution" in sent)


@pytest.mark.parametrize("filled", [True, False])
async def test_the_arm_without_filling_teaches_what_people_wrote(loop: Loop, store: Store, filled: bool) -> None:
    edits = [] if filled else ["datasets.lessons={from: [people, replay], format: rationale_then_answer}"]
    found = [row for row in await lessons(loop, store, "eit", *edits) if "solution" in row[0].fields]
    same = [reply == draft.fields["solution"] for draft, reply in found]
    assert found
    assert all(same) is not filled


async def test_solutions_of_a_file_are_enriched_alike(loop: Loop, store: Store, tmp_path: Path) -> None:
    source = loop.recipe(place="eit", small=SMALL).sources["tasks"]
    drawn = zip(source.materials("train", "film", 3), range(60), strict=False)
    path = tmp_path / "train.jsonl"
    rows = [{"question": one.fields["question"], "answer": one.fields["solution"]} for one, _ in drawn]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    edits = [f"sources.tasks={{use: questions, path: {path}, probe: 0.2, test: 0.2}}", "seeds.tasks=20"]
    found = [draft for draft, _ in await lessons(loop, store, "eit", *edits) if "plan" in draft.fields]
    assert len(found) > 10
