"""What a store can be asked about its records. Answers are detached from the store and come in a fixed order."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, col, select

from storage.engine import explained
from storage.keyed import canonical_json
from storage.records import (
    Attempt,
    Batch,
    BatchState,
    Call,
    Cluster,
    Dataset,
    DatasetRow,
    Draft,
    Failure,
    Forecast,
    Hearing,
    Outcome,
    Plan,
    Ruling,
    Run,
    Scorecard,
    Seed,
    Setup,
    Student,
    Verdict,
    Withdrawal,
    Withdrawn,
)

PAGE = 500

R = TypeVar("R", bound=SQLModel)


def rows_digest(rows: Iterable[DatasetRow]) -> str:
    """The digest of a dataset with these rows, in this order: of their drafts and contents."""
    digest = blake2b(digest_size=16)
    for row in rows:
        digest.update(canonical_json([row.draft, row.content]) + b"\n")
    return f"rows:b2:{digest.hexdigest()}"


class Lineage:
    """The questions that read records as they were written."""

    place: str
    _engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the store and ends here. Raises StoreError."""
        with explained(self.place), Session(self._engine) as session:
            yield session

    def _get(self, model: type[R], key: str) -> R | None:
        with self.reading() as session:
            return session.get(model, key)

    def _all(self, model: Any, *conditions: Any) -> list[Any]:
        """Records by round and key. A condition that is None is left out."""
        wanted = [condition for condition in conditions if condition is not None]
        statement = select(model).where(*wanted).order_by(model.round, model.key)
        with self.reading() as session:
            return list(session.exec(statement))

    def run(self, key: str) -> Run | None:
        """Which run has this key?"""
        return self._get(Run, key)

    def runs(self) -> list[Run]:
        """Which runs are there? Newest first."""
        with self.reading() as session:
            return list(session.exec(select(Run).order_by(col(Run.created_at).desc(), Run.key)))

    def call(self, key: str) -> Call | None:
        """Was this request already paid for, and what was the reply?"""
        return self._get(Call, key)

    def holds_calls(self) -> bool:
        """Is there any stored reply?"""
        return bool(self._column(select(Call.key).limit(1)))

    def stored_calls(self, keys: Iterable[str]) -> set[str]:
        """Which of these requests have a stored reply? Their keys alone."""
        wanted = sorted(keys)
        pages = (wanted[start : start + PAGE] for start in range(0, len(wanted), PAGE))
        return {key for page in pages for key in self._column(select(Call.key).where(col(Call.key).in_(page)))}

    def seeds(self, run: str, stream: str, round: int | None = None) -> list[Seed]:
        """What did this stream give, in one round or in all?"""
        return self._all(Seed, Seed.run == run, Seed.stream == stream, _at(Seed, round))

    def drafts(self, run: str, step: str, round: int | None = None) -> list[Draft]:
        """What did this step write, in one round or in all?"""
        return self._all(Draft, Draft.run == run, Draft.step == step, _at(Draft, round))

    def seed_keys(self, run: str, stream: str, round: int) -> list[str]:
        """Which seeds did this stream give in one round? Their keys alone: a hundred thousand fit into memory."""
        return self._column(
            select(Seed.key).where(Seed.run == run, Seed.stream == stream, Seed.round == round).order_by(Seed.key)
        )

    def seed_origins(self, run: str, stream: str, before: int) -> set[str]:
        """From where did this stream give something in the rounds before this one?"""
        return set(self._column(select(Seed.origin).where(Seed.run == run, Seed.stream == stream, Seed.round < before)))

    def draft_keys(self, run: str, step: str, round: int) -> list[str]:
        """Which drafts did this step write in one round?"""
        return self._column(
            select(Draft.key).where(Draft.run == run, Draft.step == step, Draft.round == round).order_by(Draft.key)
        )

    def parents(self, run: str, step: str, round: int) -> set[str]:
        """From which materials has this step written something in one round?"""
        statement = select(Draft.parents).where(Draft.run == run, Draft.step == step, Draft.round == round)
        return {parents[0] for parents in self._column(statement)}

    def judged(self, run: str, step: str, round: int) -> dict[str, Outcome]:
        """What came of each draft that this step judged in one round? Where judges changed, the latest verdict counts."""
        statement = select(Verdict.draft, Verdict.outcome).where(Verdict.run == run, Verdict.step == step)
        statement = statement.join(Draft, col(Draft.key) == Verdict.draft).where(Draft.round == round)
        with self.reading() as session:
            found = session.execute(statement.order_by(Verdict.draft, col(Verdict.created_at), Verdict.key))
            return dict(iter(found))  # type: ignore[arg-type]

    def _column(self, statement: Any) -> list[Any]:
        with self.reading() as session:  # page by page: the driver's rows are larger than what is wanted of them
            return list(session.exec(statement.execution_options(yield_per=PAGE)))

    def by_key(self, model: type[R], keys: Iterable[str]) -> dict[str, R]:
        """Which records have these keys? In the order of the keys; unknown keys are left out."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, R] = {}
        column = col(model.key)  # type: ignore[attr-defined]
        with self.reading() as session:
            for start in range(0, len(wanted), PAGE):
                page = session.exec(select(model).where(column.in_(wanted[start : start + PAGE])))
                found.update((record.key, record) for record in page)  # type: ignore[attr-defined]
        return {key: found[key] for key in wanted if key in found}

    def verdicts_of(self, draft: str) -> list[Verdict]:
        """What has been said of one draft? Oldest first."""
        statement = select(Verdict).where(Verdict.draft == draft).order_by(col(Verdict.created_at), Verdict.key)
        with self.reading() as session:
            return list(session.exec(statement))

    def drafts_like(self, run: str, beginning: str) -> list[Draft]:
        """Which drafts of this run have a key, or digits of one, that begin so? The first ten."""
        digits = beginning.rpartition(":")[2]
        begins = col(Draft.key).startswith(f"draft:b2:{digits}", autoescape=True)
        with self.reading() as session:
            return list(session.exec(select(Draft).where(Draft.run == run, begins).order_by(Draft.key).limit(10)))

    def verdicts(self, run: str, step: str, round: int | None = None) -> dict[str, Verdict]:
        """What did this step say of each draft? By draft; where judges changed, the latest verdict counts."""
        statement = select(Verdict).where(Verdict.run == run, Verdict.step == step)
        if round is not None:
            statement = statement.join(Draft, col(Draft.key) == Verdict.draft).where(Draft.round == round)
        with self.reading() as session:
            found = session.exec(statement.order_by(Verdict.draft, col(Verdict.created_at), Verdict.key))
            return {verdict.draft: verdict for verdict in found}

    def open_batches(self, endpoint: str) -> list[Batch]:
        """Which batches may this provider still have replies of? Oldest first."""
        statement = select(Batch).where(Batch.endpoint == endpoint, Batch.state != BatchState.ENDED)
        with self.reading() as session:
            return list(session.exec(statement.order_by(col(Batch.created_at), Batch.key)))

    def forecasts(self, run: str) -> list[Forecast]:
        """What was forecast for this run? Oldest first."""
        statement = select(Forecast).where(Forecast.run == run)
        with self.reading() as session:
            return list(session.exec(statement.order_by(col(Forecast.created_at), Forecast.key)))

    def plans(self, run: str) -> list[Plan]:
        """What was planned for each round?"""
        return self._all(Plan, Plan.run == run)

    def latest_plan(self, run: str) -> Plan | None:
        """What is planned for the newest round?"""
        return (self.plans(run) or [None])[-1]

    def datasets(self, run: str) -> list[Dataset]:
        """Which datasets did this run freeze?"""
        return self._all(Dataset, Dataset.run == run)

    def dataset(self, key: str) -> Dataset | None:
        """Which dataset has this key?"""
        return self._get(Dataset, key)

    def dataset_rows(self, key: str) -> Iterator[DatasetRow]:
        """Which rows does a trainer read? In order, page by page; no transaction stays open between pages."""
        after = -1
        while True:
            statement = select(DatasetRow).where(DatasetRow.dataset == key, DatasetRow.position > after)
            with self.reading() as session:
                page = list(session.exec(statement.order_by(col(DatasetRow.position)).limit(PAGE)))
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].position

    def lesson_rows(self, run: str, round: int, most: int) -> list[dict[str, Any]]:
        """What does a trainer read of the lessons that were written in one round? A row of each, of the first by key."""
        lessons = select(DatasetRow.draft).join(Dataset, col(Dataset.key) == DatasetRow.dataset)
        lessons = lessons.join(Draft, col(Draft.key) == DatasetRow.draft).where(
            Dataset.run == run, Draft.round == round
        )
        keys, rows = (
            self._column(lessons.distinct().order_by(DatasetRow.draft).limit(most)),
            dict[str, dict[str, Any]](),
        )
        with self.reading() as session:
            for start in range(0, len(keys), PAGE):
                statement = select(DatasetRow.draft, DatasetRow.content)
                page = statement.where(col(DatasetRow.draft).in_(keys[start : start + PAGE]))
                for draft, content in session.exec(
                    page.order_by(DatasetRow.draft, DatasetRow.dataset, col(DatasetRow.position))
                ):
                    rows.setdefault(draft, dict(content))
        return [rows[key] for key in keys]

    def students(self, run: str) -> list[Student]:
        """Which students did this run train? By round and job."""
        # Sorted here: the back ends do not agree on the order of names.
        return sorted(self._all(Student, Student.run == run), key=lambda s: (s.round, s.job))

    def student(self, key: str) -> Student | None:
        """Which student has this key?"""
        return self._get(Student, key)

    def attempts(self, student: str, exam: str) -> list[Attempt]:
        """What did this student answer in this exam?"""
        return self._all(Attempt, Attempt.student == student, Attempt.exam == exam)

    def scorecards(self, run: str) -> list[Scorecard]:
        """How did the students of this run do? By round and exam."""
        return sorted(self._all(Scorecard, Scorecard.run == run), key=lambda s: (s.round, s.exam))

    def clusters(self, run: str, round: int | None = None) -> list[Cluster]:
        """Which failures have something in common? The largest first, by round."""
        found = self._all(Cluster, Cluster.run == run, _at(Cluster, round))
        return sorted(found, key=lambda c: (c.round, -c.size, c.label))

    def rulings(self, run: str) -> list[Ruling]:
        """What did the gate say?"""
        return self._all(Ruling, Ruling.run == run)

    def hearings(self, run: str) -> list[Hearing]:
        """What did the court find of the judges?"""
        return self._all(Hearing, Hearing.run == run)

    def attempts_of(self, run: str, exams: Iterable[str]) -> list[Attempt]:
        """What did all students of a run answer in these exams?"""
        return self._all(Attempt, Attempt.run == run, col(Attempt.exam).in_(sorted(exams)))

    def failures(self, run: str, round: int | None = None) -> list[Failure]:
        """What went wrong, in one round or in all?"""
        return self._all(Failure, Failure.run == run, _at(Failure, round))

    def writers(self, run: str) -> list[str]:
        """Which models wrote drafts of this run?"""
        producers = self._column(select(Draft.producer).where(Draft.run == run).distinct())
        return sorted({model for producer in producers if (model := producer.partition(" ")[2])})

    def setups(self, run: str) -> list[Setup]:
        """With what was this run carried out? Oldest first."""
        statement = select(Setup).where(Setup.run == run)
        with self.reading() as session:
            return list(session.exec(statement.order_by(col(Setup.created_at), Setup.key)))

    def withdrawals(self) -> list[Withdrawal]:
        """What has been withdrawn? Oldest first."""
        with self.reading() as session:
            return list(session.exec(select(Withdrawal).order_by(col(Withdrawal.created_at), Withdrawal.key)))

    def withdrawn(self, run: str) -> dict[str, tuple[str, list[str]]]:
        """Which records of this run descend from what was withdrawn? By record its noun, and the keys of the withdrawals."""
        statement = select(Withdrawn.record, Withdrawn.kind, Withdrawn.withdrawal).where(Withdrawn.run == run)
        found: dict[str, tuple[str, list[str]]] = {}
        with self.reading() as session:
            for record, kind, withdrawal in session.exec(statement.order_by(Withdrawn.record, Withdrawn.withdrawal)):
                found.setdefault(record, (kind, []))[1].append(withdrawal)
        return found


def _at(model: Any, round: int | None) -> Any:
    return None if round is None else model.round == round
