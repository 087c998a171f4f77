"""`try`: one component on a person's own rows, and what is said when they do not fit."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.kinds import UnreadableReply
from orchestrator import trial
from orchestrator.trial import TrialError, try_component
from tests.conftest import Loop, ScriptedTeacher

GOOD = {"question": "1+1?", "gold": "2", "rationale": "1+1=2", "answer": "2"}
Rows = Callable[..., Path]


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    def written(*found: Any) -> Path:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), encoding="utf-8")
        return path

    return written


@pytest.fixture
def played_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    def play(teacher: Any) -> None:
        @asynccontextmanager
        async def teachers(roles: list[str], *_: Any) -> AsyncIterator[dict[str, Any]]:
            yield dict.fromkeys(roles, teacher)

        monkeypatch.setattr(trial, "teachers_for", teachers)

    return play


async def test_a_verifier_tells_a_verdict_a_row(rows: Rows) -> None:
    found = await try_component("answer_match", rows(GOOD, {**GOOD, "answer": "3"}), [], None)
    assert [(row["row"], row["outcome"], row["reason"]) for row in found] == [
        (1, "accepted", "the answer is right"),
        (2, "rejected", "wrong answer"),
    ]
    assert found[1]["answer"] == "3"
    json.dumps(found)


async def test_a_selection_judges_the_rows_together(rows: Rows) -> None:
    found = await try_component("exact_duplicates", rows(GOOD, GOOD), ["fields=[question]"], None)
    assert [row["outcome"] for row in found] == ["accepted", "rejected"]


async def test_a_critic_asks_the_rehearsal_teacher(rows: Rows, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "teachers_for", loop._teachers)
    loop.model = "rehearsal-teacher?judge_error_rate=0&malformed_rate=0&refusal_rate=0"
    question = "Ian is taller than Omar. Quin is taller than Ian. Who is the tallest?"
    right = {"question": question, "rationale": "Quin over Ian, Ian over Omar.", "answer": "Quin"}
    found = await try_component("sound_reasoning", rows(right, {**right, "answer": "Ian"}), [], None)
    assert found[1]["outcome"] == "rejected"
    assert found[1]["reason"] == "The answer is not right."
    assert len(loop.sent) == 2


async def test_a_generator_tells_what_it_wrote(rows: Rows, played_by: Any) -> None:
    played_by(ScriptedTeacher(lambda *_: {"rationale": "so", "answer": "2"}))
    found = await try_component("write_solution", rows(GOOD), [], None)
    assert found == [{"row": 1, "written": [{"rationale": "so", "answer": "2"}]}]


async def test_a_reply_that_cannot_be_read_is_a_row_of_its_own(rows: Rows, played_by: Any) -> None:
    played_by(ScriptedTeacher(lambda *_: UnreadableReply("no JSON", "call:1")))
    found = await try_component("sound_reasoning", rows(GOOD), [], None)
    assert found == [{"row": 1, "outcome": "unreadable", "reason": "no JSON"}]


@pytest.mark.parametrize("name", ["arithmetic_steps", "sound_reasoning", "majority_vote"])
async def test_a_row_without_a_field_names_it_and_what_there_is(rows: Rows, played_by: Any, name: str) -> None:
    played_by(ScriptedTeacher(lambda *_: {}))
    with pytest.raises(TrialError, match=rf"row 1 has no field '\w+', which {name} reads; it has: gold, other"):
        await try_component(name, rows({"gold": "2", "other": 1}), [], None)


async def test_a_row_without_gold_says_what_to_use_instead(rows: Rows) -> None:
    with pytest.raises(TrialError, match=r"row 2: answer_match compares with `gold`.*majority_vote"):
        await try_component("answer_match", rows(GOOD, {"answer": "2"}), [], None)


BAD = {
    "answer_matches": ([], "Did you mean 'answer_match'"),
    "sft": ([], "no critic or verifier or selection or generator or weigher is named 'sft'"),
    "exact_duplicates": (["field=[a]"], r"^field: there is no such option; did you mean 'fields'\?$"),
    "majority_vote": (["share"], "cannot read the option 'share'; write it as name=value"),
    "write_solution": (["temperature=[1"], "the value of the option 'temperature=\\[1' is not valid YAML"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_component_that_cannot_be_made_says_why(rows: Rows, name: str) -> None:
    edits, reason = BAD[name]
    with pytest.raises(TrialError, match=reason):
        await try_component(name, rows(GOOD), edits, None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "holds no rows"), (b"[1]\n", "holds list"), (b"{", "rows.jsonl:1 is not JSON"), (b"\xff", "is not UTF-8")],
)
async def test_rows_that_are_none_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(TrialError, match=reason):
        await try_component("answer_match", path, [], None)


@pytest.mark.parametrize("value", ["9" * 24, '"\\ud83d"'], ids=["a long integer", "half a surrogate pair"])
async def test_a_value_that_no_store_keeps_names_its_row(tmp_path: Path, value: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{json.dumps(GOOD)}\n{{"answer": {value}}}\n')
    with pytest.raises(TrialError, match="row 2 holds what a store cannot keep"):
        await try_component("answer_match", path, [], None)


async def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="cannot read"):
        await try_component("answer_match", tmp_path / "none.jsonl", [], None)


async def test_a_row_may_hold_any_sign_that_json_may(rows: Rows) -> None:
    found = await try_component("answer_match", rows({**GOOD, "question": "one\u2028two\x85three"}), [], None)
    assert [row["outcome"] for row in found] == ["accepted"]


async def test_a_weigher_says_that_it_needs_a_student(rows: Rows) -> None:
    with pytest.raises(
        TrialError, match="perplexity goes by how likely a student finds texts, and a trial has no student"
    ):
        await try_component("perplexity", rows(GOOD), [], None)
