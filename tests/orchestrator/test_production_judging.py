"""Judge steps with several roles: who judges whose draft, and what comes of a judge that does not answer."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.rehearsal.teacher import Refusal
from orchestrator.production import batches
from orchestrator.recipe import RecipeError
from storage.records import Plan
from storage.store import Store
from tests.conftest import Loop
from tests.orchestrator.test_peer_reviewed_mistakes import SMALL


def peers(loop: Loop, *edits: str) -> Any:
    loop.worker.enough = 1000
    return loop.recipe(*edits, place="peer-reviewed-mistakes", small=SMALL)


async def test_where_all_roles_are_one_model_nobody_is_left_to_judge(loop: Loop, store: Store, tmp_path: Path) -> None:
    data = peers(loop).resolved()
    for role in data["roles"].values():
        role["rehearsal"] = None
    (tmp_path / "alike.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(
        RecipeError, match=r"has nobody to judge it but its author; bind the roles .* to different models"
    ):
        await loop.teach(loop.recipe(place=tmp_path / "alike.yaml", small=()), store)


async def test_with_its_author_all_roles_judge(loop: Loop, store: Store) -> None:
    recipe = peers(loop, "lessons.review.but_author=false")
    key, _ = await loop.teach(recipe, store)
    verdicts = store.verdicts(key, "review", 2)
    assert verdicts
    assert {frozenset(v.evidence) for v in verdicts.values()} == {frozenset(recipe.roles)}


async def test_a_judge_that_says_nothing_readable_does_not_silence_the_others(loop: Loop, store: Store) -> None:
    recipe = peers(loop)
    mute = sorted(recipe.roles)[0]
    honest = loop.tampering

    def tampered(role: str, reply: str | Refusal) -> str | Refusal:
        is_review = isinstance(reply, str) and '"rationale"' not in reply and '"explanation"' not in reply
        return "hm" if role == mute and is_review else honest(role, reply)

    loop.tampering = tampered
    key, plan = await loop.teach(recipe, store)
    assert plan.stop
    assert store.verdicts(key, "review", 2)


async def test_a_draft_that_one_of_its_judges_did_not_answer_for_stays_unjudged_until_it_does(
    loop: Loop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents.kinds import Unanswered
    from orchestrator import production

    recipe, said = peers(loop), production._said
    silent = sorted(recipe.roles)[0]

    async def sometimes(work: Any, judge: Any, draft: Any, teacher: Any) -> Any:
        found = await said(work, judge, draft, teacher)
        return Unanswered("it timed out") if teacher is work.teachers[silent] else found

    monkeypatch.setattr(production, "_said", sometimes)
    key, _ = await loop.teach(recipe, store)
    drafts = {draft.key: draft for draft in store.drafts(key, "explain", 2)}
    judged = store.judged(key, "review", 2)
    assert drafts.keys() - judged.keys()
    model = recipe.roles[silent].rehearsal
    assert all(str(model) in drafts[draft].producer for draft in judged if draft in drafts)
    step = next(step for step in recipe.lessons if step.step == "review")
    async with loop.opened(recipe, store) as work:
        waiting = {k for batch in batches(work, Plan.new(run=key, round=2), step) for k in batch}
    assert waiting & drafts.keys()
    assert not waiting & judged.keys()
