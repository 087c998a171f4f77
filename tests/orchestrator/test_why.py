"""Where a draft comes from, all the way up."""

import pytest

from orchestrator.why import why
from storage.records import Run
from storage.store import Store, StoreError
from tests.conftest import Loop


async def test_a_lesson_is_traced_to_its_seed_with_prompts_replies_and_verdicts(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    run = Run.model_validate(store.run(key))
    drafts = store.drafts(key, "solve_new")
    found = why(store, run, drafts[0].key.rpartition(":")[2][:20])
    assert found.seed is not None
    assert found.seed.stream == "failures"
    assert [one.draft.step for one in found.drafts] == ["practise", "solve_new"]
    for one in found.drafts:
        assert one.call is not None
        assert one.call.request["messages"][0]["role"] == "user"
        assert one.call.reply["content"]
    assert {verdict.step for verdict in found.drafts[-1].verdicts} >= {"agree"}
    assert set(found.as_json()) == {"seed", "drafts", "withdrawn"}


async def test_a_beginning_that_fits_none_or_several_is_said(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(loop.recipe(), store)
    run = Run.model_validate(store.run(key))
    for beginning, said in (("zz", "None of this run"), ("", "several drafts begin so"), ("%", "None of this run")):
        with pytest.raises(StoreError, match=said):
            why(store, run, beginning)
