"""Asks a student how likely it finds texts: a job file, a child process, a log-probability of each."""

import json
from collections.abc import Sequence
from pathlib import Path

from orchestrator.clauses import Weigh
from orchestrator.kinds import Messages, Weight
from orchestrator.training import as_job_facts, student_of
from orchestrator.work import Work
from orchestrator.worker_process import carry_out
from storage.keyed import canonical_json, content_key
from storage.records import Entry, Plan, Student

Text = tuple[Messages, str]


async def weigh(work: Work, plan: Plan, step: Weigh, texts: Sequence[Sequence[Text]]) -> list[list[Weight]]:
    """Of each draft its texts' weights, by the step's student of the round before; the base weighs in the first round.

    A text that several drafts share is weighed once. Raises WorkerFailed.
    """
    distinct = {canonical_json(text): text for own in texts for text in own}
    if not distinct:
        return [[] for _ in texts]
    job = next(job for job in work.recipe.training if job.job == step.student)
    student = student_of(work, job, plan.round - 1)
    weights = dict(zip(distinct, await _weighed(work, plan, step, student, list(distinct.values())), strict=True))
    return [[weights[canonical_json(text)] for text in own] for own in texts]


async def _weighed(work: Work, plan: Plan, step: Weigh, student: Student, texts: Sequence[Text]) -> list[Weight]:
    folder = work.round_folder(plan) / f"weigh-{step.step}"
    folder.mkdir(parents=True, exist_ok=True)
    written = [json.dumps({"key": str(i), "prompt": p, "choices": [text]}) for i, (p, text) in enumerate(texts)]
    questions = folder / "questions.jsonl"
    questions.write_text("\n".join(written) + "\n", encoding="utf-8")
    job = {
        "kind": "answer",
        "folder": str(folder.resolve()),
        "questions": str(questions.resolve()),
        **as_job_facts(student, work),
        "student": student.key,
        "asked": content_key("asked", written),
    }
    result = await carry_out(job, lambda event: work.tell("weighing", event))
    entry = Entry.new(
        run=work.run.key,
        round=plan.round,
        stage="weigh",
        subject=f"{student.key} {folder.relative_to(work.folder)}",
        seconds=result["seconds"],
    )
    work.store.add(entry)
    return _read(folder / "replies.jsonl", len(texts))


def _read(path: Path, count: int) -> list[Weight]:
    found: dict[int, Weight] = {}
    with path.open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            [[logprob, _, tokens]] = json.loads(line["reply"])
            found[int(line["key"])] = Weight(logprob, tokens)
    return [found[i] for i in range(count)]
