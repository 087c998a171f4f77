"""What goes into a store comes out as it was, once, in a fixed order; and a store says what is wrong with it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from storage.keyed import canonical_json
from storage.lineage import PAGE
from storage.records import CallOutcome, Draft, Failure, Outcome, Plan, Record, Verdict
from storage.store import Spending, StepYield, Store, StoreError, open_store
from tests.storage.lessons import (
    RUN,
    a_call,
    a_dataset,
    a_draft,
    a_run,
    a_scorecard,
    a_seed,
    a_student,
    a_verdict,
    an_attempt,
    an_entry,
    one_of_each,
)

LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(LETTERS, JSON, max_size=4)
LIGHTLY = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def shuffled(value: Any) -> Any:
    """The same JSON with the keys of every object the other way round."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@LIGHTLY
@given(fields=FIELDS)
def test_any_json_comes_back_as_it_was(store: Store, fields: dict[str, Any]) -> None:
    draft = a_draft(fields=fields)
    store.add(draft)
    found = store.by_key(Draft, [draft.key])[draft.key]
    assert canonical_json(found.fields) == canonical_json(fields)
    assert found.derived_key() == draft.key


@LIGHTLY
@given(fields=FIELDS)
def test_adding_twice_is_adding_once_whatever_the_order_of_keys(store: Store, fields: dict[str, Any]) -> None:
    store.add(a_draft(fields=fields))
    assert store.add(a_draft(fields=shuffled(fields)), a_draft(fields=fields)) == 0


def test_every_kind_of_record_is_added_once_and_comes_back_whole(store: Store) -> None:
    records = one_of_each()
    assert store.add(*records) == len(records)
    assert store.add(*records) == 0
    for record in records:
        if hasattr(record, "key"):
            found = store.by_key(type(record), [record.key])[record.key]
            assert found.model_dump() == record.model_dump()
            assert type(found.model_dump().get("outcome")) is type(record.model_dump().get("outcome"))


def test_what_was_read_can_be_added_to_another_store(store: Store, tmp_path: Path) -> None:
    store.add(a_run(), a_draft())
    with open_store(tmp_path / "copy.sqlite") as copy:
        assert copy.add(store.run(RUN), *store.drafts(RUN, "write")) == 2
        assert copy.fingerprint(RUN) == store.fingerprint(RUN)


def test_a_record_that_does_not_fit_is_refused_and_nothing_is_added(store: Store) -> None:
    with pytest.raises(StoreError, match=r"Draft does not fit.*round"):
        store.add(a_run(), Draft(key="k", run=RUN, step="s", kind="k", split_key="k", producer="p"))
    with pytest.raises(StoreError, match="Verdict does not fit"):
        store.add(a_run(), Verdict(**a_verdict(a_draft()).model_dump() | {"outcome": "perhaps"}))
    assert store.runs() == []


def test_a_key_that_does_not_follow_from_the_content_is_refused(store: Store) -> None:
    draft = a_draft()
    draft.fields = {"text": "changed"}
    with pytest.raises(StoreError, match=r"has the key.*its content has"):
        store.add(draft)


@pytest.mark.parametrize("evidence", [{"a": object()}, {"a": 2**70}, {"a": "\ud800"}])
def test_what_json_cannot_hold_is_explained(store: Store, evidence: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="Nothing was added"):
        store.add(a_run(), a_verdict(a_draft(), evidence=evidence))
    assert store.runs() == []


@pytest.mark.parametrize("reason", ["\ud800", "\x00"])
def test_text_that_the_back_end_cannot_hold_is_explained(store: Store, reason: str) -> None:
    verdict = a_verdict(a_draft(), reason=reason)
    if reason == "\x00" and not store.place.startswith("postgresql"):
        assert store.add(verdict) == 1
    else:
        with pytest.raises(StoreError, match=r"NUL|cannot be kept"):
            store.add(verdict)


def test_only_records_are_added(sqlite_store: Store) -> None:
    with pytest.raises(StoreError, match="A dict is not a record"):
        sqlite_store.add({"key": "k"})
    assert sqlite_store.add() == 0


def test_times_come_back_aware_and_in_utc(store: Store) -> None:
    noon = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - a naive time is the case
    in_tokyo = datetime(2026, 1, 1, 21, tzinfo=timezone(timedelta(hours=9)))
    store.add(a_run("naive", created_at=noon), a_run("aware", created_at=in_tokyo))
    assert [run.created_at for run in store.runs()] == [noon.replace(tzinfo=UTC)] * 2
    assert all(run.created_at.utcoffset() == timedelta(0) for run in store.runs())


def test_runs_come_newest_first_and_are_found_by_name_key_or_digits(store: Store) -> None:
    old, new, other = (
        a_run(digest, recipe_name=name, created_at=datetime(2026, 1, day, tzinfo=UTC))
        for digest, name, day in (("1", "maths", 1), ("2", "maths", 2), ("3", "law", 3))
    )
    store.add(old, new, other)
    assert [run.key for run in store.runs()] == [other.key, new.key, old.key]
    assert store.find_run("maths").key == new.key
    assert store.find_run(old.key[:20]).key == old.key
    assert store.find_run(other.key.rpartition(":")[2][:12]).key == other.key
    with pytest.raises(StoreError, match=r"no run matches 'physics'.*law \(run:b2:.*maths"):
        store.find_run("physics")
    with pytest.raises(StoreError, match="3 runs match 'run:'"):
        store.find_run("run:")


def test_a_run_ends_with_a_reason(store: Store) -> None:
    store.add(a_run())
    store.end_run(RUN, "the budget is spent")
    assert store.run(RUN).ended == "the budget is spent"
    with pytest.raises(StoreError, match="no run has the key"):
        store.end_run("run:none", "")


def test_how_a_call_was_read_is_settled_later(store: Store) -> None:
    call = a_call()
    store.add(call)
    assert store.call(call.key).outcome is CallOutcome.ANSWERED
    store.add(readings={call.key: (CallOutcome.UNREADABLE, "no JSON")})
    assert store.call(call.key).outcome is CallOutcome.UNREADABLE
    assert store.call(call.key).reason == "no JSON"
    assert store.call("call:none") is None
    with pytest.raises(StoreError, match="1 of 2 calls that were read are not stored"):
        store.add(a_run(), readings={"call:none": (CallOutcome.READ, ""), call.key: (CallOutcome.READ, "")})
    assert store.runs() == []
    assert store.call(call.key).outcome is CallOutcome.UNREADABLE


def test_a_call_is_added_and_read_in_one_transaction(store: Store) -> None:
    calls = [a_call(number) for number in range(3)]
    assert store.add(*calls, readings={call.key: (CallOutcome.READ, "") for call in calls}) == 3
    assert {store.call(call.key).outcome for call in calls} == {CallOutcome.READ}


def test_seeds_and_drafts_are_chosen_by_stream_step_and_round(store: Store) -> None:
    seeds = [a_seed(n, round=n % 2) for n in range(6)]
    drafts = [a_draft(n, round=n % 2) for n in range(6)]
    store.add(*seeds, *drafts, a_seed(stream="other"), a_draft(step="other"), a_draft(run="other"))
    for found, made in ((store.seeds(RUN, "main"), seeds), (store.drafts(RUN, "write"), drafts)):
        assert [record.key for record in found] == [r.key for r in sorted(made, key=lambda r: (r.round, r.key))]
    assert {draft.key for draft in store.drafts(RUN, "write", 1)} == {draft.key for draft in drafts[1::2]}
    assert {seed.round for seed in store.seeds(RUN, "main", 0)} == {0}


def test_many_keys_are_looked_up_in_their_order(store: Store) -> None:
    drafts = [a_draft(n) for n in range(PAGE + 10)]
    store.add(*drafts)
    keys = [draft.key for draft in drafts]
    assert list(store.by_key(Draft, [*keys, "draft:none", keys[0]])) == keys


def test_verdicts_are_given_by_draft_and_the_latest_counts(store: Store) -> None:
    first, second = a_draft(1, round=0), a_draft(2, round=1)
    early, late = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2))
    old = a_verdict(first, judge="j@1", outcome="rejected", created_at=early)
    new = a_verdict(first, judge="j@2", created_at=late)
    store.add(first, second, new, old, a_verdict(second), a_verdict(second, step="other", outcome="rejected"))
    assert {key: verdict.judge for key, verdict in store.verdicts(RUN, "check").items()} == {
        first.key: "j@2",
        second.key: "j@1",
    }
    assert list(store.verdicts(RUN, "check", 1)) == [second.key]
    assert store.verdicts(RUN, "check", 0)[first.key].outcome is Outcome.ACCEPTED


def test_the_latest_plan_is_the_one_of_the_newest_round(store: Store) -> None:
    assert store.latest_plan(RUN) is None
    store.add(*(Plan.new(run=RUN, round=round, why=f"{round}") for round in (10, 2, 1)))
    assert [plan.round for plan in store.plans(RUN)] == [1, 2, 10]
    assert store.latest_plan(RUN).round == 10


def test_dataset_rows_stream_in_order_while_others_write(store: Store) -> None:
    drafts = [a_draft(n) for n in range(PAGE * 2)]
    dataset, *rows = a_dataset(*drafts)
    store.add(*reversed(rows), dataset, *a_dataset(a_draft(1), name="other"))
    positions = []
    for row in store.dataset_rows(dataset.key):
        positions.append(row.position)
        if row.position == 0:
            store.add(a_run())
    assert positions == list(range(PAGE * 2))
    assert store.dataset(dataset.key).size == PAGE * 2
    assert {dataset.name for dataset in store.datasets(RUN)} == {"train", "other"}


def test_students_and_scorecards_come_by_round_and_name(store: Store) -> None:
    students = [a_student(job=job, round=round) for job, round in (("b", 1), ("a", 1), ("Z", 0))]
    cards = [a_scorecard(student, exam) for student in students for exam in ("x", "B")]
    store.add(*students, *cards)
    assert [(s.round, s.job) for s in store.students(RUN)] == [(0, "Z"), (1, "a"), (1, "b")]
    assert [(c.round, c.exam) for c in store.scorecards(RUN)] == [(0, "B"), (0, "x"), *[(1, "B")] * 2, *[(1, "x")] * 2]
    assert store.student(students[0].key).job == "b"


def test_attempts_and_failures_are_chosen_by_exam_and_round(store: Store) -> None:
    student = a_student()
    attempts = [an_attempt(student, question=f"{n}?", exam="e" if n else "other") for n in range(4)]
    failures = [Failure.new(run=RUN, round=n % 2, attempt=a.key, cluster="c") for n, a in enumerate(attempts)]
    store.add(*attempts, *failures)
    assert [a.key for a in store.attempts(student.key, "e")] == sorted(a.key for a in attempts[1:])
    assert len(store.failures(RUN)) == 4
    assert {failure.round for failure in store.failures(RUN, 1)} == {1}


def test_spending_never_guesses_a_price(store: Store) -> None:
    assert store.spending(RUN) == Spending(0, 0, 0, 0.0, 0, 0.0)
    store.add(an_entry("call:1", prompt_tokens=3, completion_tokens=4, seconds=0.5))
    assert store.spending(RUN) == Spending(1, 3, 4, None, 1, 0.5)
    store.add(an_entry("call:2", usd=0.25), an_entry("student:1", seconds=2.0), an_entry("call:3", run="other"))
    assert store.spending(RUN) == Spending(2, 3, 4, 0.25, 1, 2.5)


def test_yields_count_verdicts_by_cause_largest_first(store: Store) -> None:
    drafts = [a_draft(n, round=n // 3) for n in range(4)]
    verdicts = [a_verdict(draft, reason=f"praise {draft.key}") for draft in drafts[:2]]
    store.add(*drafts, *verdicts, *(a_verdict(draft, outcome="rejected", reason="wrong") for draft in drafts[2:]))
    assert store.yields(RUN) == [
        StepYield("check", "j@1", Outcome.ACCEPTED, "", 2),
        StepYield("check", "j@1", Outcome.REJECTED, "wrong", 2),
    ]
    assert store.yields(RUN, 1) == [StepYield("check", "j@1", Outcome.REJECTED, "wrong", 1)]


def test_a_draft_that_is_a_lesson_of_several_datasets_is_counted_once(store: Store) -> None:
    drafts = [a_draft(n) for n in range(5)]
    unfinished = a_dataset(*drafts, name="unfinished")[1:]
    store.add(*a_dataset(*drafts[:3]), *a_dataset(*drafts[1:4], name="other"), *unfinished)
    assert (store.lessons(RUN), store.lessons("other")) == (4, 0)


def test_call_outcomes_count_each_call_of_the_run_once(store: Store) -> None:
    mine, twice, foreign = (a_call(number, outcome="read") for number in range(3))
    unread = a_call(9)
    entries = [an_entry(call.key) for call in (mine, twice, unread)]
    store.add(mine, twice, foreign, unread, *entries, an_entry(twice.key, stage="again"), an_entry("student:1"))
    assert store.call_outcomes(RUN) == {"answered": 1, "read": 2}


MANY = [*one_of_each(), *(a_draft(n) for n in range(4))]


@settings(LIGHTLY, max_examples=4)
@given(records=st.permutations(MANY))
def test_the_order_of_adding_does_not_change_the_fingerprint(
    sqlite_store: Store, tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    sqlite_store.add(*MANY)
    with open_store(tmp_path_factory.mktemp("any") / "store.sqlite") as store:
        for record in records:
            store.add(record)
        assert store.fingerprint(RUN) == sqlite_store.fingerprint(RUN)


def test_both_back_ends_have_the_same_fingerprint(postgres_url: Callable[[], str], sqlite_store: Store) -> None:
    records = [*one_of_each(), *(a_draft(n, fields={"n": n * 1e15, "z": -0.0}) for n in range(50))]
    with open_store(postgres_url()) as store:
        assert store.add(*records) == sqlite_store.add(*records)
        assert store.fingerprint(RUN) == sqlite_store.fingerprint(RUN)


def test_only_work_changes_the_fingerprint(store: Store) -> None:
    store.add(*one_of_each())
    before = store.fingerprint(RUN)
    store.add(a_call(77), a_draft(run="other"))
    with store.writing() as connection:
        connection.execute(text("UPDATE call SET latency_s = 9, attempts = 3"))
        connection.execute(text("UPDATE draft SET created_at = '2020-01-01 00:00:00.000000'"))
        connection.execute(text("UPDATE student SET metrics = '{\"loss\": 1}'"))
    assert store.fingerprint(RUN) == before
    store.add(a_draft(5))
    assert store.fingerprint(RUN) != before


def test_an_intact_store_has_no_complaints(store: Store) -> None:
    store.add(*one_of_each(), *(a_draft(n) for n in range(PAGE + 3)))
    assert store.verify() == []


def test_a_tampered_row_is_found(store: Store) -> None:
    draft = a_draft(1)
    dataset, *rows = a_dataset(draft)
    store.add(draft, a_draft(2), a_verdict(draft), dataset, *rows)
    with store.writing() as connection:
        connection.execute(text("UPDATE draft SET fields = '{}' WHERE key = :key"), {"key": draft.key})
        connection.execute(text("UPDATE datasetrow SET draft = 'other'"))
        connection.execute(text("UPDATE verdict SET outcome = 'perhaps'"))
    complaints = store.verify()
    assert len(complaints) == 3
    for complaint, about in zip(
        complaints, (f"Draft {draft.key} was", "perhaps", f"Dataset {dataset.key}"), strict=True
    ):
        assert about in complaint


def test_json_that_was_cut_off_is_found(sqlite_store: Store) -> None:
    sqlite_store.add(a_draft(1), a_draft(2))
    with sqlite_store.writing() as connection:
        connection.execute(text("UPDATE draft SET fields = '{\"a' WHERE key = :key"), {"key": a_draft(1).key})
    assert [complaint.split(" cannot")[0] for complaint in sqlite_store.verify()] == [f"Draft {a_draft(1).key}"]


def test_threads_that_add_the_same_add_it_once(store: Store) -> None:
    batches = [[a_draft(n) for n in range(start, start + 600)] for start in (0, 200, 400, 0)]
    with ThreadPoolExecutor(4) as threads:
        added = list(threads.map(lambda batch: store.add(*batch), batches))
        singly = list(threads.map(lambda n: store.add(a_call(n % 20)), range(60)))
    assert (sum(added), sum(singly)) == (1000, 20)
    assert len(store.drafts(RUN, "write")) == 1000


def add_drafts(url: str, batches: list[range], counts: Any) -> None:
    with open_store(url) as store:
        counts.put(sum(store.add(*(a_draft(n) for n in batch)) for batch in batches))


def test_processes_that_add_the_same_add_it_once(url: str) -> None:
    batches = [range(start, start + 60) for start in range(0, 400, 40)]
    context = get_context("fork")
    counts = context.Queue()
    processes = [context.Process(target=add_drafts, args=(url, order, counts)) for order in (batches, batches[::-1])]
    for process in processes:
        process.start()
    assert sum(counts.get(timeout=30) for _ in processes) == 420
    for process in processes:
        process.join()


def test_a_writer_that_fails_leaves_nothing_and_blocks_nobody(store: Store) -> None:
    def interrupted() -> None:
        with store.writing() as connection:
            connection.execute(text("DELETE FROM run"))
            raise KeyboardInterrupt

    store.add(a_run())
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert store.run(RUN)
    assert store.add(a_draft()) == 1
