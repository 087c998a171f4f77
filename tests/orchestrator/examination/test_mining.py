"""What the loop makes of failures: causes, clusters, names for them, and how they go on from round to round."""

import json
from typing import Any

import pytest

from agents.rehearsal.faults import known
from agents.rehearsal.teacher import Refusal
from orchestrator.examination.diagnosis import Cause
from orchestrator.examination.items import CANARY
from storage.records import Attempt, Cluster, Failure
from storage.store import Store
from tests.conftest import Loop

NEVER = 10**6
"""Rows that a stand-in student has to see: it learns nothing."""
NAMER = "roles.namer={about: names clusters}"


async def taught(loop: Loop, store: Store, *edits: str, enough: int = NEVER) -> str:
    loop.worker.enough = enough
    key, _ = await loop.teach(loop.recipe(*edits), store)
    return key


def named_by(reply: Any) -> Any:
    """Whatever the form, the role `namer` replies this."""
    return lambda role, said: reply if role == "namer" else said


def attempts_by_key(store: Store, failures: list[Failure]) -> dict[str, Attempt]:
    return store.by_key(Attempt, [failure.attempt for failure in failures])


async def test_every_wrong_probe_answer_is_a_failure_with_its_cause(loop: Loop, store: Store) -> None:
    key = await taught(loop, store)
    failures = store.failures(key)
    attempts = attempts_by_key(store, failures)
    wrong = {attempt.key for attempt in store.attempts_of(key, ["probe"]) if not attempt.right}
    assert {failure.attempt for failure in failures} == wrong
    assert {failure.cause for failure in failures} <= set(map(str, Cause))
    for failure in failures:
        unanswered = attempts[failure.attempt].answer is None
        assert (failure.cause in (Cause.NO_FINAL_ANSWER, Cause.UNANSWERABLE)) == unanswered
        assert failure.skill == attempts[failure.attempt].skill
    assert len({failure.cause for failure in failures}) > 1


async def test_the_clusters_of_a_student_part_its_failures_largest_first(loop: Loop, store: Store) -> None:
    key = await taught(loop, store)
    for number in (0, 1, 2):
        clusters, failures = store.clusters(key, number), store.failures(key, number)
        assert clusters
        assert sorted(k for cluster in clusters for k in cluster.failures) == sorted(f.key for f in failures)
        for cluster in clusters:
            members = [failure for failure in failures if failure.cluster == cluster.label]
            assert {failure.key for failure in members} == set(cluster.failures)
            assert {(failure.skill, failure.cause) for failure in members} == {(cluster.skill, cluster.cause)}
            assert cluster.size == len(members)
            assert cluster.exam == "probe"


async def test_a_cluster_knows_how_large_it_was_in_the_round_before(loop: Loop, store: Store) -> None:
    key = await taught(loop, store)
    assert {cluster.before for cluster in store.clusters(key, 0)} == {None}
    sizes = {cluster.label: cluster.size for cluster in store.clusters(key, 1)}
    second = store.clusters(key, 2)
    assert [cluster.before for cluster in second] == [sizes.get(cluster.label, 0) for cluster in second]
    assert any(cluster.before for cluster in second)


async def test_after_a_round_without_failures_every_cluster_was_empty_before(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base knows everything, and what it is taught makes it forget."""
    reply = loop.worker._reply

    def forgetful(question: str, memory: dict[str, int]) -> dict[str, Any]:
        item = known(question)
        return reply(question, {} if memory or not item else {item.skill.name: NEVER})

    monkeypatch.setattr(loop.worker, "_reply", forgetful)
    key = await taught(loop, store, enough=1)
    assert store.clusters(key, 0) == []
    assert {cluster.before for cluster in store.clusters(key, 1)} == {0}


async def test_practice_that_the_base_did_not_take_has_no_round_before(loop: Loop, store: Store) -> None:
    practice = "exams.practice={use: final_answer, source: tasks, part: train, per_skill: 2}"
    key = await taught(loop, store, practice)
    assert {cluster.before for cluster in store.clusters(key, 1) if cluster.exam == "practice"} == {None}


async def test_what_was_learnt_is_in_no_cluster_any_more(loop: Loop, store: Store) -> None:
    key = await taught(loop, store, "seeds.tasks=60", enough=4)
    before, after = (sum(c.size for c in store.clusters(key, number)) for number in (0, 2))
    assert after < before / 2


async def test_nobody_is_asked_for_names_unless_the_recipe_says_who(loop: Loop, store: Store) -> None:
    key = await taught(loop, store)
    assert {(c.name, c.description, c.call) for c in store.clusters(key)} == {("", "", None)}
    assert not any("what they have in common" in sent for sent in loop.sent)


async def test_a_role_names_clusters_and_the_call_is_kept(loop: Loop, store: Store) -> None:
    loop.tampering = named_by(json.dumps({"name": "reading trips", "description": "It adds where it should divide."}))
    key = await taught(loop, store, NAMER, "mining.role=namer")
    clusters = store.clusters(key)
    assert {(c.name, c.description) for c in clusters} == {("reading trips", "It adds where it should divide.")}
    assert all(cluster.call for cluster in clusters)
    asked = [sent for sent in loop.sent if "what they have in common" in sent]
    assert len(asked) == len({cluster.call for cluster in clusters})
    assert store.spending_by_stage(key)[1, "name failures"].calls > 0


async def test_a_name_that_cannot_be_read_leaves_the_cluster_unnamed_and_is_told(loop: Loop, store: Store) -> None:
    told: list[str] = []
    loop.tampering = named_by("I would rather not say.")
    loop.worker.enough = NEVER
    recipe = loop.recipe(NAMER, "mining.role=namer")
    key, plan = await loop.teach(recipe, store, tell=lambda event, facts: told.append(event))
    assert plan.stop
    assert {(c.name, c.call) for c in store.clusters(key)} == {("", None)}
    assert told.count("unnamed") == len(store.clusters(key))


async def test_a_namer_that_declines_leaves_the_cluster_unnamed(loop: Loop, store: Store) -> None:
    loop.tampering = named_by(Refusal("no"))
    key = await taught(loop, store, NAMER, "mining.role=namer")
    assert {c.name for c in store.clusters(key)} == {""}


async def test_the_rehearsal_teacher_names_a_cluster_by_its_skill(loop: Loop, store: Store) -> None:
    key = await taught(loop, store, NAMER, "mining.role=namer")
    named = [cluster for cluster in store.clusters(key) if cluster.name and cluster.skill]
    assert named
    assert {c.name for c in named} <= {c.skill.replace("_", " ") for c in named} | {"unrecognised"}


async def test_a_canary_is_asked_and_is_no_failure(loop: Loop, store: Store) -> None:
    key = await taught(loop, store, "exams.probe.canaries=6")
    assert sum(attempt.skill == CANARY for attempt in store.attempts_of(key, ["probe"])) == 6 * 3
    assert CANARY not in {failure.skill for failure in store.failures(key)}
    assert CANARY not in {cluster.skill for cluster in store.clusters(key)}
    assert all(CANARY not in card.skills for card in store.scorecards(key))


async def test_a_tests_failures_are_not_mined(loop: Loop, store: Store) -> None:
    key = await taught(loop, store)
    assert any(not attempt.right for attempt in store.attempts_of(key, ["test", "retention"]))
    exams = {attempt.exam for attempt in attempts_by_key(store, store.failures(key)).values()}
    assert exams == {cluster.exam for cluster in store.clusters(key)} == {"probe"}


async def test_of_several_wrong_samples_of_one_question_one_is_a_failure(loop: Loop, store: Store) -> None:
    key = await taught(loop, store, "exams.probe.samples=3", "exams.probe.temperature=0.8")
    failures = store.failures(key, 1)
    questions = [attempt.question for attempt in attempts_by_key(store, failures).values()]
    assert len(set(questions)) == len(questions) == 12


async def test_labels_do_not_depend_on_chance(loop: Loop, store: Store, new_store: Any) -> None:
    def seen(of: Store, key: str) -> list[tuple[str, int]]:
        return [(cluster.label, cluster.size) for cluster in of.clusters(key)]

    key = await taught(loop, store)
    with new_store("other") as other:
        assert seen(other, await taught(loop, other)) == seen(store, key)


def test_a_cluster_is_one_by_student_exam_and_label() -> None:
    facts = {"run": "r", "round": 1, "student": "s", "exam": "probe", "label": "trip: wrong fact", "size": 1}
    assert Cluster.new(**facts).key == Cluster.new(**{**facts, "size": 2}).key
