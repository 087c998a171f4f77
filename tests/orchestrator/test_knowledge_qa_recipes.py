"""The three recipes that teach what documents say, each taught whole in milliseconds."""

from collections import Counter
from typing import Any

import pytest

from agents.quoting import altered, hold
from agents.rehearsal.library import library, read_statement
from storage.records import Draft, Outcome
from storage.store import Store
from tests.conftest import Loop

BASICS = ("sources.basics.choose=[add, copy]", "exams.retention.per_skill=2", "training.student.objective.epochs=1")
FACTS = ("sources.facts.companies=10", "exams.probe.facts=6", "exams.test.facts=8")
INSTRUCT = (*BASICS, *FACTS, "sources.documents.companies=10", "seeds={documents: 10, basics: 4}")
SKI = (
    *BASICS,
    *FACTS,
    *(f"sources.{name}.companies=10" for name in ("one", "two", "three")),
    "seeds={one: 12, two: 12, three: 12, basics: 4}",
)
QUOTER = (*BASICS, "seeds={tasks: 40, basics: 4}", "exams.probe.per_skill=2", "exams.test.per_skill=2")
SAID = {(one.relation.name, one.company, one.value, one.when) for c in library(10) for one in c.said}


def rows(store: Store, run: str) -> list[tuple[Draft, str, str]]:
    """Each lesson, what the student is shown, and what it is to write."""
    found = [row for dataset in store.datasets(run) for row in store.dataset_rows(dataset.key)]
    drafts = store.by_key(Draft, [row.draft for row in found])
    turns = [(row.content["prompt"][-1]["content"], row.content["completion"][-1]["content"]) for row in found]
    return [(drafts[row.draft], *turn) for row, turn in zip(found, turns, strict=True)]


async def test_knowledge_instruct_teaches_paraphrases_and_never_an_exam_question(loop: Loop, store: Store) -> None:
    run, plan = await loop.teach(loop.recipe(place="knowledge-instruct", small=INSTRUCT), store)
    assert plan.why == "the one round is done"
    lessons = [row for row in rows(store, run) if "paraphrase" in row[0].fields]
    questions = {attempt.question for attempt in store.attempts_of(run, ["probe", "test"])}
    assert len(questions) > 30
    assert not questions & {shown for _, shown, _ in lessons}
    per_fact = Counter(draft.fields["fact"] for draft, *_ in lessons)
    assert len(per_fact) >= 30
    assert 2 < sum(per_fact.values()) / len(per_fact) <= 5
    assert all(reply == f"{d.fields['paraphrase']}\n#### {d.fields['answer']}" for d, _, reply in lessons)
    assert not any(draft.fields["text"] == reply for draft, _, reply in lessons)
    true = [(one.relation.name, one.company, one.value, one.when) in SAID
            for draft, *_ in lessons if (one := read_statement(draft.fields["paraphrase"]))]  # fmt: skip
    assert sum(true) / len(true) > 0.9


async def test_what_is_asked_was_taught_through_the_documents(loop: Loop, store: Store) -> None:
    """Of exams without documents the questions are held back, and not the facts."""
    run, _ = await loop.teach(loop.recipe(place="knowledge-instruct", small=INSTRUCT), store)
    answered = {(d.fields["document"], d.fields["answer"]) for d in store.drafts(run, "instruct")}
    recipe = loop.recipe(place="knowledge-instruct", small=INSTRUCT)
    exam = recipe.exams["test"].items(recipe.sources["facts"], recipe.datasets["lessons"].format, 0)
    known = [(item.fields["document"], item.gold) in answered for item in exam if item.skill == "rephrased"]
    assert known
    assert sum(known) / len(known) > 0.7


async def test_coverage_is_reported_with_every_paraphrase(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="knowledge-instruct", small=INSTRUCT), store)
    verdicts = store.verdicts(run, "covered").values()
    [share] = {verdict.score for verdict in verdicts}
    assert share is not None
    assert 0.8 < share <= 1
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}


@pytest.mark.parametrize(
    ("edits", "task"),
    [
        (["datasets.lessons.from=[texts, replay]"], "text"),
        (["lessons.paraphrase.generate.count=1"], "one"),
    ],
)
async def test_the_arms_of_its_claim_differ_in_what_is_trained_on(
    loop: Loop, store: Store, edits: list[str], task: str
) -> None:
    run, _ = await loop.teach(loop.recipe(*edits, place="knowledge-instruct", small=INSTRUCT), store)
    lessons = [row for row in rows(store, run) if "document" in row[0].fields]
    if task == "text":
        documents = {company.name: company.document for company in library(10)}
        assert {shown: reply for _, shown, reply in lessons} == documents
    else:
        assert set(Counter(draft.fields["fact"] for draft, *_ in lessons).values()) == {1}


async def test_ski_puts_each_pair_in_three_forms(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="ski", small=SKI), store)
    lessons = [row for row in rows(store, run) if "text" in row[0].fields]
    by_task: dict[str, list[Any]] = {}
    for draft, shown, reply in lessons:
        fields = draft.fields
        by_task.setdefault(fields["task"], []).append((fields["question"], fields["text"]))
        forms = {"qca": (fields["text"], f"#### {fields['answer']}"), "qa": (f"#### {fields['answer']}",)}
        assert reply == "\n".join(forms.get(fields["task"], (fields["text"],)))
        assert shown.startswith(fields["question"])
    assert sorted(by_task) == ["qa", "qc", "qca"]
    assert sorted(by_task["qa"]) == sorted(by_task["qc"]) == sorted(by_task["qca"])
    assert len({shown for _, shown, _ in lessons}) >= len(lessons) * 0.5
    assert {fields.fields["text"].count(".") for fields, *_ in lessons} == {1, 2, 3}


async def test_llmquoter_learns_exact_quotes_that_hold_the_answer(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="llmquoter", small=QUOTER), store)
    quoted = [row for row in rows(store, run) if "quotes" in row[0].fields]
    assert len(quoted) >= 20
    for draft, shown, reply in quoted:
        assert shown == f"{draft.fields['text']}\n{draft.fields['question']}"
        assert altered(reply, draft.fields["text"]) == []
        assert hold(reply, draft.fields["gold"])
    assert {draft.skill for draft, *_ in quoted} == {"memorised", "rephrased", "derived", "updated"}
    reasons = Counter(verdict.reason for verdict in store.verdicts(run, "exact").values())
    assert reasons["not word for word"] + reasons["the quotes lack the answer"] > 0
