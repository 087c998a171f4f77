"""A referee scores both answers in both orders; what cannot be read is no score."""

from typing import Any

import pytest

from agents.critics.better_than_reference import BetterThanReference, Comparison
from agents.kinds import Judgement, UnfitDraft, UnreadableReply
from agents.prompts import read_tagged
from orchestrator.examination.court import hear
from storage.records import Draft, Outcome
from tests.conftest import ScriptedTeacher

FIELDS = {"question": "3 + 4?", "rationale": "3+4=8", "answer": "8", "reference": "7"}
OWN = "3+4=8\n#### 8"


def draft(**fields: Any) -> Draft:
    facts: dict[str, Any] = {"run": "r", "round": 1, "step": "s", "kind": "reply", "producer": "student"}
    return Draft.new(**facts, fields={**FIELDS, **fields}, split_key="k")


def referee(of_reference: int, of_draft: int, liking: int = 0) -> ScriptedTeacher:
    """Scores by what is shown, and gives so many points more to what is shown first."""

    def answer(prompt: str, form: Any, sample: int) -> dict[str, Any]:
        first_is_own = read_tagged(prompt)["first_answer"] == OWN
        first, second = (of_draft, of_reference) if first_is_own else (of_reference, of_draft)
        return {"explanation": "It is so.", "first_score": first + liking, "second_score": second}

    return ScriptedTeacher(answer)


async def judged(teacher: ScriptedTeacher, **options: Any) -> Judgement:
    return await BetterThanReference(use="better_than_reference", **options).judge(draft(), teacher)


async def test_it_asks_in_both_orders_and_shows_which_is_which_in_neither() -> None:
    teacher = referee(9, 4)
    found = await judged(teacher)
    shown = [read_tagged(prompt) for prompt in teacher.asked]
    assert [(one["first_answer"], one["second_answer"]) for one in shown] == [("7", OWN), (OWN, "7")]
    assert all(set(one) == {"question", "first_answer", "second_answer"} for one in shown)
    assert len(set(found.evidence["calls"])) == 2
    assert found.call == found.evidence["calls"][0]


def test_the_explanation_comes_before_the_scores() -> None:
    assert next(iter(Comparison.model_fields)) == "explanation"


async def test_the_gap_is_the_mean_of_both_orders_whatever_comes_first() -> None:
    found = await judged(referee(8, 5, liking=2))
    assert found.score == 3
    assert found.evidence["reference_first"] == {"reference": 10, "draft": 5}
    assert found.evidence["reference_last"] == {"reference": 8, "draft": 7}
    assert (found.outcome, found.evidence["flipped"]) == (Outcome.REJECTED, False)
    assert found.reason == "+3 points for the reference: It is so."


@pytest.mark.parametrize(
    ("points", "gap", "outcome"),
    [
        ((6, 5), 1.0, Outcome.REJECTED),
        ((5, 5), 1.0, Outcome.ACCEPTED),
        ((4, 9), 1.0, Outcome.ACCEPTED),
        ((6, 5), 1.5, Outcome.ACCEPTED),
    ],
)
async def test_a_reference_better_by_the_gap_rejects_the_draft(
    points: tuple[int, int], gap: float, outcome: Outcome
) -> None:
    found = await judged(referee(*points), gap=gap)
    assert (found.outcome, found.score) == (outcome, points[0] - points[1])


@pytest.mark.parametrize(("points", "liking", "flipped"), [((5, 5), 1, True), ((6, 5), 2, True), ((8, 5), 2, False)])
async def test_orders_that_disagree_on_who_is_better_are_flipped(
    points: tuple[int, int], liking: int, flipped: bool
) -> None:
    assert (await judged(referee(*points, liking=liking))).evidence["flipped"] is flipped


@pytest.mark.parametrize("unread", [0, 1])
async def test_either_order_unread_is_no_judgement(unread: int) -> None:
    calls = iter(range(2))
    said = {"explanation": "", "first_score": 5, "second_score": 5}
    teacher = ScriptedTeacher(lambda *_: UnreadableReply("no JSON", "call:1") if next(calls) == unread else said)
    with pytest.raises(UnreadableReply):
        await judged(teacher)


@pytest.mark.parametrize("score", [0, 11, -1])
def test_what_is_no_score_is_not_read_as_one(score: int) -> None:
    with pytest.raises(ValueError, match="first_score"):
        Comparison(explanation="", first_score=score, second_score=5)


async def test_without_a_reference_it_says_what_to_set() -> None:
    bare = Draft.model_validate(draft().model_dump() | {"fields": {"question": "?", "rationale": "so", "answer": "1"}})
    with pytest.raises(
        UnfitDraft, match=r"the field `reference`, and what it is given has: question.*shows_gold: true"
    ):
        await BetterThanReference(use="better_than_reference").judge(bare, referee(5, 5))


async def test_an_answer_without_a_final_one_is_shown_as_it_is() -> None:
    teacher = referee(9, 4)
    await BetterThanReference(use="better_than_reference").judge(draft(answer="", rationale="I cannot tell"), teacher)
    assert read_tagged(teacher.asked[0])["second_answer"] == "I cannot tell"


async def test_the_court_hears_whether_the_orders_disagree() -> None:
    critic = BetterThanReference(use="better_than_reference")
    (swayed,) = await hear(critic, referee(5, 5, liking=2), [(draft(), True)])
    (steady,) = await hear(critic, referee(9, 4), [(draft(), False)])
    assert (swayed.verdict, swayed.flipped) == (True, True)
    assert (steady.verdict, steady.flipped) == (False, False)
