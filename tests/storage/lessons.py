"""Small records that tests share, one of each kind, all of one run."""

from typing import Any

from storage.records import (
    Attempt,
    Call,
    Cluster,
    Dataset,
    DatasetRow,
    Draft,
    Entry,
    Failure,
    Hearing,
    Plan,
    Record,
    Ruling,
    Run,
    Scorecard,
    Seed,
    Student,
    Verdict,
)
from storage.store import rows_digest


def a_run(digest: str = "d1", **more: Any) -> Run:
    return Run.new(**{"recipe_name": "maths", "recipe_digest": digest, "recipe": {"rounds": 2}, **more})


RUN = a_run().key


def a_call(number: int = 0, **more: Any) -> Call:
    return Call.new(**{"model": "m", "request": {"prompt": "p", "sample": number}, "reply": {"text": "r"}, **more})


def a_seed(number: int = 0, **more: Any) -> Seed:
    fields = {"question": f"{number} + 1?"}
    return Seed.new(
        **{"run": RUN, "round": 0, "stream": "main", "kind": "q", "fields": fields, "split_key": "k", **more}
    )


def a_draft(number: int = 0, **more: Any) -> Draft:
    usual = {"run": RUN, "round": 0, "step": "write", "kind": "solution", "fields": {"text": f"t{number}"}}
    return Draft.new(**{**usual, "split_key": f"k{number}", "producer": "w@1", "skill": f"s{number % 2}", **more})


def a_verdict(draft: Draft, **more: Any) -> Verdict:
    usual = {"run": draft.run, "draft": draft.key, "step": "check", "judge": "j@1", "outcome": "accepted"}
    return Verdict.new(**{**usual, **more})


def a_dataset(*drafts: Draft, name: str = "train") -> list[Record]:
    rows = [
        DatasetRow(dataset="", position=position, draft=draft.key, content={"completion": draft.fields})
        for position, draft in enumerate(drafts)
    ]
    dataset = Dataset.new(run=RUN, round=0, name=name, format="text", digest=rows_digest(rows), size=len(rows))
    for row in rows:
        row.dataset = dataset.key
    return [dataset, *rows]


def a_student(**more: Any) -> Student:
    return Student.new(**{"run": RUN, "round": 0, "job": "sft", "base": "b", "base_digest": "x", **more})


def an_attempt(student: Student, **more: Any) -> Attempt:
    usual = {"run": RUN, "round": student.round, "student": student.key, "exam": "e", "question": "1 + 1?"}
    return Attempt.new(**{**usual, "gold": "2", "reply": "3", "answer": "3", "right": False, "split_key": "k", **more})


def an_entry(subject: str, **more: Any) -> Entry:
    return Entry.new(**{"run": RUN, "round": 0, "stage": "ask", "subject": subject, **more})


def a_scorecard(student: Student, exam: str = "e", **more: Any) -> Scorecard:
    usual = {"run": RUN, "round": student.round, "student": student.key, "exam": exam}
    return Scorecard.new(**{**usual, "n": 1, "accuracy": 0.0, "low": 0.0, "high": 0.7, **more})


def a_cluster(student: Student, label: str, size: int, **more: Any) -> Cluster:
    usual = {"run": RUN, "round": student.round, "student": student.key, "exam": "e", "label": label, "size": size}
    return Cluster.new(**{**usual, **more})


def one_of_each() -> list[Record]:
    draft, student, call = a_draft(1), a_student(), a_call(usd=0.5)
    attempt = an_attempt(student)
    failure = Failure.new(run=RUN, round=0, attempt=attempt.key, cluster="carry")
    return [
        *(a_run(), a_seed(), draft, a_verdict(draft), call, *a_dataset(draft), student, attempt, a_scorecard(student)),
        failure,
        a_cluster(student, "carry", 1, failures=[failure.key]),
        Ruling.new(
            run=RUN, round=0, champion="b", challenger=student.key, outcome="hold", why="no gain", figures=[{"n": 1}]
        ),
        Hearing.new(run=RUN, role="judge", judge="j@1", model="m", admitted=True, why="fair", figures={"youden": 0.9}),
        Plan.new(run=RUN, round=1, quotas={"s1": 3}, why="carry is weak"),
        an_entry(call.key, usd=0.5, prompt_tokens=10, completion_tokens=20, seconds=1.5),
    ]
