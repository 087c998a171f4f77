"""What is withdrawn is marked with all that descends from it, stays where it is, and is taught no more."""

from pathlib import Path

import pytest

from orchestrator.forgetting import forget
from orchestrator.handover import Wanted, hand_over
from orchestrator.summary import summarise
from orchestrator.why import why
from orchestrator.withdrawals import StillWithdrawn, Superseded, barred, present_run, refuse_teachers
from storage.provenance import Taken, Withdrawn
from storage.records import Draft, Run, Seed
from storage.store import Store, StoreError
from tests.conftest import Loop

WHY = "the licence was taken back"


@pytest.fixture
async def run(loop: Loop, store: Store) -> Run:
    key, _ = await loop.teach(loop.recipe(), store)
    found = store.run(key)
    assert found
    return found


def folder(loop: Loop, store: Store) -> Path:
    return next((loop.runs / Path(store.place).stem).iterdir())


def lessons(store: Store, run: str) -> list[Draft]:
    rows = [row.draft for dataset in store.datasets(run) for row in store.dataset_rows(dataset.key)]
    return list(store.by_key(Draft, rows).values())


def change_seed(store: Store, run: Run) -> Seed:
    """A seed of which a lesson came."""
    parents = {parent for draft in lessons(store, run.key) for parent in draft.parents}
    return next(seed for seed in store.seeds(run.key, "tasks", 1) if seed.key in parents)


def marked(store: Store, run: str, noun: str) -> set[str]:
    return {record for record, (kind, _) in store.withdrawn(run).items() if kind == noun}


async def test_all_that_descends_from_one_line_is_marked_and_nothing_else(store: Store, run: Run) -> None:
    seed = change_seed(store, run)
    done = forget(store, run, seed.origin, WHY)
    assert done.withdrawal.kind == Taken.ORIGIN
    assert marked(store, run.key, "dataset") == {dataset.key for dataset in store.datasets(run.key)}
    assert marked(store, run.key, "student") == {s.key for s in store.students(run.key) if s.round}
    assert {c.student for c in store.scorecards(run.key) if c.key in store.withdrawn(run.key)} == marked(
        store, run.key, "student"
    )
    first_round = {draft.key for draft in store.drafts(run.key, "solve", 1)}
    assert marked(store, run.key, "draft") & first_round == {
        draft.key for draft in store.drafts(run.key, "solve", 1) if seed.key in draft.parents
    }
    assert [row["kind"] for row in summarise(store, run).withdrawn] == ["origin"]
    assert store.verify() == []


async def test_a_dry_run_touches_nothing_and_says_what_the_real_one_then_does(store: Store, run: Run) -> None:
    seen = forget(store, run, "basics", WHY, dry=True)
    assert store.withdrawals() == []
    assert store.withdrawn(run.key) == {}
    done = forget(store, run, "basics", WHY)
    assert (seen.runs, seen.marked) == (done.runs, done.marked)
    assert done.marked == len(store.withdrawn(run.key)) > 0


async def test_twice_is_once_and_the_first_reason_stays(store: Store, run: Run) -> None:
    forget(store, run, "basics", WHY)
    before = store.withdrawn(run.key)
    again = forget(store, run, "basics", "another reason")
    assert (again.known, again.marked, again.withdrawal.reason) == (True, 0, WHY)
    assert store.withdrawn(run.key) == before
    assert len(store.withdrawals()) == 1


async def test_a_crash_while_marking_leaves_nothing_half_withdrawn(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: object, model: type, rows: list) -> int:
        if model is Withdrawn:
            raise KeyboardInterrupt
        return insert(connection, model, rows)

    from storage import store as module

    insert = module.insert_new
    with monkeypatch.context() as patch:
        patch.setattr(module, "insert_new", broken)
        with pytest.raises(KeyboardInterrupt):
            forget(store, run, "basics", WHY)
    assert store.withdrawals() == []
    assert forget(store, run, "basics", WHY).marked > 0


# --- the next cycle -------------------------------------------------------------------------------------------------


async def test_the_next_cycle_is_a_run_without_it_that_buys_no_reply_again(loop: Loop, store: Store, run: Run) -> None:
    seed, before = change_seed(store, run), store.fingerprint(run.key)
    forget(store, run, seed.origin, WHY)
    loop.sent.clear()
    key, plan = await loop.teach(loop.recipe(), store)
    assert key != run.key
    assert plan.stop
    assert not [s for s in store.seeds(key, "tasks") if s.origin == seed.origin]
    assert not [d for d in lessons(store, key) if d.fields.get("question") == seed.fields["question"]]
    assert store.withdrawn(key) == {}
    assert store.spending(key).calls < store.spending(run.key).calls / 2
    assert store.fingerprint(run.key) == before
    new = store.run(key)
    assert new
    assert seed.origin in summarise(store, new).without[0]
    assert (await loop.teach(loop.recipe(), store))[0] == key


async def test_a_withdrawal_of_what_the_new_run_has_begins_another(loop: Loop, store: Store, run: Run) -> None:
    forget(store, run, change_seed(store, run).origin, WHY)
    second = store.run((await loop.teach(loop.recipe(), store))[0])
    assert second
    forget(store, second, change_seed(store, second).origin, WHY)
    third, without = present_run(store, loop.recipe())
    assert len({run.key, second.key, third.key}) == 3
    assert len(without) == 2
    assert not store.run(third.key)


async def test_a_withdrawn_source_gives_nothing_and_its_failures_teach_nothing(
    loop: Loop, store: Store, run: Run
) -> None:
    forget(store, run, "basics", WHY)
    key, _ = await loop.teach(loop.recipe(), store)
    assert store.seeds(key, "basics") == []
    assert store.seeds(key, "tasks")
    assert barred(store, loop.recipe("name=another")).sources == frozenset()


async def test_what_one_draft_says_is_taught_no_more_though_its_reply_is_there(
    loop: Loop, store: Store, run: Run
) -> None:
    draft = next(each for each in lessons(store, run.key) if each.round == 1)
    forget(store, run, draft.key, WHY)
    key, _ = await loop.teach(loop.recipe(), store)
    said = [each for each in lessons(store, key) if each.fields == draft.fields]
    assert key != run.key
    assert said == []
    assert [each for each in store.drafts(key, draft.step) if each.fields == draft.fields]


async def test_a_withdrawn_teacher_writes_no_more(loop: Loop, store: Store, run: Run) -> None:
    done = forget(store, run, "rehearsal-teacher", WHY)
    assert done.runs[run.key]["draft"] > len(lessons(store, run.key)) / 2
    with pytest.raises(
        StillWithdrawn, match=r"role 'teacher' writes lessons and is played by rehearsal-teacher.*--machine"
    ):
        await loop.teach(loop.recipe(), store)
    refuse_teachers(store, loop.recipe(), {"teacher": "another"})


async def test_a_run_that_is_under_way_ends_and_marks_what_it_made_since(loop: Loop, store: Store) -> None:
    async def withdrawing(name: str, stage: object, *arguments: object) -> object:
        if name == "round 2: train student":
            run = store.runs()[0]
            forget(store, run, "basics", WHY)
        return await stage(*arguments)  # type: ignore[operator]

    with pytest.raises(Superseded, match=r"source basics of recipe demo was withdrawn.*pays for no reply again"):
        await loop.teach(loop.recipe(), store, stage=withdrawing)
    run = store.runs()[0]
    last = max(store.students(run.key), key=lambda student: student.round)
    assert last.round == 2
    assert last.key in store.withdrawn(run.key)
    assert (await loop.teach(loop.recipe(), store))[0] != run.key


# --- what people are told -------------------------------------------------------------------------------------------


async def test_why_and_export_say_so_and_export_refuses_until_forced(
    loop: Loop, store: Store, run: Run, tmp_path: Path
) -> None:
    forget(store, run, "basics", WHY)
    taught = next(each for each in lessons(store, run.key) if each.key in store.withdrawn(run.key))
    assert WHY in why(store, run, taught.key).withdrawn[0]
    with pytest.raises(StillWithdrawn, match=r"2 datasets, 1 student.*licence.*--withdrawn"):
        hand_over(store, run, folder(loop, store), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    written = hand_over(store, run, folder(loop, store), tmp_path / "out", Wanted(withdrawn=True))
    assert WHY in written["withdrawn"]
    assert WHY in (tmp_path / "out" / "WITHDRAWN.txt").read_text()


async def test_a_name_that_means_nothing_or_no_reason_is_explained(store: Store, run: Run) -> None:
    with pytest.raises(StoreError, match=r"sources are basics, tasks; teachers: rehearsal-teacher"):
        forget(store, run, "nobody", WHY)
    with pytest.raises(StoreError, match="--reason"):
        forget(store, run, "basics", "  ")
    with pytest.raises(StoreError, match=r"is no draft of run"):
        forget(store, run, "basics", WHY, Taken.DRAFT)


async def test_a_file_is_its_lines_and_no_file_that_begins_alike(store: Store) -> None:
    run = Run.new(recipe_name="r", recipe_digest="d", recipe={"sources": {"tasks": {}}, "exams": {}})
    origins = ("data.jsonl:1", "data.jsonl:2", "data.jsonl2:1", "book#3")
    seeds = [
        Seed.new(run=run.key, round=1, stream="tasks", kind="q", fields={"n": i}, split_key=str(i), origin=origin)
        for i, origin in enumerate(origins)
    ]
    store.add(run, *seeds)
    assert forget(store, run, "data.jsonl", WHY).runs == {run.key: {"seed": 2}}
    assert forget(store, run, "book", WHY).runs == {run.key: {"seed": 1}}
