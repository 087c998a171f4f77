"""What descends from what within a run: from seeds over drafts, datasets and students to scores, and round to round."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from sqlmodel import col, select

from storage.keyed import canonical_json
from storage.lineage import Lineage
from storage.provenance import Taken, Withdrawal
from storage.records import Attempt, Dataset, DatasetRow, Draft, Plan, Ruling, Run, Scorecard, Seed, Student

PARTS = (":", "#")
"""What follows a file's or a document's name in the origin of a line or a passage."""

Nouns = dict[str, str]
"""Records by key, and which noun each is."""


def descendants(store: Lineage, run: Run, withdrawal: Withdrawal) -> Nouns:
    """The records of a run that a withdrawal names, and all that descend from them. A base descends from nothing."""
    family = _Family(store, run)
    found: Nouns = {}
    waiting = deque(_named(store, run, withdrawal))
    while waiting:
        key = waiting.popleft()
        if key not in found and (noun := family.nouns.get(key)):
            found[key] = noun
            waiting.extend(family.children.get(key, ()))
    return found


def is_of(origin: str, what: str) -> bool:
    """Whether an origin is the file or document of this name, or a part of it."""
    return origin == what or origin.startswith(tuple(what + part for part in PARTS))


def saying(store: Lineage, run: str, drafts: Iterable[str]) -> list[str]:
    """Keys of a run's drafts that say what one of these drafts says: read from the same call, or else of the same step."""
    found = []
    for given in store.by_key(Draft, drafts).values():
        same = Draft.call == given.call if given.call else (Draft.step == given.step) & (Draft.kind == given.kind)
        content = canonical_json(given.fields)
        alike = _rows(store, select(Draft.key, Draft.fields).where(Draft.run == run, same))
        found += [key for key, fields in alike if canonical_json(fields) == content]
    return found


def asked_of(run: Run, source: str) -> list[str]:
    """The run's exams that ask a source's questions."""
    return [name for name, exam in run.recipe.get("exams", {}).items() if exam.get("source") == source]


def _rows(store: Lineage, statement: Any) -> list[Any]:
    with store.reading() as session:
        return list(session.execute(statement))


def _named(store: Lineage, run: Run, withdrawal: Withdrawal) -> list[str]:
    """Keys of the seeds and drafts that a withdrawal names itself."""
    kind, what = withdrawal.kind, withdrawal.what
    if kind == Taken.SOURCE:
        return _of_source(store, run, what) if run.recipe_name == withdrawal.recipe else []
    if kind == Taken.ORIGIN:
        begins = col(Seed.origin).startswith(what, autoescape=True)
        seeds = _rows(store, select(Seed.key, Seed.origin).where(Seed.run == run.key, begins))
        return [key for key, origin in seeds if is_of(origin, what)]
    if kind == Taken.TEACHER:
        drafts = _rows(store, select(Draft.key, Draft.producer).where(Draft.run == run.key))
        return [key for key, producer in drafts if producer.partition(" ")[2] == what]
    return saying(store, run.key, [what])


def _of_source(store: Lineage, run: Run, source: str) -> list[str]:
    """Seeds that a source gave, and those made of what students answered to its questions."""
    given = select(Seed.key).where(Seed.run == run.key, Seed.stream == source)
    answered = select(Seed.key).join(Attempt, col(Attempt.key) == Seed.origin).where(Seed.run == run.key)
    exams = asked_of(run, source)
    return [
        key for statement in (given, answered.where(col(Attempt.exam).in_(exams))) for (key,) in _rows(store, statement)
    ]


class _Family:
    """Every record of a run that can descend from another, by the record that it descends from."""

    def __init__(self, store: Lineage, run: Run) -> None:
        self.nouns: Nouns = {}
        self.children: dict[str, list[str]] = {}
        of = run.key
        self._note("seed", _rows(store, select(Seed.key).where(Seed.run == of)))
        for key, parents in self._note("draft", _rows(store, select(Draft.key, Draft.parents).where(Draft.run == of))):
            self._descends(key, parents)
        self._note("dataset", _rows(store, select(Dataset.key).where(Dataset.run == of)))
        rows = select(DatasetRow.dataset, DatasetRow.draft).join(Dataset, col(Dataset.key) == DatasetRow.dataset)
        for key, draft in _rows(store, rows.where(Dataset.run == of).distinct()):
            self._descends(key, [draft])
        self._students(store, of)
        self._next_rounds(store, of)

    def _students(self, store: Lineage, of: str) -> None:
        facts = select(Student.key, Student.dataset, Student.parent, Student.settings).where(Student.run == of)
        for key, dataset, parent, settings in self._note("student", _rows(store, facts)):
            self._descends(key, [dataset, parent, settings.get("own", {}).get("taught_by", "")])
        scores = select(Scorecard.key, Scorecard.student).where(Scorecard.run == of)
        rulings = select(Ruling.key, Ruling.challenger).where(Ruling.run == of)
        for noun, statement in (("scorecard", scores), ("ruling", rulings)):
            for key, student in self._note(noun, _rows(store, statement)):
                self._descends(key, [student])

    def _next_rounds(self, store: Lineage, of: str) -> None:
        """What a student answered, and what its round's plan told the teacher of it, are seeds of the next round."""
        answered = select(Seed.key, Attempt.student).join(Attempt, col(Attempt.key) == Seed.origin)
        for key, student in _rows(store, answered.where(Seed.run == of)):
            self._descends(key, [student])
        briefs = select(Seed.key, Student.key).join(Plan, col(Plan.key) == Seed.origin)
        briefs = briefs.join(Student, (col(Student.run) == Seed.run) & (col(Student.round) == col(Plan.round) - 1))
        for key, student in _rows(store, briefs.where(Seed.run == of)):
            self._descends(key, [student])

    def _note(self, noun: str, rows: list[Any]) -> list[Any]:
        self.nouns.update((row[0], noun) for row in rows)
        return rows

    def _descends(self, key: str, ancestors: Iterable[str]) -> None:
        for ancestor in filter(None, ancestors):
            self.children.setdefault(ancestor, []).append(key)
