"""Materials that a generator gets as one: the candidates of a question, fused."""

import json
from typing import Any

import pytest

from agents.rehearsal.faults import known
from orchestrator.clauses import Together
from orchestrator.grouping import grouped
from orchestrator.recipe import load_recipe
from orchestrator.recipe_text import RecipeError
from storage.records import Call, Draft
from storage.store import Store
from tests.conftest import Loop

TOGETHER = Together(by=["question"], shows=["answer"])
SMALL = (
    "seeds={tasks: 12, basics: 4}",
    "exams.probe.per_skill=2",
    "exams.test.per_skill=2",
    "exams.retention.per_skill=1",
)


def draft(question: str, answer: str, **more: Any) -> Draft:
    fields = {"question": question, "answer": answer, "gold": "7", **more}
    return Draft.new(run="r", round=1, step="s", kind="solution", producer="p@1", fields=fields, split_key=question)


def test_what_agrees_is_one_and_shows_of_each_what_it_may() -> None:
    drafts = [draft("3+4?", "7"), draft("1+1?", "2"), draft("3+4?", "8"), draft("3+4?", "8", rationale="!")]
    groups = grouped(drafts, TOGETHER)
    assert groups == grouped(drafts[::-1], TOGETHER)
    assert sorted(len(group.members) for group in groups) == [1, 3]
    many = max(groups, key=lambda group: len(group.members))
    assert many.key == min(member.key for member in many.members)
    assert sorted(each["answer"] for each in many.candidates) == ["7", "8", "8"]
    assert all(set(each) == {"answer"} for each in many.candidates)
    assert many.fields == {"question": "3+4?", "gold": "7"}


def test_a_field_that_one_lacks_is_named() -> None:
    with pytest.raises(KeyError, match="rationale"):
        _ = grouped([draft("3+4?", "7")], Together(by=["question"], shows=["rationale"]))[0].candidates
    with pytest.raises(KeyError, match="topic"):
        grouped([draft("3+4?", "7")], Together(by=["topic"], shows=["answer"]))


async def test_three_teachers_are_fused_into_one_solution_a_question(loop: Loop, store: Store) -> None:
    asked: list[str] = []
    loop.tampering = lambda role, reply: asked.append(role) or reply
    key, _ = await loop.teach(load_recipe("fusion", list(SMALL)), store)
    candidates = {d.key: d for d in store.drafts(key, "solve")}
    fused = store.drafts(key, "fuse")
    assert 8 <= len(fused) <= 12
    assert len({d.fields["question"] for d in fused}) == len(fused)
    for one in fused:
        members = [candidates[parent] for parent in one.parents]
        assert {d.fields["question"] for d in members} == {one.fields["question"]}
        assert "candidates" not in one.fields
    calls = store.by_key(Call, [d.call for d in fused if d.call]).values()
    assert calls
    assert not any("<gold>" in json.dumps(call.request) for call in calls)
    before = len(asked)
    await loop.teach(load_recipe("fusion", list(SMALL)), store)
    assert len(asked) == before


async def test_a_fusion_is_right_more_often_than_its_candidates(loop: Loop, store: Store) -> None:
    """FusioN's cheap check on sets of parts: what is fused holds at least what the best candidate has."""
    key, _ = await loop.teach(load_recipe("fusion", [*SMALL, "seeds.tasks=80"]), store)

    def right(step: str) -> float:
        drafts = store.drafts(key, step)
        truths = [item.truth.answer if (item := known(d.fields["question"])) else "" for d in drafts]
        return sum(d.fields["answer"] == truth for d, truth in zip(drafts, truths, strict=True)) / len(drafts)

    assert right("fuse") > right("solve") + 0.1


async def test_a_single_material_is_no_group(loop: Loop, store: Store) -> None:
    with pytest.raises(
        RecipeError, match="step 'fuse': fuse reads several candidates at once; say which belong together"
    ):
        await loop.teach(load_recipe("fusion", [*SMALL, "lessons.fuse.together=null"]), store)
