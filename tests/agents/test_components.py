"""The registry, and what single components do beyond the contracts of their kind."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from agents import registry
from agents.kinds import Nobody, SourceError, Verifier, accepted
from agents.registry import build, register
from agents.selections.exact_duplicates import ExactDuplicates
from agents.selections.majority_vote import MajorityVote
from agents.sources.jsonl_questions import JsonlQuestions
from storage.records import Draft


def a_draft(number: int, answer: str, question: str = "How many?") -> Draft:
    fields = {"question": question, "rationale": "so", "answer": answer}
    facts: dict[str, Any] = {"run": "r", "round": 1, "step": "s", "kind": "solution", "producer": "w@1"}
    return Draft.new(**facts, fields=fields, split_key=question, sample=number)


def outcomes(judgements: Any) -> list[tuple[str, str]]:
    return [(str(judgement.outcome), judgement.reason) for judgement in judgements]


# --- the registry ---------------------------------------------------------------------------------------------------


def test_a_name_can_be_taken_only_once_in_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})

    class One(Verifier):
        def judge(self, draft: Draft) -> Any:
            return accepted("yes")

    class Two(One):
        pass

    assert register("mine")(One) is register("mine")(One) is One
    with pytest.raises(ValueError, match=r"verifier 'mine' is defined twice: in .*test_components and in .*rename"):
        register("mine")(Two)
    assert build("mine", Verifier).judge(a_draft(0, "1")).reason == "yes"


@pytest.mark.parametrize("options", [None, 3, [], {}, {"use": 3}, {"use": None}])
def test_what_names_no_component_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="expected `use: <name of a verifier>`"):
        build(options, Verifier)


async def test_nobody_answers_nothing() -> None:
    with pytest.raises(RuntimeError, match="says it asks nobody"):
        await Nobody().ask("?", Draft)


# --- selections -----------------------------------------------------------------------------------------------------


def test_a_majority_keeps_the_first_of_the_largest_group() -> None:
    drafts = [a_draft(i, answer) for i, answer in enumerate(["8", "7", "seven", "7.0"])]
    assert outcomes(MajorityVote(use="majority_vote").choose(drafts, [])) == [
        ("rejected", "outvoted"),
        ("accepted", "3 of 4 agree"),
        ("rejected", "same answer as the solution kept"),
        ("rejected", "same answer as the solution kept"),
    ]


def test_without_a_majority_nothing_is_kept() -> None:
    drafts = [a_draft(0, "7"), a_draft(1, "8"), a_draft(2, "5", "Alone?")]
    assert outcomes(MajorityVote(use="majority_vote").choose(drafts, [])) == [("rejected", "no majority")] * 3


def test_duplicates_are_known_across_rounds_case_and_spacing() -> None:
    first, again, other = a_draft(0, "7"), a_draft(1, " 7 ", "how  MANY?"), a_draft(2, "8")
    component = ExactDuplicates(use="exact_duplicates")
    assert outcomes(component.choose([first, again, other], [])) == [
        ("accepted", "new"),
        ("rejected", "duplicate"),
        ("accepted", "new"),
    ]
    assert outcomes(component.choose([again, other], [first])) == [("rejected", "duplicate"), ("accepted", "new")]
    assert component.choose([again], [first])[0].evidence == {"of": first.key}


# --- questions from a file ------------------------------------------------------------------------------------------


def source(path: Path, content: str | bytes, **options: Any) -> JsonlQuestions:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return JsonlQuestions(use="jsonl_questions", path=str(path), **options)


def questions(found: JsonlQuestions) -> list[dict[str, Any]]:
    return [m.fields for part in ("train", "probe", "test") for m in found.materials(part, "", 0)]


def test_a_marked_answer_is_the_gold_and_any_other_text_is_itself(tmp_path: Path) -> None:
    rows = [
        {"question": "a?", "answer": "2+2=4\n#### 4"},
        {"question": "b?", "answer": "blue"},
        {"question": 3, "answer": 9},
    ]
    found = {f["question"]: f for f in questions(source(tmp_path / "q", "\n".join(map(json.dumps, rows))))}
    assert found["a?"] == {"question": "a?", "gold": "4", "solution": "2+2=4\n#### 4"}
    assert found["b?"]["gold"] == "blue"
    assert found["3"]["gold"] == "9"


def test_a_repeated_question_is_given_once(tmp_path: Path) -> None:
    rows = [{"question": q, "answer": "1"} for q in ("How many?", "how  many?", "Other?")]
    assert len(questions(source(tmp_path / "q", "\n".join(map(json.dumps, rows))))) == 2


def test_any_sign_that_json_may_hold_is_text(tmp_path: Path) -> None:
    row = {"question": "one\u2028two\x85three 😀", "answer": "1"}
    text = json.dumps(row, ensure_ascii=False).replace("😀", "\\ud83d\\ude00") + "\r\n\r\n"
    (fields,) = questions(source(tmp_path / "q", b"\xef\xbb\xbf" + text.encode()))
    assert fields["question"] == row["question"]


def test_a_skill_comes_from_the_file_if_it_has_one(tmp_path: Path) -> None:
    rows = [{"question": f"{s}{i}?", "answer": "1", "topic": s} for s in "ab" for i in range(20)]
    found = source(tmp_path / "q", "\n".join(map(json.dumps, rows)), skill="topic")
    assert found.skills() == ["a", "b"]
    assert {m.skill for m in islice(found.materials("train", "b", 0), 5)} == {"b"}


BAD = {
    '{"question": "a?"}': r"q:1 has no text in 'answer'; it has: question. Name the fields in the recipe",
    '{"question": "  ", "answer": "1"}': r"q:1 has no text in 'question'",
    '{"question": true, "answer": "1"}': r"q:1 has no text in 'question'",
    '\n[1]\n': r"q:2 holds list; expected one JSON object a line",
    "{": r"q:1 is not JSON",
    "": r"holds no questions",
    '{"question": "a?", "answer": "1"}\n{"question": "\\ud83d?", "answer": "1"}': r"q:2 holds .* surrogate .* 'question'",
    '{"question": "a?", "answer": "\\u0000 1"}': r"q:1 holds a NUL or .* in 'answer'",
    '{"question": "' + "a" * 101 + '", "answer": "1"}': r"a question of 101 characters, at most 100",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_file_that_cannot_be_used_is_refused_with_the_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=BAD[text]):
        source(tmp_path / "q", text, longest=100).skills()


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is not UTF-8 text .* save it as UTF-8"):
        source(tmp_path / "q", b"\xff").skills()
    with pytest.raises(SourceError, match=r"cannot read .*none: No such file"):
        JsonlQuestions(use="jsonl_questions", path=str(tmp_path / "none")).skills()


def test_other_fields_are_kept_as_they_are(tmp_path: Path) -> None:
    row = {"question": "a?", "answer": "1", "choices": ["1", {"B": "2"}], "page": 3}
    (fields,) = questions(source(tmp_path / "q", json.dumps(row), keep=["choices", "page"]))
    assert fields == {"question": "a?", "gold": "1", "choices": ["1", {"B": "2"}], "page": 3}


def test_a_field_to_keep_that_is_missing_unfit_or_not_free_is_refused(tmp_path: Path) -> None:
    row = '{"question": "a?", "answer": "1", "choices": [{"x": "\\u0000"}]}'
    with pytest.raises(SourceError, match=r"q:1 has nothing in 'page', which `keep` names; it has: question, answer"):
        source(tmp_path / "q", row, keep=["page"]).skills()
    with pytest.raises(SourceError, match=r"q:1 holds a NUL or .* in 'choices'"):
        source(tmp_path / "q", row, keep=["choices"]).skills()
    with pytest.raises(ValueError, match="`keep` names 'gold', which every material has of its own"):
        source(tmp_path / "q", row, keep=["gold"])


def test_questions_that_share_what_they_are_split_by_are_in_one_part(tmp_path: Path) -> None:
    rows = [{"question": f"{i} {v}?", "answer": "1", "fact": f"F  {i}"} for i in range(40) for v in "abc"]
    found = source(tmp_path / "q", "\n".join(map(json.dumps, rows)), split_by="fact")
    parts = {part: list(found.materials(part, "", 0)) for part in ("train", "probe", "test")}  # type: ignore[arg-type]
    keys = {part: {m.split_key for m in materials} for part, materials in parts.items()}
    assert sum(map(len, parts.values())) == 120
    assert sum(map(len, keys.values())) == 40
    assert "fact: f 7" in set.union(*keys.values())
    assert found.split_key({"question": "What is  new?"}) == "what is new?"
