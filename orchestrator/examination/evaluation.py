"""Examines students: asks through the worker, grades here, and keeps every attempt, what failed, and a scorecard."""

from collections.abc import Sequence

from agents.kinds import Unanswered, UnreadableReply
from orchestrator.examination import hearings, mining
from orchestrator.examination.constraints import Constraints
from orchestrator.examination.conversing import converse
from orchestrator.examination.items import CANARY, exam_items, grade_canary
from orchestrator.examination.scoring import hit_rate, novelty, scorecard
from orchestrator.kinds import Concluded, Exam, ExamItem, Grade, JudgedExam
from orchestrator.production import together
from orchestrator.work import Work
from storage.records import Attempt, Draft, Outcome, Scorecard, Student


class ExamSealed(Exception):
    """A test was about to be read while lessons can still be written."""


async def examine(work: Work, student: Student, exams: Sequence[str]) -> list[Scorecard]:
    """A scorecard for each exam. Exams that are done already are not asked again.

    Raises ExamSealed for a test before the last plan: what has been read could steer.
    """
    known = {card.exam: card for card in work.store.scorecards(work.run.key) if card.student == student.key}
    missing = [name for name in exams if name not in known]
    _check_seal(work, missing)
    groups: dict[tuple[int, float, Constraints | None], list[str]] = {}
    for name in missing:
        exam = work.recipe.exams[name]
        groups.setdefault((exam.samples, exam.temperature, exam.constraints), []).append(name)
    for names in groups.values():
        known |= await _examine(work, student, names)
    return [known[name] for name in exams]


def _check_seal(work: Work, exams: Sequence[str]) -> None:
    sealed = [name for name in exams if work.recipe.exams[name].part == "test"]
    plan = work.store.latest_plan(work.run.key)
    if sealed and not (plan and plan.stop):
        raise ExamSealed(
            f"exam {sealed[0]!r} is a test, and lessons are still being written; a test is read once, after the last round. "
            "What is to be looked at before belongs into an exam with `part: probe`"
        )


async def _examine(work: Work, student: Student, names: Sequence[str]) -> dict[str, Scorecard]:
    items = {f"{name}/{i}": item for name in names for i, item in enumerate(exam_items(work.recipe, name))}
    folder = work.folder / f"round-{student.round}" / f"{student.job}-{'+'.join(names)}"
    replies = await converse(work, student, names, items, folder)
    cards, records = {}, []
    for name in names:
        mine = [(items[key], n, said) for (key, n), said in replies.items() if key.startswith(f"{name}/")]
        attempts = await _graded(work, student, name, mine)
        counted = [attempt for attempt in attempts if attempt.skill != CANARY]
        more = {**hearings.corrections(work, name, counted), **_novelty(work, student, name, counted)}
        more |= _hits(work, counted)
        cards[name] = scorecard(work.run.key, student, name, counted, more)
        records += [*attempts, *await mining.mine(work, student, name, _wrong(work, name, counted)), cards[name]]
    work.store.add(*records)  # at once: half of these exams could not be told from a job of its own
    for card in cards.values():
        work.tell("examined", {"round": card.round, "exam": card.exam, "accuracy": card.accuracy, "n": card.n})
    return cards


async def _graded(
    work: Work, student: Student, name: str, asked: Sequence[tuple[ExamItem, int, Concluded]]
) -> list[Attempt]:
    """An attempt for every reply that could be graded. Raises hearings.JudgeRefused for a judge that may not judge."""
    exam: Exam = work.recipe.exams[name]
    replies = [(item, concluded.said.reply) for item, _, concluded in asked]
    if isinstance(exam, JudgedExam):
        await hearings.admit(work, name, student)
        grades = await _judged(work, student, exam, replies)
    else:
        grades = [_by_rule(exam, item, reply) for item, reply in replies]
    return [_attempt(work, student, name, reply, grade) for reply, grade in zip(asked, grades, strict=True) if grade]


def _by_rule(exam: Exam, item: ExamItem, reply: str) -> Grade:
    return grade_canary(item, reply) if item.skill == CANARY else exam.grade(item, reply)


async def _judged(
    work: Work, student: Student, exam: JudgedExam, asked: Sequence[tuple[ExamItem, str]]
) -> list[Grade | None]:
    """A reply that the judge's answer says nothing readable about has no grade, and is no attempt."""
    teacher = work.teachers[exam.role]

    async def judge(item: ExamItem, reply: str) -> Grade | None:
        if item.skill == CANARY:
            return grade_canary(item, reply)
        draft = hearings.as_draft(work, exam, item, reply)
        try:
            found = await exam.critic.judge(draft, teacher)
        except (UnreadableReply, Unanswered) as error:
            work.tell("unjudged", {"question": item.question, "why": str(error)})
            return None
        if found.outcome == Outcome.UNREADABLE:
            work.tell("unjudged", {"question": item.question, "why": found.reason})
            return None
        return Grade(exam.grade(item, reply).answer, found.outcome == Outcome.ACCEPTED, found.score, found.call)

    with work.ledger.spending_on(student.round, "examine"):
        grades = await together(judge(item, reply) for item, reply in asked)
    await work.ledger.flush()
    return grades


def _attempt(work: Work, student: Student, name: str, asked: tuple[ExamItem, int, Concluded], grade: Grade) -> Attempt:
    item, sample, concluded = asked
    return Attempt.new(
        run=work.run.key,
        round=student.round,
        student=student.key,
        exam=name,
        question=item.question,
        gold=item.gold,
        skill=item.skill,
        split_key=item.split_key,
        sample=sample,
        shown=dict(concluded.shown),
        **vars(grade),
        **vars(concluded.said),
    )


def _novelty(work: Work, student: Student, exam: str, attempts: Sequence[Attempt]) -> dict[str, float]:
    if not work.recipe.exams[exam].measures_novelty:
        return {}
    datasets = [d.key for d in work.store.datasets(work.run.key) if d.round <= student.round]
    drafts = work.store.by_key(Draft, [row.draft for key in datasets for row in work.store.dataset_rows(key)])
    share = novelty(attempts, [str(draft.fields["answer"]) for draft in drafts.values() if "answer" in draft.fields])
    return {} if share is None else {"novelty": share}


def _hits(work: Work, attempts: Sequence[Attempt]) -> dict[str, float]:
    share = hit_rate(attempts) if work.recipe.inference.measures_hits else None
    return {} if share is None else {"retrieval_hits": share}


def _wrong(work: Work, exam: str, attempts: Sequence[Attempt]) -> list[Attempt]:
    """What probe and practice failed. A test's failures steer nothing. Of several samples, the first that is wrong."""
    if work.recipe.exams[exam].part == "test":
        return []
    wrong: dict[str, Attempt] = {}
    for attempt in attempts:
        if not attempt.right:
            wrong.setdefault(attempt.question, attempt)
    return list(wrong.values())
