"""Examines students: asks through the worker, grades here, and keeps every attempt, what failed, and a scorecard."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.kinds import Unanswered, UnreadableReply
from orchestrator.examination import hearings, mining
from orchestrator.examination.decontamination import clear
from orchestrator.examination.items import CANARY, exam_items, grade_canary
from orchestrator.examination.scoring import novelty, scorecard
from orchestrator.kinds import Exam, ExamItem, Format, Grade, JudgedExam, Messages, Said
from orchestrator.production import stream, together
from orchestrator.training import as_job_facts
from orchestrator.work import Work
from orchestrator.worker_process import carry_out
from storage.keyed import content_key
from storage.records import Attempt, Draft, Entry, Outcome, Scorecard, Student


class ExamSealed(Exception):
    """A test was about to be read while lessons can still be written."""


@dataclass(frozen=True)
class Reply:
    """One line of what the worker left."""

    sample: int
    reply: str
    tokens: int
    finished: bool = True
    confidence: float | None = None
    margin: float | None = None


async def examine(work: Work, student: Student, exams: Sequence[str]) -> list[Scorecard]:
    """A scorecard for each exam. Exams that are done already are not asked again.

    Raises ExamSealed for a test before the last plan: what has been read could steer.
    """
    known = {card.exam: card for card in work.store.scorecards(work.run.key) if card.student == student.key}
    missing = [name for name in exams if name not in known]
    _check_seal(work, missing)
    groups: dict[tuple[int, float], list[str]] = {}
    for name in missing:
        exam = work.recipe.exams[name]
        groups.setdefault((exam.samples, exam.temperature), []).append(name)
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
    replies = await _ask(work, student, names, {key: item.prompt for key, item in items.items()}, folder)
    shown = _to_show(work, student, items, replies)
    if shown:
        form = work.recipe.datasets[work.recipe.training[-1].dataset].format
        prompts = {key: _prompt_again(form, items[key], fields) for key, fields in shown.items()}
        replies |= await _ask(work, student, names, prompts, folder / "again")
    cards, records = {}, []
    for name in names:
        mine = {key: item for key, item in items.items() if key.startswith(f"{name}/")}
        attempts = await _graded(work, student, name, mine, replies, shown)
        counted = [attempt for attempt in attempts if attempt.skill != CANARY]
        more = {**hearings.corrections(work, name, counted), **_novelty(work, student, name, counted)}
        cards[name] = scorecard(work.run.key, student, name, counted, more)
        records += [*attempts, *await mining.mine(work, student, name, _wrong(work, name, counted)), cards[name]]
    work.store.add(*records)  # at once: half of these exams could not be told from a job of its own
    for card in cards.values():
        work.tell("examined", {"round": card.round, "exam": card.exam, "accuracy": card.accuracy, "n": card.n})
    return cards


def _fields(item: ExamItem) -> dict[str, Any]:
    return {"question": item.question, "gold": item.gold, **item.fields}


def _prompt_again(form: Format, item: ExamItem, shown: Mapping[str, Any]) -> Messages:
    """The item's prompt with fields besides. Turns that an exam put before what the form makes stay where they are."""
    fields = _fields(item)
    turns = item.prompt[: len(item.prompt) - len(form.prompt(fields))]
    return [*turns, *form.prompt({**fields, **shown})]


def _to_show(
    work: Work, student: Student, items: Mapping[str, ExamItem], replies: Mapping[str, Sequence[Reply]]
) -> dict[str, Mapping[str, Any]]:
    """What the questions that are to be asked once more are asked with; nothing for a student that was taught nothing."""
    inference = work.recipe.inference
    rounds = range(1, student.round + 1)
    materials = [m for name in inference.sources for number in rounds for m in stream(work, name, number)]
    shelf = clear(work, "the shelf", [material for material in materials if isinstance(material, Draft)])
    if not shelf:
        return {}
    first = {key: replies[key][0] for key in items}
    shown = {
        key: inference.show(item, Said(first[key].reply, first[key].confidence, first[key].margin), shelf)
        for key, item in items.items()
    }
    return {key: fields for key, fields in shown.items() if fields}


async def _ask(
    work: Work, student: Student, names: Sequence[str], prompts: Mapping[str, Any], folder: Path
) -> dict[str, list[Reply]]:
    exams = {name: work.recipe.exams[name] for name in names}
    folder.mkdir(parents=True, exist_ok=True)
    questions = folder / "questions.jsonl"
    lines = [
        json.dumps({"key": key, "prompt": prompt, "max_tokens": exams[key.partition("/")[0]].max_tokens})
        for key, prompt in prompts.items()
    ]
    questions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    way = {name: getattr(exams[names[0]], name) for name in ("samples", "temperature")}
    job = {
        "kind": "answer",
        "folder": str(folder.resolve()),
        "questions": str(questions.resolve()),
        "max_tokens": max(exam.max_tokens for exam in exams.values()),
        **way,
        "seed": work.recipe.seed,
        **as_job_facts(student, work),
        "student": student.key,
        "asked": content_key("asked", lines),
    }
    result = await carry_out(job, lambda event: work.tell("examining", event))
    entry = Entry.new(
        run=work.run.key,
        round=student.round,
        stage="examine",
        subject=f"{student.key} {folder.relative_to(work.folder)}",
        seconds=result["seconds"],
    )
    work.store.add(entry)
    found: dict[str, list[Reply]] = {}
    with (folder / "replies.jsonl").open(encoding="utf-8") as replies:
        for line in map(json.loads, replies):
            found.setdefault(line.pop("key"), []).append(Reply(**line))
    return found


async def _graded(
    work: Work,
    student: Student,
    name: str,
    items: Mapping[str, ExamItem],
    replies: Mapping[str, Sequence[Reply]],
    shown: Mapping[str, Mapping[str, Any]],
) -> list[Attempt]:
    """An attempt for every reply that could be graded. Raises hearings.JudgeRefused for a judge that may not judge."""
    exam: Exam = work.recipe.exams[name]
    asked = [(key, reply) for key in items for reply in replies[key]]
    if isinstance(exam, JudgedExam):
        await hearings.admit(work, name, student)
        grades = await _judged(work, student, exam, [(items[key], reply.reply) for key, reply in asked])
    else:
        grades = [_by_rule(exam, items[key], reply.reply) for key, reply in asked]
    return [
        _attempt(work, student, name, items[key], reply, grade, shown.get(key, {}))
        for (key, reply), grade in zip(asked, grades, strict=True)
        if grade
    ]


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
            return None
        return Grade(exam.grade(item, reply).answer, found.outcome == Outcome.ACCEPTED, found.score, found.call)

    with work.ledger.spending_on(student.round, "examine"):
        grades = await together(judge(item, reply) for item, reply in asked)
    await work.ledger.flush()
    return grades


def _attempt(
    work: Work,
    student: Student,
    name: str,
    item: ExamItem,
    reply: Reply,
    grade: Grade,
    shown: Mapping[str, Any],
) -> Attempt:
    return Attempt.new(
        run=work.run.key,
        round=student.round,
        student=student.key,
        exam=name,
        question=item.question,
        gold=item.gold,
        skill=item.skill,
        split_key=item.split_key,
        shown=dict(shown),
        **vars(grade),
        **vars(reply),
    )


def _novelty(work: Work, student: Student, exam: str, attempts: Sequence[Attempt]) -> dict[str, float]:
    if not work.recipe.exams[exam].measures_novelty:
        return {}
    datasets = [d.key for d in work.store.datasets(work.run.key) if d.round <= student.round]
    drafts = work.store.by_key(Draft, [row.draft for key in datasets for row in work.store.dataset_rows(key)])
    share = novelty(attempts, [str(draft.fields["answer"]) for draft in drafts.values() if "answer" in draft.fields])
    return {} if share is None else {"novelty": share}


def _wrong(work: Work, exam: str, attempts: Sequence[Attempt]) -> list[Attempt]:
    """What probe and practice failed. A test's failures steer nothing. Of several samples, the first that is wrong."""
    if work.recipe.exams[exam].part == "test":
        return []
    wrong: dict[str, Attempt] = {}
    for attempt in attempts:
        if not attempt.right:
            wrong.setdefault(attempt.question, attempt)
    return list(wrong.values())
