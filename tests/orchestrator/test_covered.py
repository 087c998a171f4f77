"""What a step wrote in rounds before is shown to its generator, and is the same when the step is carried out again."""

from dataclasses import replace
from typing import Any

import pytest

from agents.prompts import COVERED, read_tagged
from orchestrator.clauses import Generate
from orchestrator.covered import covered
from orchestrator.examination import decontamination
from orchestrator.examination.items import guarded_items
from storage.records import Plan, Verdict
from storage.store import Store
from tests.conftest import Loop

SMALL = (
    "sources.basics.choose=[add, copy]",
    "seeds.basics=4",
    "seeds.seed_events=6",
    "stop.rounds=2",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=2",
    "lessons.critic.select={use: sampled, most: 500}",
    "lessons.critic.labels=null",
)


def recipe(loop: Loop, *edits: str) -> Any:
    return loop.recipe(*edits, place="symbolic-kd", small=SMALL)


def prompts(loop: Loop) -> list[str]:
    return [sent for sent in loop.sent if '"new_events"' in sent]


async def test_the_second_round_shows_some_of_the_first_and_repeats_none_of_it(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe(loop, "lessons.heads.covered=5")
    loop.worker.enough = 10**6  # so that something is left to teach
    run, _ = await loop.teach(made, store)
    first = {draft.fields["head"] for draft in store.drafts(run, "heads", 1)}
    told = [sent for sent in prompts(loop) if COVERED.strip() in sent.replace("\\n", "\n")]
    assert 0 < len(told) < len(prompts(loop))
    step = next(one for one in made.lessons if one.step == "heads")
    assert isinstance(step, Generate)
    keys = store.seed_keys(run, "seed_events", 2)
    async with loop.opened(made, store) as work:
        plan = Plan.new(run=run, round=2)
        shown = covered(work, plan, step, keys)
        assert shown == covered(work, plan, step, keys[::-1])
        assert covered(work, Plan.new(run=run, round=1), step, keys) == {}
        rejected = store.drafts(run, "heads", 1)[0]
        guard = {"judge": "split_guard", "outcome": "rejected", "reason": "belongs to an exam"}
        store.add(Verdict.new(run=run, draft=rejected.key, step="heads", **guard))
        assert rejected.fields["head"] not in "\n".join(covered(work, plan, step, keys).values())
        repeated = store.drafts(run, "heads", 1)[1]
        item = replace(guarded_items(made)[0], question=repeated.fields["head"], fields={})
        monkeypatch.setattr(decontamination, "guarded_items", lambda _: [item])
        assert repeated.fields["head"] not in "\n".join(covered(work, plan, step, keys).values())
    assert set(shown) == set(keys)
    assert {line for lines in shown.values() for line in lines.split("\n")} <= first
    assert all(0 < len(lines.split("\n")) <= 5 for lines in shown.values())


async def test_without_it_no_prompt_changes(loop: Loop, store: Store) -> None:
    loop.worker.enough = 10**6
    run, _ = await loop.teach(recipe(loop), store)
    assert store.drafts(run, "heads", 2)
    assert prompts(loop)
    assert not any(COVERED.strip() in sent for sent in prompts(loop))
    assert all("covered" not in read_tagged(sent) for sent in prompts(loop))


def test_a_generator_that_takes_no_notice_of_it_is_refused(loop: Loop) -> None:
    with pytest.raises(Exception, match="'write_tails' takes no notice of what is `covered`"):
        recipe(loop, "lessons.tails.covered=5")
