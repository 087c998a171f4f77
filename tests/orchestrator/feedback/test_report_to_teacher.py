"""The teacher is told the figures, the mistakes that the student was surest of, and some right answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.rehearsal.faults import known
from orchestrator.clauses import BRIEFS
from orchestrator.feedback.report_to_teacher import ReportToTeacher, confident_mistakes, report
from orchestrator.kinds import Progress
from orchestrator.production import SPLIT_GUARD
from storage.store import Store
from tests.conftest import Loop
from tests.orchestrator.feedback.scripted import a_card, an_attempt, attempts, progress
from tests.orchestrator.feedback.test_hard_and_easy import SMALL, failures

PGKD = "orchestrator/recipes/feedback/pgkd.yaml"


def pgkd(**options: Any) -> ReportToTeacher:
    return ReportToTeacher(use="report_to_teacher", **options)


def examined(wrong: dict[str, int], **facts: Any) -> Progress:
    sat = [*attempts(wrong, n=10), *attempts(dict.fromkeys(wrong, 10), n=10, exam="practice", confidence=0.99)]
    errors = {skill: count / 10 for skill, count in wrong.items()}
    known: dict[str, Any] = {"cards": [a_card(dict.fromkeys(wrong, 0.9), 0, 10), a_card(errors, 1, 10)]}
    return progress(errors, attempts=sat, failures=failures(sat), **{**known, **facts})


def test_the_report_has_every_skill_worst_first_with_what_it_gained_and_why_it_failed() -> None:
    assert report(examined({"trip": 7, "film": 2, "lead": 0})) == (
        "all: 30 questions, accuracy 70.0%, before 10.0%, change +60.0 points\n"
        "trip: 10 questions, accuracy 30.0%, before 10.0%, change +20.0 points; most frequent causes: wrong answer (7)\n"
        "film: 10 questions, accuracy 80.0%, before 10.0%, change +70.0 points; most frequent causes: wrong answer (2)\n"
        "lead: 10 questions, accuracy 100.0%, before 10.0%, change +90.0 points"
    )


def test_of_the_first_examination_there_is_no_before() -> None:
    assert report(examined({"": 5}, cards=[a_card({"": 0.5}, 1, 10)])) == (
        "all: 10 questions, accuracy 50.0%\nquestions: 10 questions, accuracy 50.0%; most frequent causes: wrong answer (5)"
    )


def test_the_worst_skills_have_a_brief_each_and_only_of_the_probe() -> None:
    found = examined({"trip": 7, "film": 2, "lead": 0, "pile": 4})
    plan = pgkd(skills=2, negatives=3, rights=2).next_plan(found)
    assert [brief["skill"] for brief in plan.briefs] == ["trip", "pile"]
    assert all(set(brief) == {"skill", "report", "hard_negatives", "right_examples"} for brief in plan.briefs)
    probed = {a.question: a for a in found.attempts if a.exam == "probe"}
    for brief in plan.briefs:
        assert len(brief["hard_negatives"]) == 3
        assert [probed[one["question"]].right for one in brief["right_examples"]] == [True, True]
        for one in (*brief["hard_negatives"], *brief["right_examples"]):
            assert probed[one["question"]].skill == brief["skill"]
    assert "confidence" not in plan.briefs[0]["hard_negatives"][0]
    assert plan.quotas == dict.fromkeys(("trip", "film", "lead", "pile"), 0)
    assert plan.why == (
        "the teacher is told how the student did, and writes for the worst skills: trip (70% wrong), pile (40% wrong)"
    )
    assert pgkd(skills=2, seeds=3).most(50) == (3, 2)


@given(
    st.lists(st.tuples(st.booleans(), st.none() | st.floats(0, 1), st.integers(0, 9)), max_size=30), st.integers(1, 9)
)
def test_hard_negatives_are_wrong_of_different_questions_and_the_surest(
    found: list[tuple[bool, float | None, int]], count: int
) -> None:
    sat = [an_attempt("a", ok, item, sample=i, confidence=sure) for i, (ok, sure, item) in enumerate(found)]
    surest: dict[str, float] = {}
    for attempt in sat:
        if not attempt.right:
            surest[attempt.question] = max(surest.get(attempt.question, 0.0), attempt.confidence or 0.0)
    shown = confident_mistakes(sat, count)
    confidences = [surest[one["question"]] for one in shown]
    assert len({one["question"] for one in shown}) == len(shown) == min(count, len(surest))
    assert confidences == sorted(surest.values(), reverse=True)[: len(shown)]


def test_right_examples_are_drawn_by_seed_and_whatever_the_order() -> None:
    def shown(found: Progress) -> list[str]:
        (brief,) = pgkd(rights=4).next_plan(found).briefs
        return [one["question"] for one in brief["right_examples"]]

    found = examined({"a": 1})
    turned = progress({"a": 0.1}, attempts=found.attempts[::-1], failures=found.failures[::-1], cards=found.cards)
    assert shown(found) == shown(turned)
    assert shown(found) != shown(examined({"a": 1}, seed=1))


@pytest.mark.parametrize(("option", "said"), [("report", "report"), ("hard_negatives", "hard negatives")])
def test_an_ablation_withholds_what_it_names_and_says_so(option: str, said: str) -> None:
    plan = pgkd(**{option: False}).next_plan(examined({"a": 5}))
    left = {"skill", "report", "hard_negatives", "right_examples"} - {option}
    assert set(plan.briefs[0]) == left
    assert f"without {said}," in plan.why


def test_where_nothing_is_wrong_there_is_nothing_to_tell() -> None:
    assert pgkd().next_plan(examined({"a": 0})).stop


@pytest.mark.parametrize("edits", [(), ("feedback.report=false",), ("feedback.hard_negatives=false",)], ids=str)
async def test_pgkd_teaches_what_the_teacher_makes_of_the_report(
    loop: Loop, store: Store, edits: tuple[str, ...]
) -> None:
    small = [edit for edit in SMALL if "practice" not in edit and "feedback" not in edit]
    more = ("stop={rounds: 2}", "lessons.write_new.samples=2", "feedback.skills=3", "exams.probe.per_skill=6")
    key, plan = await loop.teach(loop.recipe(*more, *edits, place=PGKD, small=small), store)
    assert plan.why == "all 2 rounds are done"
    briefs = store.seeds(key, BRIEFS, 2)
    told = {brief["skill"]: brief for brief in store.plans(key)[1].briefs}
    assert {brief.skill: brief.fields for brief in briefs} == told
    assert {brief.skill for brief in briefs} >= {"trip", "lead"}
    prompts = [sent for sent in loop.sent if "new_questions" in sent]
    assert all(("<report>" in sent) == ("feedback.report=false" not in edits) for sent in prompts)
    assert all(("<hard_negatives>" in sent) == ("feedback.hard_negatives=false" not in edits) for sent in prompts)
    written = [draft for draft in store.drafts(key, "write_new") if draft.round == 2]
    assert len(written) > 20
    asked = [known(draft.fields["question"]) for draft in written]
    assert [item and item.skill.name for item in asked] == [draft.skill for draft in written]
    guarded = {v.draft for v in store.verdicts(key, "write_new").values() if v.judge == SPLIT_GUARD}
    exams = {a.split_key for a in store.attempts_of(key, ["probe", "test"])}
    leaked = {draft.key for draft in written if draft.split_key in exams}
    assert guarded == leaked
