"""What is kept of examinations and of lessons by skill: keys that stay, and the questions that feedback asks."""

import pytest

from storage.keyed import content_key
from storage.records import NO_ROOM, Attempt, Cluster, Hearing, Outcome, Ruling, Verdict
from storage.store import Store
from tests.storage.lessons import (
    RUN,
    a_call,
    a_cluster,
    a_dataset,
    a_draft,
    a_run,
    a_seed,
    a_student,
    an_attempt,
    an_entry,
)


def test_the_first_sample_has_the_key_that_attempts_had_before_there_were_samples() -> None:
    first, second = an_attempt(a_student()), an_attempt(a_student(), sample=1)
    assert first.key == content_key("attempt", [first.student, "e", "1 + 1?"])
    assert second.key == content_key("attempt", [second.student, "e", "1 + 1?", {"sample": 1}])
    assert Attempt.joined == {"sample": 0}


@pytest.mark.parametrize("sample", [0, 1, 7])
def test_an_attempt_still_has_its_key_when_it_is_read(store: Store, sample: int) -> None:
    attempt = an_attempt(a_student(), sample=sample)
    store.add(attempt)
    (read,) = store.attempts_of(RUN, ["e"])
    assert read.derived_key() == read.key == attempt.key
    assert store.verify() == []


def test_attempts_of_a_run_are_those_of_its_students_in_these_exams(store: Store) -> None:
    base, taught = a_student(), a_student(round=1, dataset="d")
    mine = [an_attempt(s, exam=exam) for s in (base, taught) for exam in ("probe", "test")]
    store.add(*mine, an_attempt(a_student(run="other"), run="other", exam="probe"))
    assert {a.key for a in store.attempts_of(RUN, ["probe"])} == {mine[0].key, mine[2].key}
    assert {a.key for a in store.attempts_of(RUN, ["test", "probe"])} == {a.key for a in mine}
    assert store.attempts_of(RUN, []) == []


def test_clusters_come_by_round_and_the_largest_first(store: Store) -> None:
    base, taught = a_student(), a_student(round=1, dataset="d")
    store.add(a_cluster(base, "b", 2), a_cluster(base, "a", 2), a_cluster(base, "c", 5), a_cluster(taught, "d", 9))
    assert [c.label for c in store.clusters(RUN)] == ["c", "a", "b", "d"]
    assert [c.label for c in store.clusters(RUN, 1)] == ["d"]
    assert store.clusters("other") == []


def test_rulings_and_hearings_are_a_runs_own_and_kept_once(store: Store) -> None:
    ruling = Ruling.new(run=RUN, round=1, champion="b", challenger="s", outcome="promote")
    hearing = Hearing.new(run=RUN, role="judge", judge="j@1", model="m", admitted=False)
    assert store.add(ruling, hearing) == 2
    later = Ruling.new(run=RUN, round=1, champion="b", challenger="s", outcome="hold")
    assert store.add(later, Hearing.new(run=RUN, role="judge", judge="j@1", model="m", admitted=True)) == 0
    assert [r.outcome for r in store.rulings(RUN)] == ["promote"]
    assert [h.admitted for h in store.hearings(RUN)] == [False]
    assert store.rulings("other") == store.hearings("other") == []


def test_taught_counts_seeds_drafts_and_lessons_by_round_and_skill(store: Store) -> None:
    first, second, later = a_draft(1), a_draft(3), a_draft(2, round=1)
    store.add(a_seed(1, skill="s1"), a_seed(2, skill="s1"), a_seed(3, skill="s0"), a_seed(4, skill="s1", run="other"))
    store.add(first, second, later, a_draft(5, run="other"))
    store.add(*a_dataset(first, later), *a_dataset(first, name="again"))
    assert store.taught(RUN) == {(0, "s0"): (1, 0, 0), (0, "s1"): (2, 2, 1), (1, "s0"): (0, 1, 1)}
    assert store.taught("nobody") == {}


def test_what_a_guard_withheld_counts_as_no_draft_where_that_is_asked_for(store: Store) -> None:
    kept, withheld, wrong = a_draft(1), a_draft(3), a_draft(5)
    said = {"run": RUN, "outcome": Outcome.REJECTED}
    store.add(kept, withheld, wrong, *a_dataset(kept))
    store.add(Verdict.new(**said, draft=withheld.key, step="decontamination", judge="decontamination"))
    store.add(Verdict.new(**said, draft=wrong.key, step="right_answer", judge="answer_match@1"))
    assert store.taught(RUN) == {(0, "s1"): (0, 3, 1)}
    assert store.taught(RUN, withheld_by=("decontamination", "split_guard")) == {(0, "s1"): (0, 2, 1)}


def test_a_run_has_run_short_once_an_entry_says_so(store: Store) -> None:
    store.add(a_run(), an_entry("call:b2:1"))
    assert not store.ran_short(RUN)
    store.add(an_entry(f"{NO_ROOM} 1"))
    assert store.ran_short(RUN)
    assert not store.ran_short("other")
    assert store.spending(RUN).calls == 1


def test_what_was_reused_is_no_spending_unless_it_is_asked_for(store: Store) -> None:
    bought, reused = a_call(1, usd=0.5), a_call(2, usd=0.25)
    store.add(a_run(), bought, reused)
    store.add(an_entry(bought.key, usd=0.5, prompt_tokens=10, completion_tokens=1))
    store.add(an_entry(reused.key, usd=0.25, prompt_tokens=20, completion_tokens=2, reused=True))
    paid, worth = store.spending(RUN), store.spending(RUN, with_reused=True)
    assert (paid.calls, paid.prompt_tokens, paid.completion_tokens, paid.usd) == (1, 10, 1, 0.5)
    assert (worth.calls, worth.prompt_tokens, worth.completion_tokens, worth.usd) == (2, 30, 3, 0.75)
    assert store.bought(RUN) == {(0, "ask"): {bought.key}}
    assert store.bought(RUN, with_reused=True) == {(0, "ask"): {bought.key, reused.key}}
    assert store.spending_by_stage(RUN)[0, "ask"] == paid
    assert store.spending_by_stage(RUN, with_reused=True)[0, "ask"] == worth


def test_a_cluster_that_is_found_again_is_the_same_whatever_its_name() -> None:
    student = a_student()
    assert a_cluster(student, "a", 1, name="carrying").key == a_cluster(student, "a", 1).key
    assert Cluster.identity == ("student", "exam", "label")
