"""Mistakes explained by three teachers and reviewed by the other two, through the whole loop; and their rows."""

import pytest

from orchestrator.formats.mistake_then_explanation import MistakeThenExplanation
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.tasks.choose=[change, trip, film]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 6, basics: 4}",
    "exams.practice.per_skill=4",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
    "feedback.seeds=6",
    "feedback.mistakes=8",
)
SOLVED = {"question": "What is 2 plus 2?", "rationale": " 2+2=4", "answer": "4 "}
MISSED = {**SOLVED, "student_reply": "2+2=5\n#### 5", "gold": "4"}


def test_a_draft_with_an_explanation_shows_the_mistake_and_any_other_the_question_alone() -> None:
    form = MistakeThenExplanation(use="mistake_then_explanation")
    row = form.row({**MISSED, "explanation": "Step 1 is wrong."})
    assert row["prompt"][0]["content"] == "What is 2 plus 2?\nThis answer is wrong:\n2+2=5\n#### 5"
    assert row["completion"][0]["content"] == "Step 1 is wrong.\n2+2=4\n#### 4"
    for fields in (SOLVED, MISSED):
        row = form.row(fields)
        assert row["prompt"] == form.prompt({"question": SOLVED["question"]})
        assert row["completion"][0]["content"] == "2+2=4\n#### 4"


@pytest.mark.parametrize("lacking", ["rationale", "answer", "student_reply"])
def test_what_it_needs_it_misses_by_name(lacking: str) -> None:
    fields = {**MISSED, "explanation": "Step 1 is wrong."}
    with pytest.raises(KeyError, match=lacking):
        MistakeThenExplanation(use="mistake_then_explanation").row({k: v for k, v in fields.items() if k != lacking})


async def test_each_mistake_is_explained_by_all_and_reviewed_by_the_others(loop: Loop, store: Store) -> None:
    loop.worker.enough = 20
    recipe = loop.recipe(place="peer-reviewed-mistakes", small=SMALL)
    key, plan = await loop.teach(recipe, store)
    assert plan.stop
    drafts = store.drafts(key, "explain", 2)
    assert len({draft.producer for draft in drafts}) == 3
    models = {role: spec.rehearsal for role, spec in recipe.roles.items()}
    reviewed = [(draft, v) for draft in drafts for v in store.verdicts_of(draft.key) if v.step == "review"]
    assert len(reviewed) == len(drafts)
    for draft, verdict in reviewed:
        author = next(role for role, model in models.items() if str(model) in draft.producer)
        assert verdict.evidence.keys() == models.keys() - {author}
    dataset = next(d for d in store.datasets(key) if d.round == 2)
    kinds = {
        draft.kind
        for draft in store.by_key(type(drafts[0]), [r.draft for r in store.dataset_rows(dataset.key)]).values()
    }
    assert kinds == {"solution", "explanation"}
