"""From an exam question to the lessons that are nearest to it: who taught a student what it answered."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agents.bm25 import BM25
from orchestrator.examination.decontamination import JUDGE, WORD, Guard
from orchestrator.examination.items import CANARY
from orchestrator.kinds import ExamItem
from storage.records import Attempt, Dataset, Draft, Run
from storage.store import Store, StoreError


@dataclass(frozen=True)
class Nearest:
    """A lesson that shares words with the question."""

    draft: str
    similarity: float
    """BM25 score of the lesson's text; comparable within one question alone."""
    words: float
    """Share of the question's distinct words that the lesson has."""
    datasets: list[str]
    """Name and round of each that taught the student."""
    round: int
    """In which it was written."""
    step: str
    producer: str
    skill: str
    text: str
    """What the trainer reads, prompt and all."""


@dataclass(frozen=True)
class Answered:
    """What one student made of the question; round 0 is the base."""

    round: int
    student: str
    right: bool
    reply: str


@dataclass(frozen=True)
class Teaching:
    key: str
    """Of the attempt that is asked about."""
    exam: str
    question: str
    gold: str
    skill: str
    right: bool
    reply: str
    """Of the student asked about, which is the last that took the exam."""
    student: str
    others: list[Answered]
    """What every student that took the exam made of it, by round."""
    lessons: list[Nearest]
    holding: list[str]
    """Lessons that hold the question itself; decontamination leaves none."""
    left_out: list[str]
    """Drafts that decontamination kept out of the datasets because they repeat this question."""

    @property
    def verdict(self) -> str:
        """What is known of a leak, in words."""
        what = "a canary, whose answer nobody can know without the exam: " if self.skill == CANARY else ""
        held = f"{len(self.holding)} lessons hold it" if self.holding else "no lesson holds it"
        return f"{what}{held}; {len(self.left_out)} drafts were left out because they repeat it"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def who_taught(
    store: Store, run: Run, item: str | None, exam: str | None = None, *, wrong: bool = False, most: int = 5
) -> list[Teaching]:
    """The nearest lessons of each question that is meant: by its text, by the beginning of its attempt's key, or all of
    an exam, or those of it that the student got wrong. Raises StoreError if there is none such.
    """
    attempts = _meant(store, run, item, exam, wrong=wrong)
    shelves: dict[str, _Shelf] = {}
    left_out = _left_out(store, run)
    found = []
    for attempt in attempts:
        if attempt.student not in shelves:
            shelves[attempt.student] = _Shelf(store, attempt.student)
        found.append(_teaching(store, attempt, shelves[attempt.student], left_out, most))
    return found


def _teaching(store: Store, attempt: Attempt, shelf: "_Shelf", left_out: dict[str, list[str]], most: int) -> Teaching:
    others = [
        a for a in store.attempts_of(attempt.run, [attempt.exam]) if a.question == attempt.question and not a.sample
    ]
    return Teaching(
        **attempt.model_dump(include={"key", "exam", "question", "gold", "skill", "right", "reply", "student"}),
        others=[Answered(a.round, a.student, a.right, a.reply) for a in others],
        lessons=shelf.nearest(attempt.question, most),
        holding=shelf.holding(attempt),
        left_out=left_out.get(attempt.question, []),
    )


def _meant(store: Store, run: Run, item: str | None, exam: str | None, *, wrong: bool) -> list[Attempt]:
    exams = run.recipe["exams"]
    if exam is not None and exam not in exams:
        raise StoreError(f"Run {run.key} has no exam {exam!r}. It has: {', '.join(sorted(exams))}.")
    if item is None and exam is None:
        raise StoreError(
            "Which question? Give its text or the beginning of its key, or --exam NAME, perhaps with --wrong."
        )
    taken = [a for a in store.attempts_of(run.key, [exam] if exam else exams) if not a.sample]
    if not taken:
        raise StoreError(f"Nobody of run {run.key} has taken {f'exam {exam!r}' if exam else 'an exam'} yet.")
    found = [a for a in taken if item is None or _is(a, item)]
    if not found:
        raise StoreError(
            f"No question of run {run.key} is {item!r}, and no attempt's key begins so. `who-taught --exam NAME` lists the "
            f"questions of an exam; its exams are {', '.join(sorted({a.exam for a in taken}))}."
        )
    by_key = [a for a in found if item and a.question.strip() != item.strip()]
    return [a for a in (by_key or _of_the_last(found)) if not (wrong and a.right)]


def _is(attempt: Attempt, item: str) -> bool:
    digits = item.rpartition(":")[2]
    return attempt.question.strip() == item.strip() or (
        len(digits) > 3 and attempt.key.rpartition(":")[2].startswith(digits)
    )


def _of_the_last(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Of each question the attempt of the last student that was asked it."""
    return list({(a.exam, a.question): a for a in sorted(attempts, key=lambda a: a.round)}.values())


def _left_out(store: Store, run: Run) -> dict[str, list[str]]:
    """Drafts by the question that they repeat."""
    found: dict[str, list[str]] = {}
    for draft, verdict in store.verdicts(run.key, JUDGE).items():
        found.setdefault(str(verdict.evidence["question"]), []).append(draft)
    return found


class _Shelf:
    """The lessons that taught one student, its parents' included."""

    def __init__(self, store: Store, student: str) -> None:
        self._texts: dict[str, str] = {}
        self._where: dict[str, list[str]] = {}
        for dataset in _datasets(store, student):
            for row in store.dataset_rows(dataset.key):
                self._texts.setdefault(row.draft, "\n".join(_strings(row.content)))
                self._where.setdefault(row.draft, []).append(f"{dataset.name} of round {dataset.round}")
        self._keys = list(self._texts)
        self._index = BM25(list(self._texts.values()))
        self._store = store

    def nearest(self, question: str, most: int) -> list[Nearest]:
        places, scores = self._index.ranked(question)[:most], self._index.scores(question)
        drafts = self._store.by_key(Draft, [self._keys[place] for place in places])
        asked = set(WORD.findall(question.lower()))
        return [
            Nearest(
                draft=key,
                similarity=round(scores[place], 3),
                words=round(len(asked & set(WORD.findall(self._texts[key].lower()))) / max(1, len(asked)), 3),
                datasets=list(dict.fromkeys(self._where[key])),
                text=self._texts[key],
                **drafts[key].model_dump(include={"round", "step", "producer", "skill"}),
            )
            for place in places
            if (key := self._keys[place]) in drafts
        ]

    def holding(self, attempt: Attempt) -> list[str]:
        """By the same look that decontamination takes, or by the canary's word."""
        fields = {"question": attempt.question, "canary": attempt.split_key.rpartition(":")[2]}
        item = ExamItem(attempt.question, attempt.gold, [], attempt.skill, attempt.split_key, fields)
        guard = Guard([item])
        look = guard.canary if attempt.skill == CANARY else guard.find
        return [key for key, draft in self._store.by_key(Draft, self._keys).items() if look(draft.fields)]


def _datasets(store: Store, student: str) -> list[Dataset]:
    """Those that a student and its parents were trained on, the first one's first."""
    found: list[Dataset] = []
    while known := store.student(student):
        dataset = store.dataset(known.dataset) if known.dataset else None
        if dataset and dataset not in found:
            found.insert(0, dataset)
        student = known.parent
    return found


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _strings(part) if name != "role" else ()
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
