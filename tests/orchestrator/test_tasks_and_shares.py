"""Several tasks in one dataset: how each is put, which a draft teaches, and in what shares."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.formats.several_tasks import SeveralTasks
from orchestrator.mixtures.by_share import ByShare
from storage.records import Draft, Plan
from storage.store import Store
from tests.conftest import Loop

EXPLAIN = {"task": "explain"}
PROGRAM = {"task": "program", "ask": "As a program: {question}", "reply": "{program}"}
FORM = SeveralTasks.model_validate({"use": "several_tasks", "tasks": [EXPLAIN, PROGRAM]})
ASKED = {"question": "3+4?", "rationale": "3+4=7", "answer": "7", "program": "return 7"}
PLAN = Plan.new(run="r", round=1, why="")


def said(fields: dict[str, Any]) -> tuple[str, str]:
    row = FORM.row(fields)
    return row["prompt"][-1]["content"], row["completion"][-1]["content"]


def draft(number: int, task: str) -> Draft:
    fields = {"question": f"{number}?", "task": task}
    return Draft.new(run="r", round=1, step="s", kind="solution", producer="p@1", fields=fields, split_key=f"{number}")


def shares(**options: Any) -> ByShare:
    return ByShare.model_validate({"use": "by_share", **options})


def test_a_draft_teaches_the_task_that_it_names_and_the_first_if_it_names_none() -> None:
    assert said(ASKED) == said({**ASKED, "task": "explain"}) == ("3+4?", "3+4=7\n#### 7")
    assert said({**ASKED, "task": "program"}) == ("As a program: 3+4?", "return 7")


def test_a_field_that_looks_like_a_placeholder_is_text() -> None:
    assert said({**ASKED, "task": "program", "question": "{program} {gold}?"})[0] == "As a program: {program} {gold}?"


def test_a_task_that_the_format_has_not_is_named() -> None:
    with pytest.raises(KeyError, match="the task 'repair', which is none of the format's: explain, program"):
        FORM.row({**ASKED, "task": "repair"})


def test_two_tasks_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two tasks share a name"):
        SeveralTasks.model_validate({"use": "several_tasks", "tasks": [EXPLAIN, EXPLAIN]})


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 60), min_size=1),
    st.lists(st.integers(1, 5), min_size=4, max_size=4),
    st.integers(1, 3),
    st.one_of(st.none(), st.integers(1, 100)),
)
def test_rows_are_in_the_shares_and_no_draft_is_repeated_too_often(
    pool: dict[str, int], weights: list[int], repeat: int, size: int | None
) -> None:
    drafts = [draft(n, task) for task, count in pool.items() for n in range(count)]
    wanted = dict(zip(sorted(pool), weights, strict=False))
    rows = shares(shares=wanted, repeat=repeat, size=size).arrange(drafts, PLAN, 0)
    assert rows == shares(shares=wanted, repeat=repeat, size=size).arrange(drafts[::-1], PLAN, 0)
    assert max(Counter(row.key for row in rows).values(), default=0) <= repeat
    assert len(rows) <= (size or len(drafts) * repeat)
    counts = Counter(row.fields["task"] for row in rows)
    for task, weight in wanted.items():
        assert abs(counts[task] - len(rows) * weight / sum(wanted.values())) < 1


def test_a_share_of_nothing_is_an_error_and_a_share_of_zero_is_none() -> None:
    drafts = [draft(n, "long") for n in range(4)]
    with pytest.raises(
        ValueError, match="no draft has `task: short`, which is to be a share of the rows; it says: long"
    ):
        shares(shares={"long": 1, "short": 4}).arrange(drafts, PLAN, 0)
    assert len(shares(shares={"long": 1, "short": 0}).arrange(drafts, PLAN, 0)) == 4


async def test_what_a_step_adds_its_drafts_have_and_the_row_follows(loop: Loop, store: Store) -> None:
    form = {"use": "several_tasks", "tasks": [EXPLAIN, {**EXPLAIN, "task": "short", "ask": "Shortly: {question}"}]}
    recipe = loop.recipe("lessons.solve.adds={task: short}", f"datasets.lessons.format={json.dumps(form)}")
    key, _ = await loop.teach(recipe, store)
    solved = store.drafts(key, "solve")
    assert solved
    assert {draft.fields["task"] for draft in solved} == {"short"}
    rows = store.dataset_rows(store.datasets(key)[0].key)
    asked = {row.content["prompt"][-1]["content"].startswith("Shortly: ") for row in rows}
    assert True in asked
