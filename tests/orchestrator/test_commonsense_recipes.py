"""The commonsense recipes, each taught whole with a stand-in student: what their critics make of what was written."""

from collections.abc import Callable

import pytest

from agents.rehearsal import triples
from storage.records import Draft, Outcome
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.basics.choose=[add, copy]",
    "seeds.basics=8",
    "exams.probe.per_skill=3",
    "exams.test.per_skill=3",
    "exams.retention.per_skill=2",
)
Truth = Callable[[Draft], bool]


def holds(draft: Draft) -> bool:
    return bool(triples.holds(draft.fields["question"], draft.fields["tail"]))


def of_its_kind(draft: Draft) -> bool:
    return triples.is_a(draft.fields["instance"], draft.fields["concept"])


def came(store: Store, run: str, step: str, outcome: Outcome = Outcome.ACCEPTED) -> list[Draft]:
    keys = [key for key, found in store.judged(run, step, 1).items() if found == outcome]
    return list(store.by_key(Draft, keys).values())


def share(drafts: list[Draft], truth: Truth) -> float:
    assert drafts
    return sum(map(truth, drafts)) / len(drafts)


# --- symbolic knowledge distillation --------------------------------------------------------------------------------

SKD = (*SMALL, "seeds.seed_events=40", "lessons.drawn.select.most=250")


@pytest.mark.slow
async def test_a_critic_at_lower_recall_keeps_fewer_triples_of_which_more_are_right(loop: Loop, store: Store) -> None:
    kept: list[list[Draft]] = []
    for recall in (0.9, 0.5):
        run, _ = await loop.teach(
            loop.recipe(f"lessons.critic.select.recall={recall}", place="symbolic-kd", small=SKD), store
        )
        assert len(store.judged(run, "label", 1)) >= 240
        kept.append(came(store, run, "critic"))
        raw = came(store, run, "once")
        guarded = {attempt.split_key for attempt in store.attempts_of(run, ["probe", "test"])}
        assert not {draft.split_key for draft in raw} & guarded
    assert share(raw, holds) + 0.1 < share(kept[0], holds) <= share(kept[1], holds)
    texts = [{(d.fields["question"], d.fields["tail"]) for d in drafts} for drafts in kept]
    assert texts[1] < texts[0]


# --- CANDLE ---------------------------------------------------------------------------------------------------------

CANDLE = (*SMALL, "seeds.events=40")


async def test_each_critic_of_candle_raises_its_own_step_and_the_loop_finds_less_that_is_new(
    loop: Loop, store: Store
) -> None:
    run, _ = await loop.teach(loop.recipe(place="candle", small=CANDLE), store)
    for raw, step in (("new_concepts", "concept_holds"), ("new_instances", "instance_holds")):
        assert share(came(store, run, step), of_its_kind) > share(came(store, run, raw), of_its_kind) + 0.1
    again = {draft.key for draft in came(store, run, "concept_holds_again")}
    new = [draft for draft in came(store, run, "new_again") if draft.key in again]
    assert 0 < len(new) < len(again)


async def test_without_its_critic_a_step_of_candle_is_as_good_as_the_teacher_and_the_other_step_is_not_worse(
    loop: Loop, store: Store
) -> None:
    run, _ = await loop.teach(loop.recipe("lessons.instantiate.from=new_concepts", place="candle", small=CANDLE), store)
    assert share(came(store, run, "instance_holds"), of_its_kind) > 0.85
    asked = {draft.parents[0] for draft in store.drafts(run, "instantiate")}
    assert share(list(store.by_key(Draft, list(asked)).values()), of_its_kind) < 0.85


# --- Snowman --------------------------------------------------------------------------------------------------------

SNOWMAN = (*SMALL, "seeds.seed_events=20", "exams.test_not_so.per_skill=3")


async def test_snowman_judges_what_is_not_so_and_leaves_the_rest_as_it_is(loop: Loop, store: Store) -> None:
    run, _ = await loop.teach(loop.recipe(place="snowman", small=SNOWMAN), store)
    written, kept = store.drafts(run, "tails"), came(store, run, "check")

    def of(drafts: list[Draft], negative: bool) -> list[Draft]:
        return [draft for draft in drafts if draft.fields["relation"].startswith("not_") == negative]

    assert {draft.key for draft in of(written, negative=False)} == {draft.key for draft in of(kept, negative=False)}
    assert share(of(kept, negative=True), holds) > share(of(written, negative=True), holds) + 0.1
    verdicts = store.verdicts(run, "check", 1)
    reasons = {verdicts[draft.key].reason for draft in of(kept, negative=False)}
    assert reasons == {"not asked"}
    assert not any(verdicts[draft.key].call for draft in of(kept, negative=False))
    assert all(verdicts[draft.key].reason != "not asked" for draft in of(kept, negative=True))
    calls = [entry for entry in loop.sent if '"plausible"' in entry]
    assert 0 < len(calls) < len(written)


@pytest.mark.slow
async def test_a_draft_that_was_not_asked_about_is_no_label(loop: Loop, store: Store) -> None:
    """What a judge let by is no good example: of a critic that learns from it, all labels are of the stratum judged."""
    edits = ("lessons.label.only={relation: [need, want]}", "lessons.critic.select.recall=.8")
    run, _ = await loop.teach(loop.recipe(*edits, place="symbolic-kd", small=SKD), store)
    verdicts = store.verdicts(run, "critic", 1)
    drafts = store.by_key(Draft, list(verdicts))
    labelled = {drafts[key].fields["relation"] for key, verdict in verdicts.items() if "label" in verdict.evidence}
    assert labelled == {"need", "want"}
