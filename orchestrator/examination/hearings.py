"""Brings the judges of exams before the court: once a run, on drafts whose truth their gold answers tell."""

from collections.abc import Sequence
from dataclasses import asdict
from random import Random
from statistics import fmean
from typing import Any

from agents.answers import same_answer
from agents.kinds import Unanswered
from orchestrator.examination.court import Calibration, Measured, calibrate, corrected, hear, refusals
from orchestrator.examination.families import conflicts, family
from orchestrator.examination.scoring import by_item
from orchestrator.kinds import Exam, ExamItem, Format, JudgedExam, place_of
from orchestrator.work import Work
from storage.keyed import content_key
from storage.records import Attempt, Draft, Hearing, Student


class JudgeRefused(Exception):
    """A judge is not good enough, or not independent enough, to judge."""


async def admit(work: Work, name: str, student: Student) -> Hearing:
    """The hearing of an exam's judge, held once a run. Raises JudgeRefused.

    Kinship is looked at each time, for the hearing of a judge says nothing of who writes lessons or is examined now.
    """
    exam: JudgedExam = work.recipe.exams[name]
    if not exam.forced and (kin := _kinship(work, exam, student)):
        raise JudgeRefused(f"exam {name!r}: {'; '.join(kin)}")
    hearing = _known(work, exam) or await _hold(work, name, exam, student)
    if not hearing.admitted:
        raise JudgeRefused(f"exam {name!r}: {hearing.why}")
    return hearing


def corrections(work: Work, name: str, attempts: Sequence[Attempt]) -> dict[str, float]:
    """Accuracy in a judged exam with the judge's errors taken out (Rogan & Gladen 1978), and its interval, as measures.

    None for an exam that no judge grades. An item counts by the share of its samples that was accepted, as in the
    scorecard; the interval is rounded to whole items.
    """
    exam: Exam = work.recipe.exams[name]
    hearing = _known(work, exam) if isinstance(exam, JudgedExam) else None
    if hearing is None or not attempts:
        return {}
    shares = [fmean(attempt.right for attempt in samples) for samples in by_item(attempts).values()]
    found = corrected(round(sum(shares)), len(shares), _calibration(hearing))
    return {"corrected": found.estimate, "corrected_low": found.low, "corrected_high": found.high}


def _known(work: Work, exam: JudgedExam) -> Hearing | None:
    """The hearing of this judge, in this form, for this bar, if it was held."""
    wanted = (exam.role, _judge(exam), work.teachers[exam.role].model)
    return next((h for h in work.store.hearings(work.run.key) if (h.role, h.judge, h.model) == wanted), None)


def _judge(exam: JudgedExam) -> str:
    """Component and revision, and what else the court's finding rests on: two exams may hold one critic to two bars."""
    asked = exam.model_dump(mode="json", exclude={*Exam.model_fields, "per_skill", "longest_reply"})
    return f"{exam.critic.signature}:{content_key('judge', [exam.use, asked]).rpartition(':')[2][:12]}"


def _calibration(hearing: Hearing) -> Calibration:
    known: dict[str, Any] = {name: value for name, value in hearing.figures.items() if name != "youden"}
    known |= {name: Measured(**value) for name, value in known.items() if isinstance(value, dict)}
    return Calibration(**known)


async def _hold(work: Work, name: str, exam: JudgedExam, student: Student) -> Hearing:
    teacher = work.teachers[exam.role]
    cases = _cases(work, exam)
    with work.ledger.spending_on(student.round, "court"):
        try:
            heard = await hear(exam.critic, teacher, cases)
        except Unanswered as error:
            raise JudgeRefused(
                f"exam {name!r}: {teacher.model!r} left a case of the court without an answer ({error}), and a judge is heard "
                "on all or not at all; type the same command again, or name another model"
            ) from error
    await work.ledger.flush()
    calibration = calibrate(heard, family(teacher.model))
    reasons = refusals(calibration, exam.bar)
    admitted = "the judge is right often enough, and nothing sways it more than allowed"
    hearing = Hearing.new(
        run=work.run.key,
        round=student.round,
        role=exam.role,
        judge=_judge(exam),
        model=teacher.model,
        admitted=not reasons,
        why="; ".join(reasons) or admitted,
        figures=asdict(calibration) | {"youden": calibration.youden},
    )
    work.store.add(hearing)
    work.tell("heard", {"exam": name, "model": teacher.model, "admitted": hearing.admitted, "why": hearing.why})
    return hearing


def _kinship(work: Work, exam: JudgedExam, student: Student) -> list[str]:
    others = {f"teacher {role}": teacher.model for role, teacher in work.teachers.items() if role != exam.role}
    return conflicts(work.teachers[exam.role].model, {**others, "student": student.base})


def _cases(work: Work, exam: JudgedExam) -> list[tuple[Draft, bool]]:
    """Drafts of this run with a gold answer and one of their own: those that agree are good.

    Half of either, as far as they go. Raises JudgeRefused if there are none: a judge whom nobody has heard does not judge.
    """
    written = [draft for step in work.recipe.lessons for draft in work.store.drafts(work.run.key, step.step)]
    form = work.recipe.datasets[work.recipe.training[-1].dataset].format
    known = [
        draft
        for draft in written
        if draft.fields.get("gold") is not None and draft.fields.get("answer") is not None and _completion(form, draft)
    ]
    if not known:
        raise JudgeRefused(
            "the court has no case: no draft of this run has both a gold answer and one of its own; let a step write "
            "solutions to questions with known answers, or grade by an exam that needs no judge"
        )
    known.sort(key=place_of)
    chance = Random(f"{work.recipe.seed}:court")
    chance.shuffle(known)
    truths = [(draft, same_answer(str(draft.fields["answer"]), str(draft.fields["gold"]))) for draft in known]
    good, bad = ([case for case in truths if case[1] is truth] for truth in (True, False))
    half = exam.cases // 2
    chosen = [*good[: max(half, exam.cases - len(bad))], *bad[: max(half, exam.cases - len(good))]]
    return [(_case(exam, draft, _completion(form, draft)), truth) for draft, truth in chosen[: exam.cases]]


def _completion(form: Format, draft: Draft) -> list[dict[str, str]]:
    """What a student would say that had learned this draft; nothing of one that lacks a field of the lessons' form."""
    try:
        return form.row(draft.fields).get("completion", [])
    except KeyError:
        return []


def _case(exam: JudgedExam, draft: Draft, completion: Sequence[dict[str, str]]) -> Draft:
    """The draft as the judge would see it, had a student said it."""
    reply = "\n".join(message["content"] for message in completion)
    return draft.model_copy(update={"fields": exam.to_judge(draft.fields, reply)})


def as_draft(work: Work, exam: JudgedExam, item: ExamItem, reply: str) -> Draft:
    """What a student said, in the form in which critics read."""
    fields: dict[str, Any] = exam.to_judge({"question": item.question, "gold": item.gold, **item.fields}, reply)
    return Draft.new(
        run=work.run.key,
        round=0,
        step=exam.use,
        kind="reply",
        fields=fields,
        skill=item.skill,
        split_key=item.split_key,
        producer="student",
    )
