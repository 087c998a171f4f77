"""I2D2, taught whole with a stand-in student: what it writes in practice is judged, and what is kept teaches the next."""

import pytest

from agents.rehearsal import triples
from storage.records import Draft, Outcome, Seed
from storage.store import Store
from tests.conftest import Loop
from tests.orchestrator.triple_writer import TripleWriter

SMALL = (
    "sources.basics.choose=[add, copy]",
    "seeds={events: 60, basics: 8}",
    "lessons.drawn.select.most=120",
    "exams.practice.per_skill=24",
    "exams.practice.samples=4",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
)


def share(drafts: list[Draft]) -> float:
    assert drafts
    return sum(bool(triples.holds(d.fields["question"], d.fields["tail"])) for d in drafts) / len(drafts)


def came(store: Store, run: str, step: str, number: int, outcome: Outcome = Outcome.ACCEPTED) -> list[Draft]:
    keys = [key for key, found in store.judged(run, step, number).items() if found == outcome]
    return list(store.by_key(Draft, keys).values())


@pytest.fixture
async def taught(loop: Loop, store: Store) -> str:
    loop.worker = TripleWriter()
    run, _ = await loop.teach(loop.recipe(place="i2d2", small=SMALL), store)
    return run


async def test_what_the_student_wrote_teaches_the_next_and_the_teacher_is_heard_once(taught: str, store: Store) -> None:
    assert {draft.round for draft in store.drafts(taught, "begin")} == {1}
    for number in (2, 3):
        own = store.drafts(taught, "own", number)
        attempts = store.by_key(Seed, {parent for draft in own for parent in draft.parents})
        assert {seed.stream for seed in attempts.values()} == {"attempts"}
        kept = {draft.key for draft in came(store, taught, "critic", number)}
        [lessons] = [dataset for dataset in store.datasets(taught) if dataset.round == number]
        rows = {row.draft for row in store.dataset_rows(lessons.key)}
        own_rows = rows & {draft.key for draft in own}
        assert own_rows
        assert own_rows <= kept
        assert not rows & {draft.key for draft in store.drafts(taught, "begin")}


async def test_only_statements_that_can_be_read_become_drafts_and_equal_ones_become_one(
    taught: str, store: Store
) -> None:
    seeds = store.seeds(taught, "attempts", 2)
    assert len(seeds) == 2 * 24 * 4
    readable = {(s.fields["question"], s.fields["student_reply"]) for s in seeds if s.fields["reply_fields"]}
    own = store.drafts(taught, "own", 2)
    assert sorted((d.fields["question"], d.fields["student_reply"]) for d in own) == sorted(readable)
    assert all(d.fields["student_reply"] == f"#### {d.fields['tail']}" for d in own)
    assert any(not seed.fields["reply_fields"] for seed in seeds)


async def test_in_every_round_a_critic_of_the_students_own_statements_keeps_the_better_ones(
    taught: str, store: Store
) -> None:
    for number in (2, 3):
        assert share(came(store, taught, "critic", number)) > share(store.drafts(taught, "own", number)) + 0.05
        evidence = next(iter(store.verdicts(taught, "critic", number).values())).evidence
        assert {"share", "low", "high"} <= evidence["precision"].keys()
    assert share(store.drafts(taught, "own", 3)) > share(store.drafts(taught, "own", 2))


async def test_the_student_is_told_what_it_may_not_say_in_practice_alone(taught: str, loop: Loop) -> None:
    told = [
        (("practice" in job["folder"]), "constraints" in job) for job in loop.worker.done if job["kind"] == "answer"
    ]
    assert {(True, True), (False, False)} == set(told)
