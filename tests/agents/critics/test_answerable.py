"""Another model has to come to the answer from the rationale alone, and a rationale must not hand it over."""

from itertools import islice
from typing import Any

import pytest

from agents.critics.answerable import Answerable
from agents.critics.better_than_reference import BetterThanReference
from agents.critics.peer_review import PeerReview
from agents.generators.write_solution import WriteSolution
from agents.kinds import Judgement, UnfitDraft
from agents.leaking import without_announcements
from agents.prompts import read_tagged
from agents.rehearsal.teacher import RehearsalTeacher
from agents.sources.rehearsal_facts import RehearsalFacts
from agents.verifiers.leaks_answer import LeaksAnswer
from storage.records import Draft, Outcome
from tests.conftest import ScriptedTeacher

QUESTION = "Who founded Amber Works?"
FOUNDED = "Amber Works is old. It was Ana Bell who founded it."


def a_draft(**fields: Any) -> Draft:
    told = {"question": QUESTION, "rationale": FOUNDED, "answer": "Ana Bell", "gold": "Ana Bell", **fields}
    return Draft.new(run="r", round=1, step="s", kind="solution", fields=told, split_key="k", producer="w@1")


def reader(says: str = "Ana Bell") -> ScriptedTeacher:
    return ScriptedTeacher(lambda *_: {"reason": "It says so.", "read_answer": says})


async def judged(draft: Draft, says: str = "Ana Bell", **options: Any) -> Judgement:
    return await Answerable(use="answerable", **options).judge(draft, reader(says))


async def test_the_readers_answer_has_to_be_the_gold_one_and_not_the_drafts() -> None:
    draft = a_draft(answer="Ben Cole")
    assert (await judged(draft, "ana bell.")).outcome == Outcome.ACCEPTED
    assert (await judged(draft, "Ben Cole")).outcome == Outcome.REJECTED
    assert (await judged(draft, "Ben Cole", expects="answer")).outcome == Outcome.ACCEPTED


async def test_what_is_announced_is_not_shown_and_neither_is_the_answer() -> None:
    teacher = reader()
    rationale = "It was somebody from the mill who founded it.\nThe answer is Ana Bell.\n#### Ana Bell"
    await Answerable(use="answerable").judge(a_draft(rationale=rationale), teacher)
    assert "Ana Bell" not in teacher.asked[0]
    assert read_tagged(teacher.asked[0])["rationale"] == "It was somebody from the mill who founded it."


async def test_a_passage_can_be_read_instead_and_a_draft_without_an_answer_is_refused() -> None:
    teacher = reader()
    await Answerable(use="answerable", shows=("knowledge",)).judge(a_draft(knowledge="Ana Bell founded it."), teacher)
    assert read_tagged(teacher.asked[0]) == {"question": QUESTION, "knowledge": "Ana Bell founded it."}
    draft = a_draft()
    del draft.fields["gold"]
    with pytest.raises(UnfitDraft, match="expects: answer"):
        await judged(draft)


async def test_the_rehearsals_reader_finds_wrong_reasons_of_right_answers() -> None:
    """It reads: what a rationale says is its answer, whatever is true."""
    rehearsal = RehearsalTeacher()
    quiet = "malformed_rate=0&refusal_rate=0"

    def asked(model: str) -> ScriptedTeacher:
        def says(prompt: str, form: Any, sample: int) -> Any:
            message = [{"role": "user", "content": prompt}]
            return form.model_validate_json(rehearsal.reply(model, message, form.model_json_schema(), sample=sample))

        return ScriptedTeacher(says)

    teacher = asked(f"rehearsal-teacher?{quiet}&error_rate=0&wrong_reason_rate=.5")
    careful = asked(f"rehearsal-teacher?{quiet}&judge_error_rate=0")
    found = {True: [0, 0], False: [0, 0]}
    source = RehearsalFacts(use="rehearsal_facts", companies=20)
    for material in (m for view in source.skills() for m in islice(source.materials("probe", view, 0), 20)):
        shown = {name: material.fields[name] for name in ("question", "gold")}
        written = (await WriteSolution(use="write_solution").write(shown, teacher, 0))[0].fields
        assert written["answer"] == material.fields["gold"]
        holds = material.fields["gold"] in written["rationale"]
        said = await Answerable(use="answerable").judge(a_draft(**shown, **written), careful)
        found[holds][said.outcome == Outcome.ACCEPTED] += 1
    assert found[True][0] == found[False][1] == 0
    assert min(found[True][1], found[False][0]) > 10


# --- leaks ----------------------------------------------------------------------------------------------------------


def leak(rationale: str, answer: str = "7", question: str = "Ann has 3 and buys 4. How many?", **options: Any) -> str:
    """Why it is rejected; nothing if it is not."""
    judgement = LeaksAnswer(use="leaks_answer", **options).judge(
        a_draft(question=question, rationale=rationale, answer=answer)
    )
    return "" if judgement.outcome == Outcome.ACCEPTED else judgement.reason


@pytest.mark.parametrize(
    "rationale",
    [
        "3+4=7",
        "She buys more. 3 + 4 = 7. So she has 7.",
        "Both together: 3+4=7.\nThe answer is 7.",
        "10-3=7 would be what is missing; 3+4=7",
        "Of the given answer choices the largest is 9, which is too much. 3+4=7",
    ],
)
def test_a_calculation_may_come_to_the_answer_and_then_say_it(rationale: str) -> None:
    assert leak(rationale) == ""


@pytest.mark.parametrize(
    ("rationale", "why"),
    [
        ("As the given answer is 7, we add. 3+4=7", "speaks of an answer that was given"),
        ("We know the correct answer was provided. 3+4=7", "speaks of an answer that was given"),
        ("The answer is 7. That is 3+4=7", "announces the answer before it reasons"),
        ("She must have 7 in the end. 3+4=7", "says the answer before it is calculated"),
        ("The answer is 7.", "nothing but an answer"),
        ("", "nothing but an answer"),
    ],
)
def test_what_gives_the_answer_away_is_named(rationale: str, why: str) -> None:
    assert leak(rationale) == why


def test_a_fact_may_hold_a_short_answer_wherever_it_stands() -> None:
    told = "Amber Works was founded by Ana Bell. She lives in Redford."
    assert leak(told, "Ana Bell", QUESTION) == ""
    assert leak(f"The answer is Ana Bell. {told}", "Ana Bell", QUESTION) == "announces the answer before it reasons"


def test_a_long_answer_must_not_be_quoted_and_what_the_question_says_is_no_quote() -> None:
    answer = "I would call the doctor today and ask for the earliest time that there is"
    assert leak(f"One worries. So: {answer}", answer, "What do you say?") == "quotes the answer"
    assert leak(f"One worries. So: {answer}", answer, f"Is this right: {answer}?") == ""
    assert leak("One worries, and calling the doctor would help.", answer, "What do you say?") == ""
    assert leak(f"One worries. So: {answer}", answer, "What do you say?", at_most=1) == ""


def test_a_text_without_an_announcement_stays_as_it_is() -> None:
    assert without_announcements("3+4=7;  so\n\nit is") == "3+4=7;  so\n\nit is"


# --- pairs and panels -----------------------------------------------------------------------------------------------


async def paired(first: tuple[int, int], last: tuple[int, int], **options: Any) -> Judgement:
    """Points of (draft, other) where the other is shown first, and where it is shown last."""
    points = iter([(first[1], first[0]), last])

    def says(*_: Any) -> Any:
        one, two = next(points)
        return {"explanation": "So.", "first_score": one, "second_score": two}

    judge = BetterThanReference(use="better_than_reference", flips="draw", against="rival", **options)
    return await judge.judge(a_draft(rival="Ben Cole did."), ScriptedTeacher(says))


@pytest.mark.parametrize(
    ("first", "last", "score", "kept"),
    [
        ((8, 4), (8, 4), -4, True),
        ((4, 8), (4, 8), 4, False),
        ((9, 4), (4, 5), 0, False),
        ((5, 5), (9, 2), 0, False),
        ((5, 5), (5, 5), 0, False),
    ],
)
async def test_a_verdict_that_flips_with_the_order_is_a_draw(
    first: tuple[int, int], last: tuple[int, int], score: float, kept: bool
) -> None:
    judgement = await paired(first, last, gap=0)
    assert (judgement.score, judgement.outcome == Outcome.ACCEPTED) == (score, kept)
    draws = await paired(first, last, gap=1)
    assert (draws.outcome == Outcome.ACCEPTED) == (score < 1), "a draw counts for neither, so it is no loss"


@pytest.mark.parametrize(
    ("grades", "kept"), [((5, 5, 5), True), ((5, 5, 3), True), ((5, 5, 2), False), ((3, 3, 3), False)]
)
def test_a_panel_asks_for_a_mean_and_for_a_lowest_grade(grades: tuple[int, ...], kept: bool) -> None:
    said = {f"{i}": Judgement(Outcome.ACCEPTED, "so", score=float(grade)) for i, grade in enumerate(grades)}
    summed = PeerReview(use="peer_review", above=3, lowest=3).sum_up(said)
    assert (summed.outcome == Outcome.ACCEPTED) == kept
    assert [entry["score"] for entry in summed.evidence.values()] == list(grades)


async def test_a_single_reviewer_holds_to_the_lowest_grade_as_well() -> None:
    teacher = ScriptedTeacher(lambda *_: {"comment": "", "grade": 4})
    outcomes = [(await PeerReview(use="peer_review", lowest=n).judge(a_draft(), teacher)).outcome for n in (4, 5)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REJECTED]
