"""What every verifier, critic and selection must hold to: they judge, and never touch what they judge."""

import json
from copy import deepcopy
from itertools import islice
from typing import Any

import pytest

from agents.answers import final_answer
from agents.kinds import Critic, Judgement, Refused, Selection, UnreadableReply, Verifier
from agents.prompts import read_tagged
from agents.rehearsal import world
from storage.records import Draft, Outcome
from tests.conftest import ScriptedTeacher
from tests.contracts.isolated import needs_isolation
from tests.contracts.whole import DATA, HOSTILE, SECRET, a_draft, filled, named, of_kind

DRAFTS = (
    a_draft(0),
    a_draft(1),
    a_draft(2, answer="8", rationale="3+4=8"),
    a_draft(3, answer="seven", rationale="I think so."),
    a_draft(4, rationale=HOSTILE, answer=HOSTILE, question=HOSTILE),
    a_draft(5, question="What is 1/0?", answer="", rationale=""),
    a_draft(6, question="Other?", answer="∞" * 5000, gold="9" * 400),
    a_draft(7, rationale="Let us see, 3+4=8, so it is. " * 100, answer="8"),
    a_draft(8, question="Anna hat drei Äpfel und bekommt noch vier dazu. Wie viele Äpfel hat sie jetzt insgesamt?"),
)
RUNNING = (pytest.mark.slow, needs_isolation)
verifiers = pytest.mark.parametrize(
    "judge",
    [pytest.param(judge, marks=RUNNING if judge.use == "program_value" else ()) for judge in of_kind(Verifier)],
    ids=named,
)
critics = pytest.mark.parametrize("judge", of_kind(Critic), ids=named)
selections = pytest.mark.parametrize("judge", of_kind(Selection), ids=named)


def well_formed(judgement: Judgement) -> bool:
    json.dumps(judgement.evidence)
    return judgement.outcome in (Outcome.ACCEPTED, Outcome.REJECTED) and len(judgement.reason.strip()) > 2


def content(drafts: Any) -> list[dict[str, Any]]:
    return deepcopy([draft.model_dump() for draft in drafts])


def says(prompt: str, form: Any, sample: int) -> Any:
    return filled(form, "It holds.")


@verifiers
def test_a_verifier_judges_each_draft_with_a_reason_and_changes_none(judge: Any) -> None:
    before = content(DRAFTS)
    assert all(well_formed(judge.judge(draft)) for draft in DRAFTS)
    assert content(DRAFTS) == before


@verifiers
def test_a_verifier_says_the_same_of_the_same_draft(judge: Any) -> None:
    for draft in DRAFTS:
        assert judge.judge(draft) == judge.judge(draft)


def as_rules(answer: str) -> dict[str, str]:
    quoted = answer.replace("'", "''")
    return {"facts": f"told('{quoted}').", "rules": "answer(X) :- told(X).", "query": "answer(What)"}


def gold_drafts() -> list[Draft]:
    items = [item for skill in world.SKILLS for item in islice(world.items(skill, 3), 25)]
    found = [
        a_draft(
            i,
            question=item.question,
            rationale=item.rationale,
            program=f"def solution():\n    return {item.answer!r}",
            equations=f"a = {item.answer}",
            **as_rules(item.answer),
            answer=item.answer,
            gold=item.answer,
            student_reply="I cannot tell.",
        )
        for i, item in enumerate(items)
    ]
    for line in (DATA / "recorded_solutions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        gold = final_answer(row["ground_truth"])
        assert gold
        truth = row["ground_truth"].rpartition("\n")[0]
        program = f"def solution():\n    return {gold!r}"
        forms = {"rationale": truth, "program": program, "equations": f"a = {gold}", **as_rules(gold)}
        found.append(a_draft(0, question=row["question"], **forms, answer=gold, gold=gold, student_reply=""))
    return found


@verifiers
async def test_gold_passes(judge: Any) -> None:
    drafts = [draft for draft in gold_drafts() if judge.use != "equations_solved" or draft.fields["gold"].isdecimal()]
    assert len(drafts) > 300
    failed = [(draft.fields, verdict.reason) for draft, verdict in zip(drafts, await judge.judge_all(drafts), strict=True)
              if verdict.outcome != Outcome.ACCEPTED]  # fmt: skip
    assert failed == []


@verifiers
async def test_a_verifier_says_the_same_of_many_drafts_as_of_each(judge: Any) -> None:
    assert await judge.judge_all(DRAFTS) == [judge.judge(draft) for draft in DRAFTS]
    assert await judge.judge_all([]) == []


@verifiers
def test_a_verifier_rejects_something(judge: Any) -> None:
    assert Outcome.REJECTED in {judge.judge(draft).outcome for draft in DRAFTS}


@critics
async def test_a_critic_judges_each_draft_with_a_reason_a_call_and_changes_none(judge: Any) -> None:
    before = content(DRAFTS)
    teacher = ScriptedTeacher(says)
    judgements = [await judge.judge(draft, teacher) for draft in DRAFTS]
    assert all(well_formed(judgement) and judgement.call for judgement in judgements)
    assert len(teacher.asked) >= len(DRAFTS)
    assert content(DRAFTS) == before


@critics
@pytest.mark.parametrize("error", [UnreadableReply("no JSON", "call:1"), Refused("no", "call:2")], ids=repr)
async def test_a_critics_unreadable_reply_is_an_error_and_no_judgement(judge: Any, error: UnreadableReply) -> None:
    with pytest.raises(type(error)) as caught:
        await judge.judge(DRAFTS[0], ScriptedTeacher(lambda *_: error))
    assert caught.value.call == error.call


@critics
async def test_a_critic_is_not_told_the_gold_answer(judge: Any) -> None:
    teacher = ScriptedTeacher(says)
    await judge.judge(a_draft(0, gold=SECRET, solution=SECRET), teacher)
    assert SECRET not in "".join(teacher.asked)


@critics
async def test_a_draft_cannot_speak_to_its_critic_outside_its_section(judge: Any) -> None:
    prompts = []
    for rationale in ("3+4=7", HOSTILE):
        teacher = ScriptedTeacher(says)
        await judge.judge(a_draft(0, rationale=rationale), teacher)
        prompts.append(teacher.asked[0])
    plain, hostile = map(read_tagged, prompts)
    assert any(HOSTILE in text for text in hostile.values())
    assert {name: text for name, text in hostile.items() if HOSTILE not in text}.items() <= plain.items()
    assert plain.keys() == hostile.keys()
    assert prompts[0].partition("\n<")[0] == prompts[1].partition("\n<")[0]


@critics
def test_a_critic_sums_up_what_judges_say_whatever_their_order(judge: Any) -> None:
    said = {
        "one": Judgement(Outcome.ACCEPTED, "good", 5.0),
        "two": Judgement(Outcome.REJECTED, "bad", 1.0),
        "three": Judgement(Outcome.ACCEPTED, "fair", 4.0),
        "four": Judgement(Outcome.UNREADABLE, "no JSON"),
    }
    whole = judge.sum_up(said)
    assert well_formed(whole)
    assert whole.outcome == judge.sum_up(dict(reversed(said.items()))).outcome
    assert whole.outcome == judge.sum_up({role: said[role] for role in ("one", "two", "three")}).outcome
    assert judge.sum_up({"four": said["four"]}).outcome == Outcome.UNREADABLE


def chosen(judge: Any, drafts: Any, earlier: Any = ()) -> list[Judgement]:
    """Of a selection that learns, after it was shown good and bad drafts."""
    labelled = [(a_draft(i, answer=f"{i % 2}"), i % 2 == 0) for i in range(100, 160)] if judge.learns else []
    return judge.choose(drafts, earlier, labelled)


@selections
@pytest.mark.parametrize("earlier", [(), DRAFTS[:1]], ids=["first round", "later round"])
def test_a_selection_gives_one_judgement_a_draft_with_a_reason_and_changes_none(judge: Any, earlier: Any) -> None:
    drafts, before = DRAFTS[1:], content(DRAFTS)
    judgements = chosen(judge, drafts, earlier)
    assert len(judgements) == len(drafts)
    assert all(map(well_formed, judgements))
    assert content(DRAFTS) == before


@selections
def test_a_selection_of_nothing_is_nothing(judge: Any) -> None:
    assert judge.choose([], []) == []
    assert judge.choose([], DRAFTS) == []


@selections
def test_a_selection_says_the_same_of_the_same_drafts(judge: Any) -> None:
    assert chosen(judge, DRAFTS) == chosen(judge, list(DRAFTS))
