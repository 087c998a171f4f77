"""Judges of exams before the court, in the loop, with the rehearsal teacher as judge."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from agents.rehearsal.teacher import Refusal
from orchestrator.examination.court import Calibration, Measured, corrected
from orchestrator.examination.hearings import JudgeRefused, _judge, admit, as_draft
from orchestrator.examination.items import exam_items
from orchestrator.training import base_student
from storage.records import Hearing, Scorecard
from storage.store import Store
from tests.conftest import Loop

JUDGED: dict[str, Any] = {
    "use": "judged_reply",
    "source": "tasks",
    "role": "referee",
    "critic": {"use": "sound_reasoning"},
    "part": "test",
    "per_skill": 3,
    "cases": 24,
    "bar": {"cases": 12, "of_either": 3},
    "forced": True,
}


def judged(loop: Loop, **options: Any) -> Any:
    """The demo with an open exam besides, and drafts enough for the court."""
    return loop.recipe(f"exams.open={json.dumps({**JUDGED, **options})}", "seeds.tasks=60", "stop.rounds=2")


def accepts_everything(role: str, reply: str | Refusal) -> str | Refusal:
    if role != "referee":
        return reply
    return json.dumps({"sound": True, "reason": "Fine.", "score": 5})


def of(cards: list[Scorecard], exam: str) -> list[Scorecard]:
    return sorted((card for card in cards if card.exam == exam), key=lambda card: card.round)


async def test_a_good_judge_is_admitted_and_its_exam_has_a_corrected_accuracy(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(judged(loop), store)
    (hearing,) = store.hearings(key)
    assert hearing.admitted, hearing.why
    assert (hearing.role, hearing.model) == ("referee", "rehearsal-teacher")
    assert hearing.judge.startswith("sound_reasoning@1:")
    assert hearing.figures["youden"] > 0.5
    base, taught = of(store.scorecards(key), "open")
    for card in (base, taught):
        measures = card.measures
        assert 0 <= measures["corrected_low"] <= measures["corrected"] <= measures["corrected_high"] <= 1
    assert base.measures["corrected"] < 0.3 < 0.7 < taught.measures["corrected"]
    assert all("corrected" not in card.measures for card in of(store.scorecards(key), "test"))


async def test_every_graded_reply_names_the_judges_call(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(judged(loop), store)
    attempts = store.attempts_of(key, ["open"])
    assert attempts
    assert all(attempt.call for attempt in attempts)


async def test_a_judge_that_accepts_everything_is_refused_with_its_figures(loop: Loop, store: Store) -> None:
    loop.tampering = accepts_everything
    with pytest.raises(JudgeRefused) as caught:
        await loop.teach(judged(loop), store)
    assert str(caught.value).startswith("exam 'open': ")
    assert "accepts 100% of the good and rejects 0% of the bad, a Youden index of 0.00" in str(caught.value)
    assert "choose a stronger judge" in str(caught.value)


async def test_a_refused_judge_stays_refused_and_is_not_heard_again(loop: Loop, store: Store) -> None:
    loop.tampering = accepts_everything
    with pytest.raises(JudgeRefused):
        await loop.teach(judged(loop), store)
    sent = len(loop.sent)
    with pytest.raises(JudgeRefused):
        await loop.teach(judged(loop), store)
    assert len(loop.sent) == sent


async def test_a_hearing_is_held_once_whoever_is_examined_and_however_often_the_run_resumes(
    loop: Loop, store: Store
) -> None:
    heard: list[dict[str, Any]] = []

    def tell(event: str, facts: dict[str, Any]) -> None:
        if event == "heard":
            heard.append(facts)

    key, _ = await loop.teach(judged(loop), store, tell=tell)
    await loop.teach(judged(loop), store, tell=tell)
    assert len(heard) == len(store.hearings(key)) == 1
    assert heard[0]["admitted"]


async def test_two_exams_that_hold_one_judge_to_two_bars_have_a_hearing_each_and_pay_for_one(
    loop: Loop, store: Store
) -> None:
    strict = {**JUDGED, "bar": {**JUDGED["bar"], "youden": 1.0}, "per_skill": 2}
    recipe = loop.recipe(
        f"exams.open={json.dumps(JUDGED)}", f"exams.strict={json.dumps(strict)}", "seeds.tasks=60", "stop.rounds=2"
    )
    with pytest.raises(JudgeRefused, match=r"exam 'strict': .* expected at least 1.00"):
        await loop.teach(recipe, store)
    (run,) = {hearing.run for hearing in all_hearings(store)}
    assert sorted(hearing.admitted for hearing in store.hearings(run)) == [False, True]
    assert len(set(loop.sent)) == len(loop.sent)


def all_hearings(store: Store) -> list[Hearing]:
    return [hearing for run in store.runs() for hearing in store.hearings(run.key)]


async def test_a_judge_of_the_teachers_family_is_refused_unless_it_is_forced(loop: Loop, store: Store) -> None:
    with pytest.raises(JudgeRefused, match=r"are both of the family 'rehearsal'.*or say that it is meant"):
        await loop.teach(judged(loop, forced=False), store)


async def test_kinship_is_looked_at_before_a_judge_is_asked_and_again_where_models_have_changed(
    loop: Loop, store: Store
) -> None:
    """The hearing stands; but who writes lessons now was not known when it was held."""
    recipe = judged(loop, forced=False)
    async with loop.opened(recipe, store) as work:
        student = base_student(work, recipe.training[-1])
        own = {**work.teachers, "referee": SimpleNamespace(model="strict-judge", places=1)}
        hearing = Hearing.new(
            run=work.run.key,
            role="referee",
            judge=_judge(recipe.exams["open"]),
            model="strict-judge",
            admitted=True,
        )
        store.add(hearing)
        apart = replace(work, teachers=own)
        assert (await admit(apart, "open", student)).key == hearing.key
        akin = replace(work, teachers={**own, "teacher": SimpleNamespace(model="strict-teacher", places=1)})
        with pytest.raises(
            JudgeRefused, match="exam 'open': the judge 'strict-judge' and the teacher teacher 'strict-tea"
        ):
            await admit(akin, "open", student)
        assert await admit(apart, "open", student)
    assert loop.sent == []


async def test_a_run_without_a_case_of_known_truth_has_no_judge(loop: Loop, store: Store) -> None:
    async with loop.opened(judged(loop), store) as work:
        with pytest.raises(JudgeRefused, match="the court has no case: no draft of this run has both a gold answer"):
            await admit(work, "open", base_student(work, work.recipe.training[-1]))


async def test_the_court_hears_what_the_judge_will_see_and_never_the_gold_answer(loop: Loop, store: Store) -> None:
    async with loop.opened(judged(loop), store) as work:
        exam = work.recipe.exams["open"]
        item = exam_items(work.recipe, "open")[0]
        draft = as_draft(work, exam, item, "So it is.\n#### 12")
        assert draft.fields == {"question": item.question, "rationale": "So it is.", "answer": "12"}
        shown = as_draft(work, exam.model_copy(update={"shows_gold": True}), item, "So it is.")
        assert shown.fields["reference"] == item.gold


async def test_a_hearings_figures_are_the_calibration_that_corrects(loop: Loop, store: Store) -> None:
    key, _ = await loop.teach(judged(loop), store)
    (hearing,) = store.hearings(key)
    card = next(card for card in of(store.scorecards(key), "open") if card.round)
    figures: dict[str, Any] = {
        n: Measured(**value) if isinstance(value, dict) else value for n, value in hearing.figures.items()
    }
    calibration = Calibration(**{name: value for name, value in figures.items() if name != "youden"})
    assert calibration.youden == figures["youden"]
    found = corrected(round(card.accuracy * card.n), card.n, calibration)
    for name, value in {"corrected": found.estimate, "corrected_low": found.low, "corrected_high": found.high}.items():
        assert card.measures[name] == pytest.approx(value, abs=1e-6)
