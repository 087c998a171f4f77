"""Puts an exam's questions to students by the recipe's inference: all conversations take their turns together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.clauses import Job
from orchestrator.examination.decontamination import clear
from orchestrator.kinds import Ask, Concluded, Conversation, Exam, ExamItem, Messages, Said
from orchestrator.production import stream
from orchestrator.retrieval import Shelf
from orchestrator.training import BASE_ROUND, as_job_facts, student_of
from orchestrator.work import Work
from orchestrator.worker_process import carry_out
from storage.keyed import content_key
from storage.records import Draft, Entry, Student

TURNS = 40
"""More than any inference needs: one that goes on asks for ever."""


@dataclass(frozen=True)
class Line:
    """One question as the worker is asked it."""

    key: str
    prompt: Messages
    max_tokens: int
    choices: tuple[str, ...] = ()


async def converse(
    work: Work, student: Student, exams: Sequence[str], items: Mapping[str, ExamItem], folder: Path
) -> dict[tuple[str, int], Concluded]:
    """By item and sample what counts as the reply; its tokens are those of the whole conversation.

    The base is asked alone: an inference rests on what the round has taught and written. `items` are those of `exams`, by
    `<exam>/<number>`; these exams have samples, temperature and constraints in common.
    """
    shelf = _shelf(work, student)
    put = work.recipe.inference.converse if student.round > BASE_ROUND else _once
    samples = range(work.recipe.exams[exams[0]].samples)
    talking = {(key, n): put(item, shelf) for key, item in items.items() for n in samples}
    asks = {at: list(next(conversation)) for at, conversation in talking.items()}
    found, tokens = dict[tuple[str, int], Concluded](), dict.fromkeys(talking, 0)
    for turn in range(TURNS):
        if not asks:
            return found
        place = folder / f"turn-{turn + 1}" if turn else folder
        said = await _turn(work, student, exams, items, asks, place)
        tokens = {at: count + sum(each.tokens for each in said.get(at, [])) for at, count in tokens.items()}
        asks, ended = _go_on(talking, said)
        found |= {at: _with_tokens(concluded, tokens[at]) for at, concluded in ended.items()}
    raise RuntimeError(
        f"inference {work.recipe.inference.use!r} still asks after {TURNS} turns; a conversation has to end"
    )


def _once(_item: ExamItem, _shelf: Shelf) -> Conversation:
    [said] = yield [Ask()]
    return Concluded(said)


def _shelf(work: Work, student: Student) -> Shelf:
    rounds = range(BASE_ROUND + 1, student.round + 1)
    materials = [m for name in work.recipe.inference.sources for number in rounds for m in stream(work, name, number)]
    return Shelf(clear(work, "the shelf", [material for material in materials if isinstance(material, Draft)]))


def _go_on(
    talking: Mapping[tuple[str, int], Conversation], said: Mapping[tuple[str, int], Sequence[Said]]
) -> tuple[dict[tuple[str, int], list[Ask]], dict[tuple[str, int], Concluded]]:
    """What is asked next by those who go on, and what the others came to."""
    asks, ended = {}, {}
    for at, replies in said.items():
        try:
            asks[at] = list(talking[at].send(replies))
        except StopIteration as end:
            ended[at] = end.value
    return asks, ended


def _with_tokens(concluded: Concluded, tokens: int) -> Concluded:
    return replace(concluded, said=replace(concluded.said, tokens=tokens))


async def _turn(
    work: Work,
    student: Student,
    exams: Sequence[str],
    items: Mapping[str, ExamItem],
    asks: Mapping[tuple[str, int], Sequence[Ask]],
    folder: Path,
) -> dict[tuple[str, int], list[Said]]:
    """What was said to each, in the order of the asks; every student that is asked starts once."""
    limits = {name: work.recipe.exams[name].max_tokens for name in exams}
    of_job: dict[str, list[Line]] = {}
    for (key, sample), asked in asks.items():
        for number, ask in enumerate(asked):
            job = _job(work, ask.job or student.job)
            item, limit = items[key], limits[key.partition("/")[0]]
            line = Line(f"{key}#{sample}.{number}", _prompt(work, job, item, ask), limit, ask.choices or item.choices)
            of_job.setdefault(job.job, []).append(line)
    said: dict[str, Said] = {}
    for name, lines in of_job.items():
        mate = student if name == student.job else student_of(work, _job(work, name), student.round)
        place = folder if name == student.job else folder / name
        said |= await _ask(work, mate, work.recipe.exams[exams[0]], lines, place)
    return {at: [said[f"{at[0]}#{at[1]}.{number}"] for number in range(len(asked))] for at, asked in asks.items()}


def _job(work: Work, name: str) -> Job:
    return next(job for job in work.recipe.training if job.job == name)


def _prompt(work: Work, job: Job, item: ExamItem, ask: Ask) -> Messages:
    """The item's own prompt; with fields besides, as the format of the job's lessons shows them. Turns that an exam put
    before what the form makes stay where they are."""
    exams_form = work.recipe.datasets[work.recipe.training[-1].dataset].format
    form = work.recipe.datasets[job.dataset].format
    if not ask.shown and form == exams_form:
        return item.prompt
    fields = {"question": item.question, "gold": item.gold, **item.fields}
    turns = item.prompt[: len(item.prompt) - len(exams_form.prompt(fields))]
    return [*turns, *form.prompt({**fields, **ask.shown})]


async def _ask(work: Work, student: Student, exam: Exam, lines: Sequence[Line], folder: Path) -> dict[str, Said]:
    folder.mkdir(parents=True, exist_ok=True)
    questions, written = folder / "questions.jsonl", [json.dumps(vars(line)) for line in lines]
    questions.write_text("\n".join(written) + "\n", encoding="utf-8")
    job = {
        "kind": "answer",
        "folder": str(folder.resolve()),
        "questions": str(questions.resolve()),
        "temperature": exam.temperature,
        "seed": work.recipe.seed,
        **({"constraints": exam.constraints.as_job_facts()} if exam.constraints else {}),
        **as_job_facts(student, work),
        "student": student.key,
        "asked": content_key("asked", written),
    }
    result = await carry_out(job, lambda event: work.tell("examining", event))
    subject = f"{student.key} {folder.relative_to(work.folder)}"
    seconds = result["seconds"]
    work.store.add(Entry.new(run=work.run.key, round=student.round, stage="examine", subject=subject, seconds=seconds))
    with (folder / "replies.jsonl").open(encoding="utf-8") as replies:
        told: list[dict[str, Any]] = [json.loads(line) for line in replies]
    return {line.pop("key"): Said(**line) for line in told}
