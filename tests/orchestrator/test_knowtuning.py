"""KnowTuning: the student's own lessons, each preferred to itself with one fault."""

from collections import Counter

from agents.rehearsal.faults import known
from storage.records import Draft
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.tasks.choose=[founder_city, trip]",
    "sources.basics.choose=[add, copy]",
    "seeds={tasks: 24, basics: 4}",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
)


async def pairs(loop: Loop, store: Store, *edits: str) -> tuple[str, list[Draft]]:
    run, _ = await loop.teach(loop.recipe(*edits, place="knowtuning", small=SMALL), store)
    (dataset,) = (dataset for dataset in store.datasets(run) if dataset.name == "pairs")
    rows = list(store.dataset_rows(dataset.key))
    drafts = store.by_key(Draft, [row.draft for row in rows])
    for row in rows:
        fields = drafts[row.draft].fields
        assert row.content["chosen"][0]["content"] == fields["chosen"]
        assert row.content["rejected"][0]["content"] == fields["rejected"]
    return run, [drafts[row.draft] for row in rows]


async def test_each_lesson_is_preferred_to_itself_with_each_fault_and_the_same_answer(loop: Loop, store: Store) -> None:
    _, found = await pairs(loop, store)
    assert set(Counter(draft.fields["fault"] for draft in found)) == {"incomplete", "illogical", "untrue"}
    for draft in found:
        good, bad = draft.fields["chosen"], draft.fields["rejected"]
        assert good.endswith(f"\n#### {draft.fields['gold']}")
        assert good.splitlines()[-1] == bad.splitlines()[-1]
        truth = known(draft.fields["question"])
        assert truth
        assert bad.rpartition("\n")[0] != truth.truth.rationale


async def test_pairs_are_made_of_the_less_likely_half_and_dpo_goes_on_from_fine_tuning(
    loop: Loop, store: Store
) -> None:
    run, found = await pairs(loop, store)
    lessons = store.judged(run, "once", 1)
    assert len({draft.parents[0] for draft in found}) <= len(lessons) / 2 + 1
    first, second = (job for job in loop.worker.done if job["kind"] == "train")
    assert first["adapter"] is None
    assert second["adapter"]
    assert second["trainer"] == "dpo"
    students = {student.job: student for student in store.students(run) if student.round}
    assert students["prefer"].parent == students["imitate"].key


async def test_one_kind_of_fault_alone_is_an_option(loop: Loop, store: Store) -> None:
    _, found = await pairs(loop, store, "lessons.spoil.generate.faults=[untrue]")
    assert {draft.fields["fault"] for draft in found} == {"untrue"}
